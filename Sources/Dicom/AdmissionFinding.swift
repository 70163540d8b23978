/// One reason to refuse a stack, or to warn about it. Texts hold no patient data; slices are told by
/// position and Instance Number.
package struct AdmissionFinding: Codable, Sendable, Hashable {
    package enum Severity: String, Codable, Sendable {
        case refusal
        case warning
    }

    /// Stable code, for example `E_MISSING_SLICE`; warnings begin with `W_`.
    package var code: String
    package var severity: Severity
    /// A sentence for the user.
    package var message: String
    /// What the user can do.
    package var hint: String
    /// The slices concerned, one line each; at most `AdmissionFinding.maximumDetails` and a closing count.
    package var sliceDetails: [String]

    package init(_ severity: Severity, _ code: String, _ message: String, hint: String, details: [String] = []) {
        self.code = code
        self.severity = severity
        self.message = message
        self.hint = hint
        let kept = details.prefix(Self.maximumDetails)
        sliceDetails = Array(kept)
        if details.count > kept.count { sliceDetails.append("and \(details.count - kept.count) more") }
    }

    /// What to do about images that came in several versions.
    package static let sendAgainFromOneSource = "Send the series again, complete and from one source."

    /// Enough to find the fault, few enough to read.
    package static let maximumDetails = 20
}

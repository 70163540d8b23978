/// Transfer syntaxes (PS3.5 section 10) that this project names. Reading knows more than writing.
package enum TransferSyntax: String, Sendable, CaseIterable {
    case implicitVRLittleEndian = "1.2.840.10008.1.2"
    case explicitVRLittleEndian = "1.2.840.10008.1.2.1"
    case deflatedExplicitVRLittleEndian = "1.2.840.10008.1.2.1.99"
    case explicitVRBigEndian = "1.2.840.10008.1.2.2"
    case jpegBaseline = "1.2.840.10008.1.2.4.50"
    case jpegExtended = "1.2.840.10008.1.2.4.51"
    case jpegLossless = "1.2.840.10008.1.2.4.57"
    case jpegLosslessFirstOrder = "1.2.840.10008.1.2.4.70"
    case jpegLSLossless = "1.2.840.10008.1.2.4.80"
    case jpegLSNearLossless = "1.2.840.10008.1.2.4.81"
    case jpeg2000Lossless = "1.2.840.10008.1.2.4.90"
    case jpeg2000 = "1.2.840.10008.1.2.4.91"
    case rleLossless = "1.2.840.10008.1.2.5"

    package var uid: String { rawValue }

    /// Whether pixels in this syntax have lost something, where the header does not say; nil: JPEG 2000 (.91) may be either.
    static func isLossy(_ uid: String) -> Bool? {
        uid == jpeg2000.uid ? nil : [jpegBaseline, jpegExtended, jpegLSNearLossless].map(\.uid).contains(uid)
    }

    /// Decoded by OpenJPEG rather than by DCMTK.
    var isJPEG2000: Bool { self == .jpeg2000 || self == .jpeg2000Lossless }
}

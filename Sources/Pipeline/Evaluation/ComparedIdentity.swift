import Dicom
import Platform

/// Whether what is compared belongs together: one place in space, one patient, one scan.
///
/// Places in different Frames of Reference cannot be compared (PS3.3 C.7.4.1). Objects that name one Series are believed
/// all the same, as anonymisers change one of the two UIDs at times. NIfTI says nothing of all that.
struct ComparedIdentity {
    /// A side of the comparison, or the CT.
    struct Party {
        /// `the reference`, for example.
        var name: String
        var namesFrames: Bool
        var frameOfReferenceUIDs: Set<String>
        var seriesInstanceUIDs: Set<String>
        /// Of one side several, where its files are of different patients.
        var patients: Set<PatientDigest>

        init(_ name: String, _ source: StructureSource) {
            self.name = name
            namesFrames = source.isDicom
            frameOfReferenceUIDs = Set(source.frameOfReferenceUIDs)
            seriesInstanceUIDs = Set(source.referencedSeriesInstanceUIDs)
            patients = source.patients
        }

        init(ct: SeriesScan.Stack) {
            name = "the CT"
            namesFrames = true
            frameOfReferenceUIDs = Set(ct.headers.compactMap(\.frameOfReferenceUID))
            seriesInstanceUIDs = [ct.key.seriesInstanceUID]
            patients = Set([ct.files.first.flatMap(PatientDigest.init(ofFile:))].compactMap(\.self))
        }
    }

    /// What makes the scores doubtful.
    private(set) var warnings: [String] = []
    /// What a reader should know.
    private(set) var findings: [String] = []

    /// - Parameter ct: the stack whose grid is used; nil where none was named. With it each side must lie in the CT.
    /// - Throws: `Fault` `E_OTHER_FRAME`.
    init(reference: StructureSource, prediction: StructureSource, ct: SeriesScan.Stack?) throws(Fault) {
        let sides = [Party("the reference", reference), Party("the prediction", prediction)]
        let compared = ct.map { ct in sides.map { ($0, Party(ct: ct)) } } ?? [(sides[0], sides[1])]
        for (a, b) in compared { try compare(a, b) }
        for (a, b) in [(sides[0], sides[1])] + (ct == nil ? [] : compared) where Self.differ(a.patients, b.patients) {
            warnings.insert("\(a.name) and \(b.name) are of different patients: their Patient IDs differ", at: 0)
        }
    }

    private mutating func compare(_ a: Party, _ b: Party) throws(Fault) {
        let sharesSeries = !a.seriesInstanceUIDs.isDisjoint(with: b.seriesInstanceUIDs)
        if Self.differ(a.frameOfReferenceUIDs, b.frameOfReferenceUIDs) {
            guard sharesSeries else {
                throw Fault(
                    .permanent,
                    "E_OTHER_FRAME",
                    """
                    \(a.name.prefix(1).uppercased() + a.name.dropFirst()) lies in another Frame of Reference than \(b.name), and \
                    they name no series that both belong to: their places cannot be compared.
                    """,
                    hint: """
                        Score contours that were drawn on one scan. Sets that were registered, or anonymised apart from each \
                        other, can be compared as NIfTI, which names no Frame of Reference.
                        """
                )
            }
            findings.append(
                "\(a.name) and \(b.name) name different Frames of Reference but one series; the series was believed"
            )
        } else if !sharesSeries {
            for (one, other) in [(a, b), (b, a)]
            where one.namesFrames && one.frameOfReferenceUIDs.isEmpty && !other.frameOfReferenceUIDs.isEmpty {
                warnings.append(
                    "\(one.name) names no Frame of Reference: whether it lies where \(other.name) lies cannot be told"
                )
            }
        }
        if Self.differ(a.seriesInstanceUIDs, b.seriesInstanceUIDs) {
            warnings.append(
                b.name == "the CT"
                    ? "\(a.name) was drawn on another series than the CT"
                    : "\(a.name) and \(b.name) were drawn on different series"
            )
        }
    }

    /// Whether both are known and have nothing in common.
    private static func differ<Element>(_ a: Set<Element>, _ b: Set<Element>) -> Bool {
        !a.isEmpty && !b.isEmpty && a.isDisjoint(with: b)
    }
}

import Dicom
import Report

extension CaseReport.SeriesSummary {
    /// What the headers of one stack say, with no patient data.
    ///
    /// - Parameters:
    ///   - stack: at least one image.
    ///   - part: which stack of its Series it is, where there are several.
    package init(stack: [InstanceHeader], part: StackPart?) {
        let first = stack[0]
        var seen: Set<String> = []
        self.init(
            seriesInstanceUID: first.seriesInstanceUID,
            studyInstanceUID: first.studyInstanceUID,
            modality: DefinedTerm.modality(first.modality),
            images: stack.filter { seen.insert($0.sopInstanceUID).inserted }.reduce(0) {
                $0 + max(1, $1.numberOfFrames)
            },
            columns: first.columns,
            rows: first.rows
        )
        frameOfReferenceUID = first.frameOfReferenceUID
        manufacturer = first.manufacturer
        convolutionKernel = first.convolutionKernel
        patientPosition = first.patientPosition
        self.part = part.map(CaseReport.Part.init)
    }
}

extension CaseReport.Part {
    package init(_ part: StackPart) {
        self.init(
            number: part.number,
            count: part.count,
            attributes: part.attributes.map { .init(name: $0.name, value: $0.value, divides: $0.divides) }
        )
    }
}

extension RunRequest {
    /// Notes which stack of which Series this is.
    ///
    /// - Parameter localizersSetAside: images of the Series that are localizers and not in the stack.
    package mutating func describe(stack: [InstanceHeader], part: StackPart?, localizersSetAside: Int) {
        series = CaseReport.SeriesSummary(stack: stack, part: part)
        self.localizersSetAside = localizersSetAside
    }
}

/// What a reader must know about the rest of the Series: its other parts, the localizers that were set aside, and
/// what came beside it.
func seriesFindings(_ request: RunRequest, _ series: CaseReport.SeriesSummary?) -> [CaseReport.Finding] {
    var findings = request.dropFindings ?? []
    func note(_ code: String, _ message: String, _ hint: String) {
        findings.append(
            .init(severity: .note, code: code, structure: nil, message: message, hint: hint, details: [])
        )
    }
    if let part = series?.part {
        note(
            "W_PART_OF_SERIES",
            "This is \(part.text).",
            "Its images are no single stack; each part has a result of its own."
        )
    }
    if let count = request.localizersSetAside, count > 0 {
        note(
            "W_LOCALIZERS_SET_ASIDE",
            "The series also holds \(count) localizer \(count == 1 ? "image" : "images"), not used.",
            ""
        )
    }
    return findings
}

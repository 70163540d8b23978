import Dicom
import Segmentation

extension StructureDescription {
    init(_ roi: ROIDescription) {
        self.init(name: roi.name, color: roi.color, interpretedType: roi.interpretedType, codes: roi.codes)
    }

    init(_ roi: DerivedROI) {
        self.init(name: roi.name, color: roi.color, interpretedType: roi.interpretedType, codes: roi.codes)
    }

    private init(name: String, color: [Int], interpretedType: String, codes: ROICodes) {
        self.init(
            name: name,
            red: color[0],
            green: color[1],
            blue: color[2],
            interpretedType: interpretedType,
            category: CodedTerm(codes.category),
            type: CodedTerm(codes.type),
            modifier: codes.modifier.map(CodedTerm.init)
        )
    }
}

extension Dicom.CodedTerm {
    fileprivate init(_ term: Segmentation.CodedTerm) {
        self.init(value: term.value, scheme: term.scheme, meaning: term.meaning)
    }
}

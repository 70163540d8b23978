import Dicom
import Foundation
import Pipeline
import Platform

/// The truth of a phantom, and changed copies of it as the sides of a comparison.
struct ComparedPhantom {
    let folder: Folder
    let truth: String
    let ct: String

    init(_ seed: UInt64) throws {
        folder = try Folder()
        try SmallPhantom.write(seed, to: folder.file("in"))
        (truth, ct) = (folder.file("in/truth"), folder.file("in/ct"))
    }

    func file(_ name: String) -> String { folder.file(name) }

    /// - Parameters:
    ///   - name: of an object of the truth.
    ///   - target: below the folder.
    /// - Returns: the path of the copy.
    @discardableResult
    func copy(_ name: String, as target: String, change: (inout DataSet) -> Void = { _ in }) throws -> String {
        let path = file(target)
        try Directory.create(Directory.parent(of: path))
        var object = try DicomFile(contentsOf: "\(truth)/\(name)")
        change(&object.dataSet)
        try object.write(to: path, transferSyntax: .implicitVRLittleEndian)
        return path
    }

    /// Compares the folders `reference` and `prediction`.
    var cohort: ComparisonRequest { ComparisonRequest(file("reference"), file("prediction")) }
}

extension ComparisonRequest {
    /// Two sides, and what few tests ask otherwise.
    init(_ reference: String, _ prediction: String, ct: [String] = [], labels: [String: UInt16] = [:]) {
        self.init(
            reference: reference,
            prediction: prediction,
            ct: ct,
            labels: labels,
            tolerancesMM: [2],
            toleranceByStructure: [:],
            threads: 2
        )
    }
}

extension DataSet {
    /// Changes every item of a sequence, where there is one.
    mutating func changeItems(of tag: Dicom.Tag, _ change: (inout DataSet) -> Void) {
        var items = sequence(tag)
        guard !items.isEmpty else { return }
        for index in items.indices { change(&items[index]) }
        set(tag, sequence: items)
    }

    /// Gives structures of an RT Structure Set other names.
    mutating func rename(_ names: [String: String]) {
        changeItems(of: .structureSetROISequence) { item in
            if let name = names[item.string(.roiName) ?? ""] { item.set(.roiName, .LO, name) }
        }
    }

    /// Lets structures of an RT Structure Set say that they lie in a Frame of Reference.
    ///
    /// - Parameter isListed: the set names it among those of its series, as it has to.
    mutating func place(_ names: Set<String>, inFrame uid: String, isListed: Bool) {
        changeItems(of: .structureSetROISequence) { item in
            if names.contains(item.string(.roiName) ?? "") { item.set(.referencedFrameOfReferenceUID, .UI, uid) }
        }
        guard isListed else { return }
        var frame = DataSet()
        frame.set(.frameOfReferenceUID, .UI, uid)
        set(.referencedFrameOfReferenceSequence, sequence: sequence(.referencedFrameOfReferenceSequence) + [frame])
    }

    /// Lets an RT Structure Set or a Segmentation contour another Series.
    mutating func refer(toSeries uid: String) {
        changeItems(of: .referencedSeriesSequence) { $0.set(.seriesInstanceUID, .UI, uid) }
        changeItems(of: .referencedFrameOfReferenceSequence) { frame in
            frame.changeItems(of: .rtReferencedStudySequence) { study in
                study.changeItems(of: .rtReferencedSeriesSequence) { $0.set(.seriesInstanceUID, .UI, uid) }
            }
        }
    }

    /// Places an RT Structure Set or a Segmentation in another Frame of Reference.
    mutating func refer(toFrame uid: String) {
        if string(.frameOfReferenceUID) != nil { set(.frameOfReferenceUID, .UI, uid) }
        changeItems(of: .referencedFrameOfReferenceSequence) { $0.set(.frameOfReferenceUID, .UI, uid) }
    }
}

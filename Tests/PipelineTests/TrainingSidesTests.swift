import Dicom
import Foundation
import Nifti
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("Training data with left and right exchanged")
struct TrainingSidesTests {
    private static let names = ["Lung_L": "Lung_L", "Lung_R": "Lung_R"]
    private static let exchanged = ["Lung_L": "Lung_R", "Lung_R": "Lung_L"]

    /// A patient in DICOM, whose lungs get the given names.
    private func dicom(_ name: String, seed: UInt64, _ names: [String: String], in folder: Folder) throws {
        let phantom = try ComparedPhantom(seed)
        try Directory.create(folder.file("data/" + name))
        try FileManager.default.moveItem(atPath: phantom.ct, toPath: folder.file("data/\(name)/ct"))
        let set = try phantom.copy("rtstruct.dcm", as: "set.dcm") { $0.rename(names) }
        try FileManager.default.moveItem(atPath: set, toPath: folder.file("data/\(name)/set.dcm"))
    }

    /// A patient as `ct.nii.gz` with a mask for each lung.
    private func nifti(_ name: String, seed: UInt64, _ names: [String: String], in folder: Folder) throws {
        let made = try Folder()
        let images = try SmallPhantom.write(seed, to: made.path)
        try Directory.create(folder.file("data/" + name))
        let ct = try loadCTSeries(files: images, limits: AdmissionLimits()).volume
        try NiftiFile.write(ct, to: folder.file("data/\(name)/ct.nii.gz"))
        for (old, new) in names {
            try FileManager.default.moveItem(
                atPath: made.file("truth/\(old).nii.gz"),
                toPath: folder.file("data/\(name)/\(new).nii.gz")
            )
        }
    }

    @Test("skip their case, in DICOM and in NIfTI, and the row says what is wrong and what to do")
    func exchanged() throws {
        let folder = try Folder()
        try dicom("dicom-right", seed: 1, Self.names, in: folder)
        try dicom("dicom-wrong", seed: 2, Self.exchanged, in: folder)
        try nifti("nifti-right", seed: 3, Self.names, in: folder)
        try nifti("nifti-wrong", seed: 4, Self.exchanged, in: folder)
        let request = try folder.request(SplitConfiguration(validationFraction: 0, testFraction: 0))
        let records = try trainModel(request) { _ in }.cases.sorted { $0.name < $1.name }
        #expect(records.map(\.name) == ["dicom-right", "dicom-wrong", "nifti-right", "nifti-wrong"])
        #expect(records.map(\.role) == [.training, .skipped, .training, .skipped], "\(records.map(\.remark))")
        let words = #/^Lung_L lies [0-9]+ mm to the patient's right of Lung_R: .*Correct it and train again$/#
        for record in records where record.role == .skipped {
            #expect(record.remark.contains(words), "\(record.remark)")
        }
    }
}

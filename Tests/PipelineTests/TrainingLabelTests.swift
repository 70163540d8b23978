import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("Label maps and dataset.json of a training")
struct TrainingLabelTests {
    /// Finds a case of nnU-Net's layout whose label map has 1, 2, 3 and 9 on voxels of these numbers; its files are there while
    /// `body` looks at it.
    private func withDataset<Result>(_ json: String, _ body: (TrainingCases) throws -> Result) throws -> Result {
        let folder = try Folder()
        for name in ["imagesTr", "labelsTr"] { try Directory.create(folder.file("data/\(name)")) }
        let grid = uprightGrid(8, 8, 4, spacing: Vector3(2, 2, 3))
        try NiftiFile.write(airAndTissue(grid), to: folder.file("data/imagesTr/one_0000.nii.gz"))
        var labels = Volume<UInt8>(geometry: grid, repeating: 0)
        for value in [1, 2, 3, 9] { labels.voxels[value] = UInt8(value) }
        try NiftiFile.write(labels, to: folder.file("data/labelsTr/one.nii.gz"))
        try Data(json.utf8).write(to: URL(fileURLWithPath: folder.file("data/dataset.json")))
        return try withExtendedLifetime(folder) {
            try body(
                findTrainingCases(in: [folder.file("data")], labels: nil, rois: TrainingConfiguration.lungs.rois)
            )
        }
    }

    @Test("voxels that nnU-Net ignores are unknown, not background, and the row of their case tells how many")
    func ignoredVoxels() throws {
        try withDataset(#"{"labels": {"background": 0, "Lung_L": 1, "Lung_R": 2, "ignore": 3, "x": 9}}"#) { found in
            let case3 = try found.sources[0].load()
            #expect(Array(case3.labels.voxels[1...3]) == [1, 2, TrainingCase.unknown] && case3.labels.voxels[9] == 0)
            #expect(
                case3.remark
                    == "1 voxel (0.4 %) of its label map marked to be ignored (3), neither learned from nor scored"
            )
        }
        let other = try withDataset(#"{"labels": {"Lung_L": 1, "Lung_R": 2, "ignore": 4, "x": [3, 9]}}"#) { found in
            try found.sources[0].load()
        }
        #expect(other.labels.voxels[3] == 0 && other.remark == "")
    }

    @Test("values of a label map that nobody named are told; those of an unwanted structure or a region are not")
    func unnamedValues() throws {
        func remark(_ json: String) throws -> String {
            try withDataset(json) { try #require($0.sources.first).load().remark }
        }
        #expect(
            try remark(#"{"labels": {"background": 0, "Lung_L": 1, "Lung_R": 2}}"#)
                == "values 3, 9 of its label map without a name, taken for background"
        )
        #expect(
            try remark(#"{"labels": {"background": 0, "Lung_L": 1, "Lung_R": 2, "Heart": 3}}"#)
                == "value 9 of its label map without a name, taken for background"
        )
        #expect(try remark(#"{"labels": {"Lung_L": 1, "Lung_R": 2, "organs": [3, 9]}}"#) == "")
        #expect(
            try remark(#"{"labels": {"Left Lung": 1, "Lung_R": 2, "Lung_L": 3, "organs": [9]}}"#)
                == "Left Lung and Lung_L of dataset.json are both Lung_L"
        )
    }

    @Test(
        "images that dataset.json calls something else than CT are skipped with that name",
        arguments: [
            (#""channel_names": {"0": "CT"}"#, nil), (#""modality": {"0": "CT"}"#, nil), (#""x": 0"#, nil),
            (#""channel_names": {"0": "contrast-enhanced CTA"}"#, nil), (#""modality": {"0": "noncontrastCT"}"#, nil),
            (#""channel_names": {"0": "T1 MRI"}"#, "T1_MRI"), (#""modality": {"0": "FLAIR"}"#, "FLAIR"),
            (#""channel_names": {"0": "CT", "1": "PET"}"#, "PET"),
        ] as [(String, String?)]
    )
    func channels(_ json: String, _ name: String?) throws {
        let skipped = try withDataset(#"{\#(json), "labels": {"background": 0, "Lung_L": 1, "Lung_R": 2}}"#) {
            $0.skipped
        }
        let remark = name.map {
            "dataset.json calls its images \"\($0)\", which is no CT; where they are CTs, call them CT there"
        }
        #expect(skipped.map(\.remark) == [remark].compactMap(\.self))
    }
}

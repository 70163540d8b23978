import Foundation
import Imaging
import Metrics
import Nifti
import Pipeline
import Segmentation
import Testing

@Suite("Comparing label maps and masks")
struct ComparisonTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    private func geometry(
        origin: PatientPoint = PatientPoint(x: 0, y: 0, z: 0),
        spacing: Vector3 = Vector3(4, 4, 8),
        slices: Int = 12
    ) -> VolumeGeometry {
        VolumeGeometry(
            dimensions: Dimensions(i: 20, j: 20, k: slices),
            origin: origin,
            spacing: spacing,
            directionI: Vector3(1, 0, 0),
            directionJ: Vector3(0, 1, 0),
            directionK: Vector3(0, 0, 1),
            frameOfReferenceUID: ""
        )
    }

    /// A label map with a box of each value, one beside the other.
    private func write(_ name: String, values: [Float], on geometry: VolumeGeometry) throws -> String {
        var map = Volume<Float>(geometry: geometry, repeating: 0)
        for (index, value) in values.enumerated() {
            for k in 3..<9 { for j in 5..<15 { for i in 2 + 8 * index..<8 + 8 * index { map[i, j, k] = value } } }
        }
        let path = folder.file(name)
        try NiftiFile.write(map, to: path)
        return path
    }

    private func compare(
        _ reference: String,
        _ prediction: String,
        labels: [String: UInt16] = [:],
        change: (inout ComparisonRequest) -> Void = { _ in }
    ) throws -> StructureComparison {
        var request = ComparisonRequest(reference, prediction, labels: labels)
        change(&request)
        return try compareStructures(request)
    }

    @Test(
        "Grids that differ are told before the scores, with size and offset",
        arguments: [
            (Vector3(1.9, 0, 3.9), Vector3(4, 4, 8), 12, "1.9, 0, 3.9 mm"),
            (Vector3(0, 0, 0), Vector3(4, 4, 8.5), 12, "4 x 4 x 8.5 mm"),
            (Vector3(0, 0, 0), Vector3(4, 4, 8), 14, "it ends elsewhere; is it of the same scan?"),
            // All its voxels lie on voxels of the finer one; those between them are read from beside.
            (Vector3(0, 0, 0), Vector3(8, 4, 8), 12, "up to 4, 0, 0 mm"),
            (Vector3(0, 0, 0), Vector3(12, 4, 8), 12, "up to 4, 0, 0 mm"),
        ]
    )
    func gridDiffers(_ offset: Vector3, _ spacing: Vector3, _ slices: Int, _ words: String) throws {
        let reference = try write("Lung_L.nii.gz", values: [1], on: geometry())
        let place = folder.file("side")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let grid = geometry(origin: PatientPoint(offset), spacing: spacing, slices: slices)
        let prediction = try write("side/Lung_L.nii.gz", values: [1], on: grid)
        let warnings = try compare(reference, prediction).warnings
        #expect(warnings.contains { $0.contains(words) }, "\(warnings)")
        #expect(try compare(reference, reference).warnings.isEmpty)
    }

    @Test("Label maps of different codes are compared by the labels of each side")
    func labelsOfSides() throws {
        let reference = try write("r.nii.gz", values: [10, 11], on: geometry())
        let prediction = try write("p.nii.gz", values: [1, 2], on: geometry())
        let ours: [String: UInt16] = ["Lung_L": 1, "Lung_R": 2]
        let wrong = try compare(reference, prediction, labels: ours)
        // Nothing of the reference is meant by these values: it is told, and no Dice of 0 is made of it.
        #expect(wrong.structures.isEmpty && wrong.unmatchedPrediction == ["Lung_L", "Lung_R"])
        let told = "Lung_L: the label map of the reference has no voxel of the value 1"
        #expect(wrong.warnings.contains { $0.hasPrefix(told) })
        let right = try compare(reference, prediction, labels: ours) {
            $0.referenceLabels = ["Lung_L": 10, "Lung_R": 11]
        }
        #expect(right.structures.map(\.dice) == [1, 1] && right.warnings.isEmpty)
        #expect(throws: UnknownNames.self) {
            _ = try compare(folder.file("r.nii.gz"), folder.file("r.nii.gz"), labels: ours) {
                ($0.referenceLabels, $0.predictionLabels) = (["Lung_L": 10], ["Lung_L": 10])
            }
        }
    }

    @Test("Values above 255 are labels as others are, and what is an image is refused with what is wrong")
    func highValues() throws {
        let reference = try write("r.nii.gz", values: [2035, 65_535], on: geometry())
        let prediction = try write("p.nii.gz", values: [1, 2], on: geometry())
        let result = try compare(reference, prediction, labels: ["Lung_L": 1, "Lung_R": 2]) {
            $0.referenceLabels = ["Lung_L": 2035, "Lung_R": 65_535]
        }
        #expect(result.structures.map(\.dice) == [1, 1] && result.warnings.isEmpty)
        #expect(try compare(reference, reference).structures.map(\.name) == ["label 2035", "label 65535"])
        let image = try write("image.nii.gz", values: [-1000], on: geometry())
        let fault = try #require(throws: Fault.self) { _ = try compare(image, prediction) }
        #expect(fault.message.contains("image.nii.gz") && fault.message.contains("it has the value -1000"))
    }

    @Test("A value that a map lacks beside others of its code counts as empty, and is told")
    func missedStructure() throws {
        let reference = try write("r.nii.gz", values: [1, 2], on: geometry())
        let prediction = try write("p.nii.gz", values: [1], on: geometry())
        let result = try compare(reference, prediction, labels: ["Lung_L": 1, "Lung_R": 2])
        #expect(result.structures.map(\.dice) == [1, 0])
        #expect(result.warnings.contains { $0.hasPrefix("Lung_R: the label map of the prediction") })
    }

    @Test("Values that nobody named are compared with a warning alone")
    func unnamed() throws {
        let reference = try write("r.nii.gz", values: [1, 2], on: geometry())
        let warnings = try compare(reference, reference).warnings
        #expect(warnings.contains { $0.hasPrefix("label 1, label 2: nobody said what these values are") })
    }

    @Test("A number beside a limit that it is not never reads as that limit")
    func distinctNumbers() {
        #expect(DistinctText(0.9273, beside: [0.93], digits: 2) == DistinctText(0.9273, beside: [0.93], digits: 3))
        let outside = DistinctText(0.9273, beside: [0.93], digits: 2)
        #expect(outside.value == "0.927" && outside.limits == ["0.93"])
        let volume = DistinctText(2500.4, beside: [1000, 2500])
        #expect(volume.value == "2500.4" && volume.limits[1] == "2500.0")
        #expect(DistinctText(1234, beside: [1000, 2500]).value == "1234")
        #expect(DistinctText(5, beside: [5]).value == "5.0")
    }

    @Test("A folder of a case without contours is named in a cohort")
    func emptyCase() throws {
        for name in ["reference/a", "reference/b", "prediction/a", "prediction/b"] {
            try FileManager.default.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
        }
        let pair = ["reference/a/Lung_L.nii.gz", "prediction/a/Lung_L.nii.gz"]
        for name in pair { _ = try write(name, values: [1], on: geometry()) }
        let request = ComparisonRequest(folder.file("reference"), folder.file("prediction"))
        let findings = try compareCohorts(request).findings
        #expect(findings == ["reference", "prediction"].map { "\($0): b: there are no contours in it" })
    }
}

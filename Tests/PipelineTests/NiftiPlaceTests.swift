import Foundation
import Imaging
import Nifti
import Pipeline
import Segmentation
import Testing

@Suite("What NIfTI files leave open, and names that are there twice")
struct NiftiPlaceTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    /// The mask of a box.
    private func write(_ name: String, change: (inout Data) -> Void = { _ in }) throws -> String {
        let geometry = VolumeGeometry(
            dimensions: Dimensions(i: 20, j: 20, k: 12),
            origin: PatientPoint(x: 0, y: 0, z: 0),
            spacing: Vector3(4, 4, 8),
            directionI: Vector3(1, 0, 0),
            directionJ: Vector3(0, 1, 0),
            directionK: Vector3(0, 0, 1),
            frameOfReferenceUID: ""
        )
        var mask = Volume<UInt8>(geometry: geometry, repeating: 0)
        for k in 3..<9 { for j in 5..<15 { for i in 2..<8 { mask[i, j, k] = 1 } } }
        let path = folder.file(name)
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try NiftiFile.write(mask, to: path)
        var data = try contents(path)
        change(&data)
        try data.write(to: URL(fileURLWithPath: path))
        return path
    }

    private func compare(_ reference: String, _ prediction: String) throws -> StructureComparison {
        try compareStructures(
            ComparisonRequest(reference, prediction)
        )
    }

    @Test("places in metres are taken to millimetres, and that is told")
    func metres() throws {
        let plain = try write("a/Heart.nii")
        let metres = try write("b/Heart.nii") { data in
            data[123] = 1
            for offset in Array(stride(from: 76, through: 88, by: 4)) + Array(stride(from: 280, through: 324, by: 4)) {
                let bits = data.subdata(in: offset..<offset + 4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                let value = Float(bitPattern: bits) / (offset == 76 ? 1 : 1000)
                withUnsafeBytes(of: value) { data.replaceSubrange(offset..<offset + 4, with: $0) }
            }
        }
        let result = try compare(plain, metres)
        #expect(result.structures.first?.dice == 1)
        #expect(
            result.findings.contains("prediction: Heart.nii gives its places in metres: they were taken to millimetres")
        )
        let findings = try compare(plain, plain).findings
        #expect(findings.count == 1 && findings[0].hasSuffix("these scores say nothing about agreement"), "\(findings)")
    }

    @Test("a file that does not say where it lies is told")
    func noPlace() throws {
        let plain = try write("a/Heart.nii")
        let placeless = try write("b/Heart.nii") { data in for byte in 252...255 { data[byte] = 0 } }
        let findings = try compare(placeless, plain).findings
        #expect(findings.contains { $0.hasPrefix("reference: Heart.nii has neither sform nor qform") })
    }

    @Test("a name that the prediction has twice is told as one of the reference is")
    func repeatedNames() throws {
        _ = try write("a/Lung_L.nii")
        _ = try write("b/Lung_L.nii")
        _ = try write("b/lung left.nii")
        let told = try compare(folder.file("a"), folder.file("b")).warnings
        #expect(told.contains { $0.hasPrefix("lung left: this name") && $0.contains("2 times in the prediction") })
        let other = try compare(folder.file("b"), folder.file("a")).warnings
        #expect(other.contains { $0.contains("2 times in the reference") })
    }

    @Test("a part in percent and a width in mm never read as the limit that they miss")
    func distinct() {
        let part = DistinctText(0.104, beside: [0.1], digits: 1)
        #expect(part.value == "0.104" && part.limits == ["0.1"])
        #expect(DistinctText(0.44003, beside: [0.44], digits: 3).value == "0.44003")
    }
}

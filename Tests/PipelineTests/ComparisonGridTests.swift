import Dicom
import Foundation
import Imaging
import Nifti
import Pipeline
import Platform
import Testing

@Suite("The grid that contours are compared on", .serialized)
struct ComparisonGridTests {
    private let phantom: ComparedPhantom

    init() throws { phantom = try ComparedPhantom(5) }

    /// The same voxels with another order of axes: a column of `order` per axis of the file.
    private func turned(_ name: String, _ order: [Int]) throws -> String {
        let mask = try NiftiFile.readLabels("\(phantom.truth)/\(name).nii.gz")
        let old = mask.geometry
        let (sizes, spacings) = (
            [old.dimensions.i, old.dimensions.j, old.dimensions.k], [old.spacing.x, old.spacing.y, old.spacing.z]
        )
        let directions = [old.directionI, old.directionJ, old.directionK]
        var turned = Volume<UInt8>(
            geometry: VolumeGeometry(
                dimensions: Dimensions(i: sizes[order[0]], j: sizes[order[1]], k: sizes[order[2]]),
                origin: old.origin,
                spacing: Vector3(spacings[order[0]], spacings[order[1]], spacings[order[2]]),
                directionI: directions[order[0]],
                directionJ: directions[order[1]],
                directionK: directions[order[2]],
                frameOfReferenceUID: ""
            ),
            repeating: 0
        )
        for k in 0..<sizes[2] {
            for j in 0..<sizes[1] {
                for i in 0..<sizes[0] {
                    let place = [i, j, k]
                    turned[place[order[0]], place[order[1]], place[order[2]]] = mask[i, j, k]
                }
            }
        }
        let folder = phantom.file("turned-\(order)")
        try Directory.create(folder)
        try NiftiFile.write(turned, to: "\(folder)/\(name).nii.gz")
        return folder
    }

    @Test(
        "NIfTI that is stored sagittally or coronally is compared in the slices of the contours",
        arguments: [[1, 2, 0], [2, 0, 1], [2, 1, 0], [0, 2, 1], [0, 1, 2]]
    )
    func storedOtherwise(order: [Int]) throws {
        let mask = try turned("Lung_L", order)
        for (reference, prediction) in [
            (mask, phantom.truth + "/rtstruct.dcm"), (phantom.truth + "/rtstruct.dcm", mask),
        ] {
            let result = try compareStructures(ComparisonRequest(reference, prediction))
            #expect(result.structures.map(\.name) == ["Lung_L"] && result.structures.map(\.dice) == [1])
            #expect(result.warnings.isEmpty, "\(result.warnings)")
        }
    }

    @Test("contours that lie in no slice of a grid are refused, not scored as a miss of everything")
    func oblique() throws {
        let mask = try NiftiFile.readLabels("\(phantom.truth)/Lung_L.nii.gz")
        var geometry = mask.geometry
        let (sine, cosine) = (sin(0.3), cos(0.3))
        geometry.directionI = Vector3(cosine, sine * sine, sine * cosine)
        geometry.directionJ = Vector3(0, cosine, -sine)
        geometry.directionK = Vector3(-sine, cosine * sine, cosine * cosine)
        let folder = phantom.file("oblique")
        try Directory.create(folder)
        try NiftiFile.write(Volume(geometry: geometry, voxels: mask.voxels), to: "\(folder)/Lung_L.nii.gz")
        let fault = try #require(throws: Fault.self) {
            _ = try compareStructures(ComparisonRequest(folder, phantom.truth + "/rtstruct.dcm"))
        }
        #expect(fault.code == "E_NO_GRID" && fault.hint.contains("--ct"))
    }

    @Test("of a series with two stacks the one is taken whose images the contours name")
    func stacks() throws {
        let other = phantom.file("other")
        try SmallPhantom.write(6, to: other)
        let first = try DicomFile(contentsOf: try #require(try files(phantom.ct).first)).dataSet
        for (index, path) in try files(other + "/ct").enumerated() {
            var file = try DicomFile(contentsOf: path)
            for tag in [Dicom.Tag.seriesInstanceUID, .studyInstanceUID, .frameOfReferenceUID] {
                file.dataSet.set(tag, .UI, first.string(tag) ?? "")
            }
            file.dataSet.set(.patientID, .LO, first.string(.patientID) ?? "")
            file.dataSet.set(.acquisitionNumber, .IS, "2")
            file.dataSet.set(.instanceNumber, .IS, "\(500 + index)")
            try file.write(to: "\(phantom.ct)/other-\(index).dcm", transferSyntax: .explicitVRLittleEndian)
        }
        for object in ["rtstruct.dcm", "seg.dcm"] {
            let request = ComparisonRequest(
                phantom.truth + "/rtstruct.dcm",
                "\(phantom.truth)/\(object)",
                ct: [phantom.ct]
            )
            let result = try compareStructures(request)
            #expect(result.gridSource == .ct && result.structures.allSatisfy { $0.dice == 1 })
        }
    }

    private func files(_ folder: String) throws -> [String] {
        try Directory.list(folder).filter { $0.kind == .file }.map { "\(folder)/\($0.name)" }.sorted()
    }
}

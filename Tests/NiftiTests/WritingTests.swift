import Foundation
import Imaging
import Nifti
import Testing

@Suite("Writing NIfTI")
struct WritingTests {
    /// Axes along the patient's with every sign and order, and oblique ones.
    static let geometries: [VolumeGeometry] = {
        let axes = [Vector3(1, 0, 0), Vector3(0, 1, 0), Vector3(0, 0, 1)]
        var result: [VolumeGeometry] = []
        func add(_ i: Vector3, _ j: Vector3, _ k: Vector3) {
            result.append(
                VolumeGeometry(
                    dimensions: Dimensions(i: 4, j: 3, k: 2),
                    origin: PatientPoint(x: -101.5, y: 33.25, z: 700),
                    spacing: Vector3(0.75, 1.25, 3),
                    directionI: i,
                    directionJ: j,
                    directionK: k,
                    frameOfReferenceUID: ""
                )
            )
        }
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1], [1, 0, 2]] {
            for signs in 0..<8 {
                let signed = (0..<3).map { axes[order[$0]] * (signs >> $0 & 1 == 1 ? -1.0 : 1.0) }
                add(signed[0], signed[1], signed[2])
            }
        }
        let oblique = normalized(Vector3(1, 0.4, -0.3)) ?? axes[0]
        let second = normalized(cross(Vector3(0.2, -0.5, 1), oblique)) ?? axes[1]
        add(oblique, second, cross(oblique, second))
        add(oblique, second, -cross(oblique, second))
        return result
    }()

    @Test("volumes come back with their values and place, by sform and by qform alone")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        for (n, geometry) in Self.geometries.enumerated() {
            let volume = Volume<Int16>(geometry: geometry, voxels: (0..<24).map { Int16($0 * 997 - 12000) })
            for name in ["v.nii", "v.nii.gz"] {
                try NiftiFile.write(volume, to: folder.path + "/" + name)
                let read = try NiftiFile.read(folder.path + "/" + name)
                #expect(read.voxels == volume.voxels.map(Float.init), "geometry \(n)")
                #expect(isAlike(read.geometry, geometry), "geometry \(n), \(name)")
            }
            // The qform alone says the same.
            var bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/v.nii"))
            bytes.replaceSubrange(254..<256, with: [0, 0])
            #expect(isAlike(try NiftiFile.read(try folder.file(bytes)).geometry, geometry), "geometry \(n), qform")
        }
    }

    private func isAlike(_ a: VolumeGeometry, _ b: VolumeGeometry) -> Bool {
        let pairs = [
            (a.origin.vector, b.origin.vector, 1e-3), (a.spacing, b.spacing, 1e-5), (a.directionI, b.directionI, 1e-5),
            (a.directionJ, b.directionJ, 1e-5), (a.directionK, b.directionK, 1e-5),
        ]
        return a.dimensions == b.dimensions
            && pairs.allSatisfy { dot($0.0 - $0.1, $0.0 - $0.1).squareRoot() < $0.2 }
    }

    @Test("every element type keeps its values")
    func types() throws {
        let folder = try TemporaryFolder()
        let geometry = Self.geometries[0]
        let path = folder.path + "/t.nii.gz"
        let bytes = Volume<UInt8>(geometry: geometry, voxels: (0..<24).map { UInt8($0 * 11) })
        try NiftiFile.write(bytes, to: path)
        #expect(try NiftiFile.readLabels(path).voxels == bytes.voxels)
        let floats = Volume<Float>(geometry: geometry, voxels: (0..<24).map { Float($0) / 7 - 1.5e-20 })
        try NiftiFile.write(floats, to: path)
        #expect(try NiftiFile.read(path).voxels == floats.voxels)
    }

    @Test("the same volume gives the same bytes, without time or name")
    func deterministic() throws {
        let folder = try TemporaryFolder()
        let volume = Volume<UInt8>(geometry: Self.geometries[5], repeating: 3)
        try NiftiFile.write(volume, to: folder.path + "/one.nii.gz")
        try NiftiFile.write(volume, to: folder.path + "/another.nii.gz")
        let one = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/one.nii.gz"))
        #expect(one == (try Data(contentsOf: URL(fileURLWithPath: folder.path + "/another.nii.gz"))))
        #expect(Array(one.prefix(4)) == [0x1F, 0x8B, 8, 0] && Array(one[4..<8]) == [0, 0, 0, 0])
    }

    @Test("a compressed file that grows far beyond its header is refused without being kept in memory")
    func bomb() throws {
        let folder = try TemporaryFolder()
        // A hundred megabytes of nothing behind a header that speaks of 24 voxels.
        let small = Self.geometries[0]
        try NiftiFile.write(Volume<UInt8>(geometry: small, repeating: 0), to: folder.path + "/small.nii")
        let head = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/small.nii"))
        let path = try folder.file(try gzipped(head + Data(count: 100 << 20), in: folder), "bomb.nii.gz")
        #expect(throws: NiftiError.unreadable(reason: "it holds far more than its header says")) {
            try NiftiFile.read(path)
        }
    }

    /// By gzip(1).
    private func gzipped(_ data: Data, in folder: TemporaryFolder) throws -> Data {
        let path = try folder.file(data, "plain")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-9", "-n", path]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try Data(contentsOf: URL(fileURLWithPath: path + ".gz"))
    }

    @Test("a dimension that NIfTI-1 cannot say, and a folder that is not there, are errors")
    func refusals() throws {
        let folder = try TemporaryFolder()
        var geometry = Self.geometries[0]
        #expect(throws: NiftiError.self) {
            try NiftiFile.write(Volume<UInt8>(geometry: geometry, repeating: 0), to: folder.path + "/none/v.nii")
        }
        geometry.dimensions = Dimensions(i: 32768, j: 1, k: 1)
        #expect(throws: NiftiError.cannotWrite(reason: "a dimension is larger than NIfTI-1 can say")) {
            try NiftiFile.write(Volume<UInt8>(geometry: geometry, repeating: 0), to: folder.path + "/v.nii")
        }
    }
}

import Foundation
import Imaging
import Nifti
import Testing

/// Files that nibabel wrote, and what nibabel reads from them: `Fixtures/nifti/make_goldens.py`.
struct NibabelGolden: Decodable {
    var file: String
    /// Rows; voxel indices to RAS mm.
    var affine: [[Double]]
    var shape: [Int]
    /// Scaled, i fastest.
    var values: [Double]

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/nifti").path

    static func load() throws -> [NibabelGolden] {
        try JSONDecoder().decode(
            [NibabelGolden].self,
            from: Data(contentsOf: URL(fileURLWithPath: folder + "/golden.json"))
        )
    }

    var path: String { NibabelGolden.folder + "/" + file }

    /// RAS to LPS.
    func point(_ i: Int, _ j: Int, _ k: Int) -> Vector3 {
        let index = [Double(i), Double(j), Double(k), 1]
        let ras = (0..<3).map { row in zip(affine[row], index).reduce(0) { $0 + $1.0 * $1.1 } }
        return Vector3(-ras[0], -ras[1], ras[2])
    }
}

final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "nifti-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody

    func file(_ bytes: Data, _ name: String = "f.nii") throws -> String {
        try bytes.write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}

@Suite("Reading NIfTI")
struct ReadingTests {
    @Test("files of nibabel: every type, both byte orders, sform and qform, compressed or not, scaled or not")
    func nibabel() throws {
        let goldens = try NibabelGolden.load()
        #expect(goldens.count >= 14)
        for golden in goldens {
            let volume = try NiftiFile.read(golden.path)
            let d = volume.geometry.dimensions
            #expect([d.i, d.j, d.k] == golden.shape, "\(golden.file)")
            for (found, expected) in zip(volume.voxels, golden.values) {
                #expect(abs(Double(found) - expected) <= 1e-6 * abs(expected), "\(golden.file)")
            }
            for k in [0, d.k - 1] {
                for j in [0, d.j - 1] {
                    for i in [0, d.i - 1] {
                        let found = volume.geometry.patientPoint(VoxelIndex(i: i, j: j, k: k)).vector
                        let offset = found - golden.point(i, j, k)
                        #expect(dot(offset, offset).squareRoot() < 1e-4, "\(golden.file): voxel \(i), \(j), \(k)")
                    }
                }
            }
        }
    }

    @Test("without qform and sform the spacing alone places the voxels (method 1 of the standard)")
    func noOrientation() throws {
        let folder = try TemporaryFolder()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: NibabelGolden.folder + "/int16_qform.nii"))
        bytes.replaceSubrange(252..<256, with: [0, 0, 0, 0])
        let geometry = try NiftiFile.read(try folder.file(bytes)).geometry
        #expect(geometry.origin == PatientPoint(x: 0, y: 0, z: 0))
        #expect(geometry.directionI == Vector3(-1, 0, 0) && geometry.directionJ == Vector3(0, -1, 0))
        #expect(abs(geometry.spacing.x - 0.9) < 1e-6 && abs(geometry.spacing.z - 2.5) < 1e-6)
    }

    @Test("a file that ends early is refused, wherever it ends", arguments: ["int16_qform.nii", "uint8_sform.nii.gz"])
    func truncated(_ name: String) throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: NibabelGolden.folder + "/" + name))
        for length in 0..<whole.count {
            let path = try folder.file(whole.prefix(length))
            #expect(throws: NiftiError.self, "\(length) of \(whole.count) bytes") { try NiftiFile.read(path) }
        }
    }

    @Test("damage of a compressed file is noticed, whichever byte it hits")
    func damagedCompression() throws {
        let folder = try TemporaryFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: NibabelGolden.folder + "/int16_scaled.nii.gz"))
        let original = try NiftiFile.read(NibabelGolden.folder + "/int16_scaled.nii.gz")
        // From byte 10 on: before lie time and operating system, which mean nothing.
        for position in 10..<whole.count {
            var bytes = whole
            bytes[position] ^= 0x10
            let path = try folder.file(bytes)
            let read = Result { try NiftiFile.read(path) }
            if case .success(let volume) = read { #expect(volume == original, "byte \(position)") }
        }
    }

    @Test(
        "headers that cannot be true are refused with the reason",
        arguments: [
            (0..<4, [93, 1, 0, 0], "no NIfTI-1"), (344..<348, [0x6E, 0x69, 0x31, 0], "two files"),
            (40..<42, [0, 0], "dimensions"), (42..<44, [0xFF, 0xFF], "dimensions"),
            (40..<50, [4, 0, 5, 0, 4, 0, 3, 0, 2, 0], "more than three"),
            (42..<48, [0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F], "too many voxels"),
            (42..<44, [0xFF, 0x7F], "fewer voxels"),
            (70..<72, [128, 0], "data type 128"), (108..<112, [0, 0, 0, 0], "offset"),
            (108..<112, [0, 0, 0xC0, 0x7F], "offset"),
            (280..<284, [0, 0, 0xC0, 0x7F], "right angles"),
            (280..<292, [UInt8](repeating: 0, count: 12), "right angles"),
        ] as [(Range<Int>, [UInt8], String)]
    )
    func hostileHeaders(_ range: Range<Int>, _ patch: [UInt8], _ reason: String) throws {
        let folder = try TemporaryFolder()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: NibabelGolden.folder + "/uint16_sform.nii"))
        bytes.replaceSubrange(range, with: patch)
        let path = try folder.file(bytes)
        let error = #expect(throws: NiftiError.self) { try NiftiFile.read(path) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("any damage of a header gives a volume or an error, and an end")
    func fuzz() throws {
        let folder = try TemporaryFolder()
        var state: UInt64 = 7
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for name in ["float32_sform_wins.nii", "int16_qform_left_handed.nii.gz"] {
            let whole = try Data(contentsOf: URL(fileURLWithPath: NibabelGolden.folder + "/" + name))
            for _ in 0..<1500 {
                var bytes = whole
                for _ in 0...next(4) { bytes[next(bytes.count)] = UInt8(next(256)) }
                let path = try folder.file(bytes)
                switch Result(catching: { () throws(NiftiError) in try NiftiFile.read(path) }) {
                case .success(let volume): #expect(!volume.voxels.isEmpty)
                case .failure(let error): #expect(!error.description.isEmpty)
                }
            }
        }
    }

    @Test("a label map has whole numbers from 0 to 255")
    func labels() throws {
        let labels = try NiftiFile.readLabels(NibabelGolden.folder + "/uint8_sform.nii.gz")
        let golden = try #require(try NibabelGolden.load().first { $0.file == "uint8_sform.nii.gz" })
        #expect(labels.voxels.map(Double.init) == golden.values)
        for name in ["int16_qform.nii", "float32_sform_wins.nii", "int16_scaled.nii.gz"] {
            #expect(throws: NiftiError.self) { try NiftiFile.readLabels(NibabelGolden.folder + "/" + name) }
        }
        let folder = try TemporaryFolder()
        let grid = try NiftiFile.read(NibabelGolden.folder + "/uint8_sform.nii.gz").geometry
        for value: Float in [.nan, .infinity, -1, 256, 0.5] {
            try NiftiFile.write(Volume<Float>(geometry: grid, repeating: value), to: folder.path + "/l.nii")
            #expect(throws: NiftiError.self) { try NiftiFile.readLabels(folder.path + "/l.nii") }
        }
    }

    @Test("a label map has whole numbers from 0 to 65535, few of them, and says which")
    func labelMap() throws {
        let folder = try TemporaryFolder()
        var geometry = try NiftiFile.read(NibabelGolden.folder + "/uint8_sform.nii.gz").geometry
        geometry.dimensions = Dimensions(i: 300, j: 1, k: 1)
        let path = folder.path + "/l.nii"
        func read(_ values: [Float]) throws -> NiftiLabelMap {
            let all = values + [Float](repeating: 0, count: 300 - values.count)
            try NiftiFile.write(Volume<Float>(geometry: geometry, voxels: all), to: path)
            return try NiftiFile.readLabelMap(path)
        }
        let map = try read([65_535, 0, 117, 300, 117])
        #expect(map.values == [0, 117, 300, 65_535])
        #expect(map.places.voxels.prefix(6).map { map.values[Int($0)] } == [65_535, 0, 117, 300, 117, 0])
        // As many as an atlas has; one more is an image.
        #expect(try read((1...255).map { Float($0 * 7) }).values.count == 256)
        for (values, words) in [
            ((1...256).map(Float.init), "it has 256 different values"), ([65_536], "the value 65536.0"),
            ([-1], "the value -1.0"), ([0.5], "the value 0.5"), ([.nan], "the value nan"),
        ] as [([Float], String)] {
            let error = try #require(throws: NiftiError.self) { _ = try read(values) }
            #expect(error.description.contains(words), "\(error)")
        }
    }

    @Test("integers of 32 and 64 bits without and with a sign are read")
    func longIntegers() throws {
        let folder = try TemporaryFolder()
        let golden = NibabelGolden.folder + "/uint8_sform.nii.gz"
        let labels = try NiftiFile.readLabels(golden)
        try NiftiFile.write(Volume<Float>(geometry: labels.geometry, repeating: 0), to: folder.path + "/f.nii")
        let header = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/f.nii")).prefix(352)
        for (code, bytes) in [(8, 4), (768, 4), (1024, 8), (1280, 8)] {
            var file = header
            file[70...71] = Data([UInt8(code & 0xFF), UInt8(code >> 8)])
            file[72] = UInt8(bytes * 8)
            for value in labels.voxels { file += Data([value] + [UInt8](repeating: 0, count: bytes - 1)) }
            try file.write(to: URL(fileURLWithPath: folder.path + "/l.nii"))
            #expect(try NiftiFile.readLabels(folder.path + "/l.nii").voxels == labels.voxels, "type \(code)")
        }
    }

    @Test("a missing file and a folder are refused")
    func missing() throws {
        let folder = try TemporaryFolder()
        #expect(throws: NiftiError.self) { try NiftiFile.read(folder.path + "/none.nii") }
        #expect(throws: NiftiError.self) { try NiftiFile.read(folder.path) }
    }
}

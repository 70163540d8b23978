import Foundation
import Imaging
import Testing

@Suite("Volume geometry")
struct GeometryTests {
    @Test("patient points and continuous indices are inverse to each other")
    func inverse() {
        var random = SplitMix64(state: 21)
        for _ in 0..<200 {
            let geometry = randomGeometry(Dimensions(i: 512, j: 512, k: 300), &random)
            let index = Vector3(
                Double.random(in: -20...530, using: &random),
                Double.random(in: -20...530, using: &random),
                Double.random(in: -20...330, using: &random)
            )
            let point = geometry.patientPoint(i: index.x, j: index.y, k: index.z)
            let back = geometry.continuousIndex(of: point) - index
            #expect(dot(back, back).squareRoot() < 1e-9)
        }
    }

    @Test("another spacing covers the same box: its first outer corner stays, its last is not inside")
    func resampledBox() {
        var random = SplitMix64(state: 22)
        for _ in 0..<200 {
            let geometry = randomGeometry(Dimensions(i: 31, j: 17, k: 9), &random)
            let spacing = Vector3(
                Double.random(in: 0.3...4, using: &random),
                Double.random(in: 0.3...4, using: &random),
                Double.random(in: 0.3...4, using: &random)
            )
            let other = geometry.resampled(spacing: spacing)
            let a = geometry.patientPoint(i: -0.5, j: -0.5, k: -0.5).vector
            let b = other.patientPoint(i: -0.5, j: -0.5, k: -0.5).vector
            #expect(dot(a - b, a - b).squareRoot() < 1e-9)
            let slack = other.extent - geometry.extent
            for axis in 0..<3 { #expect(slack[axis] > -1e-4 * spacing[axis] && slack[axis] < spacing[axis]) }
        }
    }

    @Test("a spacing that divides the box on paper adds no voxel through rounding")
    func exactDivision() {
        for spacing in [0.1, 0.3, 0.7, 0.9765625, 1.1, 2.4] {
            let geometry = grid(100, 100, 100, spacing: Vector3(repeating: spacing * 3))
            #expect(
                geometry.resampled(spacing: Vector3(repeating: spacing)).dimensions
                    == Dimensions(i: 300, j: 300, k: 300)
            )
        }
    }

    @Test("vectors without a direction have no unit vector")
    func normalizing() {
        #expect(normalized(Vector3(0, 0, 0)) == nil)
        #expect(normalized(Vector3(.nan, 0, 1)) == nil)
        #expect(normalized(Vector3(.infinity, 0, 1)) == nil)
        #expect(normalized(Vector3(0, 3, 4)) == Vector3(0, 0.6, 0.8))
        #expect(cross(Vector3(1, 0, 0), Vector3(0, 1, 0)) == Vector3(0, 0, 1))
    }

    @Test("labels are cut from a map by name and by union")
    func labelMap() {
        let volume = Volume<UInt8>(geometry: grid(5, 1, 1), voxels: [0, 1, 2, 3, 1])
        let map = LabelMap(volume: volume, labels: ["a": 1, "b": 2])
        #expect(map.mask(of: "a").map { Array($0.voxels) } == [0, 1, 0, 0, 1])
        #expect(map.mask(of: "c") == nil)
        #expect(map.mask(ofLabels: [2, 3]).voxels == [0, 0, 1, 1, 0])
    }
}

@Suite("Volume files")
struct VolumeFileTests {
    @Test("volumes of every element type come back as they were")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        var random = SplitMix64(state: 31)
        let geometry = randomGeometry(Dimensions(i: 3, j: 2, k: 4), &random)
        let shorts = Volume<Int16>(geometry: geometry, voxels: (0..<24).map { $0 % 2 == 0 ? .min + Int16($0) : .max })
        let floats = Volume<Float>(geometry: geometry, voxels: (0..<24).map { Float($0) / 7 - 1e-30 })
        let bytes = Volume<UInt8>(geometry: geometry, voxels: (0..<24).map { UInt8($0 * 10) })
        try shorts.write(toBase: folder.path + "/s")
        try floats.write(toBase: folder.path + "/f")
        try bytes.write(toBase: folder.path + "/b")
        #expect(try Volume<Int16>(contentsOfBase: folder.path + "/s") == shorts)
        #expect(try Volume<Float>(contentsOfBase: folder.path + "/f") == floats)
        #expect(try Volume<UInt8>(contentsOfBase: folder.path + "/b") == bytes)
        #expect(try volumeGeometry(ofBase: folder.path + "/s") == geometry)
    }

    @Test("another element type, a short file, damaged text and hostile dimensions are refused")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let base = folder.path + "/v"
        try Volume<Int16>(geometry: grid(3, 2, 4), repeating: 7).write(toBase: base)
        #expect(throws: VolumeFileError.wrongElement(path: base, expected: "float32", found: "int16")) {
            try Volume<Float>(contentsOfBase: base)
        }
        try Data(count: 47).write(to: URL(fileURLWithPath: base + ".raw"))
        #expect(throws: VolumeFileError.wrongSize(path: base + ".raw", expectedBytes: 48, foundBytes: 47)) {
            try Volume<Int16>(contentsOfBase: base)
        }
        let text = try String(contentsOfFile: base + ".json", encoding: .utf8)
        for (from, to) in [("\"i\" : 3", "\"i\" : 4611686018427387904"), ("\"i\" : 3", "\"i\" : -3"), ("{", "(")] {
            let hostile = text.replacingOccurrences(of: from, with: to)
            #expect(hostile != text)
            try Data(hostile.utf8).write(to: URL(fileURLWithPath: base + ".json"))
            #expect(throws: VolumeFileError.self) { try Volume<Int16>(contentsOfBase: base) }
        }
        #expect(throws: VolumeFileError.self) { try Volume<Int16>(contentsOfBase: folder.path + "/missing") }
    }
}

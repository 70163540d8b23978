import Foundation
import Imaging

/// Golden files of `Fixtures/imaging`, made by SimpleITK and SciPy.
enum Fixtures {
    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/imaging")
        return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

/// A folder that is deleted with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "imaging-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }  // a leftover in the temporary folder harms nobody
}

/// A small seeded generator, so that a failure can be repeated.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func grid(_ i: Int, _ j: Int, _ k: Int, spacing: Vector3 = Vector3(1, 1, 1)) -> VolumeGeometry {
    VolumeGeometry(
        dimensions: Dimensions(i: i, j: j, k: k),
        origin: PatientPoint(x: 0, y: 0, z: 0),
        spacing: spacing,
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 1, 0),
        directionK: Vector3(0, 0, 1),
        frameOfReferenceUID: "1.2.3"
    )
}

/// A mask from the lengths of its alternating runs, zeros first.
func mask(_ geometry: VolumeGeometry, runs: [Int]) -> Mask {
    var voxels: [UInt8] = []
    for (n, length) in runs.enumerated() { voxels += Array(repeating: UInt8(n % 2), count: length) }
    return Mask(geometry: geometry, voxels: voxels)
}

/// A mask of one slice, drawn: `#` is inside.
func drawn(_ rows: String...) -> Mask {
    Mask(geometry: grid(rows[0].count, rows.count, 1), voxels: rows.flatMap { $0.map { $0 == "#" ? 1 : 0 } })
}

/// Orthonormal, right-handed axes turned at random, sometimes with a normal the other way round.
func randomGeometry(_ dimensions: Dimensions, _ random: inout SplitMix64) -> VolumeGeometry {
    func vector() -> Vector3 {
        Vector3(
            Double.random(in: -1...1, using: &random),
            Double.random(in: -1...1, using: &random),
            Double.random(in: -1...1, using: &random)
        )
    }
    var (i, k) = (normalized(vector()), normalized(cross(vector(), vector())))
    while true {
        if let a = i, let b = k, let straight = normalized(b - a * dot(a, b)), abs(dot(a, b)) < 0.9 {
            let sign = Bool.random(using: &random) ? 1.0 : -1.0
            return VolumeGeometry(
                dimensions: dimensions,
                origin: PatientPoint(vector() * 200),
                spacing: Vector3(1.7, 1.7, 1.7) + vector(),
                directionI: a,
                directionJ: cross(straight, a),
                directionK: straight * sign,
                frameOfReferenceUID: "1.2.3"
            )
        }
        (i, k) = (normalized(vector()), normalized(vector()))
    }
}

/// Slices as real structures and noise make them: speckle of any density, blobs with holes, single voxels, checks.
enum RandomMask {
    static func make(_ columns: Int, _ rows: Int, _ random: inout SplitMix64) -> Mask {
        var mask = Mask(geometry: grid(columns, rows, 1), repeating: 0)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let density = Double.random(in: 0.02...0.98, using: &random)
            for n in mask.voxels.indices { mask.voxels[n] = Double.random(in: 0..<1, using: &random) < density ? 1 : 0 }
        case 1:
            for n in mask.voxels.indices { mask.voxels[n] = UInt8((n % columns + n / columns) % 2) }
            for _ in 0..<3 { mask.voxels[Int.random(in: mask.voxels.indices, using: &random)] ^= 1 }
        default:
            // Discs drawn in turn inside and outside: rings, islands in holes, pieces that touch at a corner.
            for turn in 0..<Int.random(in: 1...9, using: &random) {
                let (x, y) = (Int.random(in: 0..<columns, using: &random), Int.random(in: 0..<rows, using: &random))
                let radius = Int.random(in: 0...max(columns, rows) / 3, using: &random)
                let square = Bool.random(using: &random)
                for j in 0..<rows {
                    for i in 0..<columns {
                        let (a, b) = (abs(i - x), abs(j - y))
                        if square ? max(a, b) <= radius : a * a + b * b <= radius * radius {
                            mask[i, j, 0] = turn % 2 == 0 ? 1 : 0
                        }
                    }
                }
            }
        }
        return mask
    }

    /// The same masks in every run: a failure is repeated by its number.
    static func all(_ count: Int, seed: UInt64) -> [Mask] {
        var random = SplitMix64(state: seed)
        return (0..<count).map { _ in
            make(Int.random(in: 1...24, using: &random), Int.random(in: 1...24, using: &random), &random)
        }
    }
}

extension Mask {
    /// The slice in letters, for messages.
    var drawing: String {
        (0..<geometry.dimensions.j).map { j in
            (0..<geometry.dimensions.i).map { self[$0, j, 0] == 0 ? "." : "#" }.joined()
        }.joined(separator: "\n")
    }
}

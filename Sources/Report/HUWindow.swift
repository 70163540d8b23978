import Imaging

/// Grey values: HU at the middle of the grey scale and the range it covers.
package struct HUWindow: Sendable, Equatable {
    package var name: String
    package var center: Float
    package var width: Float

    /// Shows lung, its vessels and the chest wall together.
    package static let lung = HUWindow(name: "lung window", center: -400, width: 1600)
    /// Tells mediastinum, vessels, muscle, fluid and consolidated lung apart.
    package static let softTissue = HUWindow(name: "soft-tissue window", center: 40, width: 400)

    func grey(_ hu: Float) -> UInt8 {
        UInt8(min(max((hu - center) / width + 0.5, 0), 1) * 255)
    }

    var words: String {
        "\(name), \(Int(center - width / 2)) to \(Int(center + width / 2)) HU".replacing("-", with: "\u{2212}")
            .replacing("soft\u{2212}tissue", with: "soft-tissue")
    }
}

/// Which windows show a structure: one that is mostly air, like lung, its inside in the lung window, and its border to
/// mediastinum, liver and consolidation in that of soft tissue; all others in that of soft tissue alone.
struct StructureWindows: Sendable {
    private let windows: [[HUWindow]]

    /// HU that a structure's mean lies below if it is mostly air. Healthy lung has -850, a consolidated one -500, fat
    /// -100.
    private static let air = -300.0

    init(_ structures: [OutlinedStructure], ct: Volume<Int16>?, labels: Volume<UInt8>) {
        var sums = [Int](repeating: 0, count: 256)
        var counts = sums
        if let ct {
            let plane = labels.geometry.dimensions.i * labels.geometry.dimensions.j
            for k in 0..<labels.geometry.dimensions.k {
                for n in k * plane..<(k + 1) * plane where labels.voxels[n] != 0 {
                    sums[Int(labels.voxels[n])] += Int(ct.voxels[n])
                    counts[Int(labels.voxels[n])] += 1
                }
                labels.touched()
                ct.touched()
            }
        }
        windows = structures.map { structure in
            let sum = structure.labels.reduce(0) { $0 + sums[Int($1)] }
            let count = structure.labels.reduce(0) { $0 + counts[Int($1)] }
            let isAir = count > 0 && Double(sum) / Double(count) < Self.air
            return isAir ? [.lung, .softTissue] : [.softTissue]
        }
    }

    /// Of one structure, the first is that which shows its inside.
    subscript(index: Int) -> [HUWindow] { windows[index] }

    /// For pictures of all structures; with none both, as nobody knows what was looked for.
    var all: [HUWindow] {
        windows.isEmpty || windows.contains { $0.first == .lung } ? [.lung, .softTissue] : [.softTissue]
    }
}

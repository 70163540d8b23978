import Foundation
import Imaging
import Platform
import Synchronization

/// The pictures of a report: three planes through the structures, with a reference the axial slice that differs most
/// from it, a strip of axial slices, and the first and last slice of each structure.
///
/// - Parameters:
///   - labels: on the grid of the CT.
///   - structures: what to outline; none draws the CT alone.
///   - reference: drawn as white dashed lines; on the grid of the CT, with the same labels.
/// - Throws: `ReportError`.
package func casePictures(
    ct: Volume<Int16>,
    labels: Volume<UInt8>,
    structures: [OutlinedStructure],
    reference: Volume<UInt8>?,
    threads: Int
) throws -> [CasePicture] {
    let plan = PicturePlan(labels: labels, structures: structures, reference: reference)
    let drawing = SlicePicture(ct: ct, labels: labels, structures: structures, reference: reference)
    let drawn = Mutex<[Int: Result<CasePicture, ReportError>]>([:])
    let items = plan.items
    parallelFor(items.count, threads: threads) { range in
        for n in range {
            let result = Result { () throws(ReportError) in try items[n].picture(with: drawing) }
            drawn.withLock { $0[n] = result }
        }
    }
    let results = drawn.withLock { $0 }
    return try items.indices.compactMap { try results[$0]?.get() }
}

/// What is drawn.
struct PicturePlan: Sendable {
    struct Item: Sendable {
        var role: CasePicture.Role
        var planes: [PicturePlane]
        var caption: String
        var maximumWidth: Int

        func picture(with drawing: SlicePicture) throws(ReportError) -> CasePicture {
            let tiles = planes.map { drawing.draw($0, maximumWidth: maximumWidth) }
            guard tiles.count > 1 else { return CasePicture(role: role, caption: caption, png: try tiles[0].png()) }
            let columns = 4
            let (width, height) = (tiles[0].width + 4, tiles[0].height + 4)
            let rows = (tiles.count + columns - 1) / columns
            var sheet = RGBImage(width: width * min(columns, tiles.count), height: height * rows)
            for (n, tile) in tiles.enumerated() { sheet.draw(tile, x: n % columns * width, y: n / columns * height) }
            return CasePicture(role: role, caption: caption, png: try sheet.png())
        }
    }

    private(set) var items: [Item] = []
    private let geometry: VolumeGeometry

    init(labels: Volume<UInt8>, structures: [OutlinedStructure], reference: Volume<UInt8>?) {
        geometry = labels.geometry
        let all = structures.reduce(into: Set<UInt8>()) { $0.formUnion($1.labels) }
        let extents = structures.map { ($0.name, Extent($0.labels, in: labels)) }
        let whole = Extent(all, in: labels)
        let middle =
            whole.centre
            ?? VoxelIndex(
                i: geometry.dimensions.i / 2,
                j: geometry.dimensions.j / 2,
                k: geometry.dimensions.k / 2
            )
        let axes = PatientAxes(geometry).axis
        for (role, orientation, patient) in [
            (CasePicture.Role.axial, PicturePlane.Orientation.axial, 2), (.coronal, .coronal, 1),
            (.sagittal, .sagittal, 0),
        ] {
            // The sagittal plane through both lungs' middle would show the mediastinum: it goes through one structure.
            let at = orientation == .sagittal ? extents.compactMap { $0.1.centre }.first ?? middle : middle
            add(role, orientation, index: [at.i, at.j, at.k][axes[patient]])
        }
        if let reference, let worst = WorstSlice(labels, structures, reference, axis: axes[2]) { add(worst) }
        addStrip(whole, axis: axes[2])
        for (name, extent) in extents { addEnds(name, extent, axis: axes[2]) }
    }

    private mutating func add(_ role: CasePicture.Role, _ orientation: PicturePlane.Orientation, index: Int) {
        items.append(
            Item(
                role: role,
                planes: [PicturePlane(orientation, index: index, of: geometry)],
                caption: "\(orientation.rawValue.capitalized) picture, cut \(index + 1)\(place(orientation, index))",
                maximumWidth: 560
            )
        )
    }

    private mutating func add(_ worst: WorstSlice) {
        let area = (worst.squareMM / 100 * 10).rounded() / 10
        items.append(
            Item(
                role: .worstSlice,
                planes: [PicturePlane(.axial, index: worst.index, of: geometry)],
                caption: """
                    Worst agreement with the reference: axial slice \(worst.index + 1)\(place(.axial, worst.index)), \
                    where \(area) cm\u{00B2} of \(worst.structure) are in only one of the two
                    """,
                maximumWidth: 560
            )
        )
    }

    private mutating func addStrip(_ extent: Extent, axis: Int) {
        let count = [geometry.dimensions.i, geometry.dimensions.j, geometry.dimensions.k][axis]
        let range = extent.range(along: axis) ?? 0...(count - 1)
        let wanted = min(12, range.count)
        let indices = (0..<wanted).map { n in
            range.upperBound - (range.count - 1) * n / max(1, wanted - 1)
        }
        let ordered = indices.sorted(by: >)
        items.append(
            Item(
                role: .strip,
                planes: ordered.map { PicturePlane(.axial, index: $0, of: geometry) },
                caption: "Axial slices \(ordered.map { String($0 + 1) }.joined(separator: ", "))",
                maximumWidth: 250
            )
        )
    }

    private mutating func addEnds(_ name: String, _ extent: Extent, axis: Int) {
        guard let range = extent.range(along: axis) else { return }
        items.append(
            Item(
                role: .structureEnds,
                planes: [range.lowerBound, range.upperBound].map { PicturePlane(.axial, index: $0, of: geometry) },
                caption: "\(name): first slice \(range.lowerBound + 1) and last slice \(range.upperBound + 1)",
                maximumWidth: 280
            )
        )
    }

    private func place(_ orientation: PicturePlane.Orientation, _ index: Int) -> String {
        var middle =
            Vector3(
                Double(geometry.dimensions.i - 1),
                Double(geometry.dimensions.j - 1),
                Double(geometry.dimensions.k - 1)
            ) / 2
        let patient = orientation == .axial ? 2 : orientation == .coronal ? 1 : 0
        middle[PatientAxes(geometry).axis[patient]] = Double(index)
        let point = geometry.patientPoint(i: middle.x, j: middle.y, k: middle.z).vector
        return " at \(["x", "y", "z"][patient]) = \((point[patient] * 10).rounded() / 10) mm"
    }
}

/// Bounding box and middle of labels.
private struct Extent {
    var centre: VoxelIndex?
    private var low = SIMD3<Int>(repeating: .max)
    private var high = SIMD3<Int>(repeating: .min)

    init(_ wanted: Set<UInt8>, in labels: Volume<UInt8>) {
        let d = labels.geometry.dimensions
        let table = (0...255).map { wanted.contains(UInt8($0)) }
        var (sum, count) = (SIMD3<Int>.zero, 0)
        labels.voxels.withUnsafeBufferPointer { voxels in
            for k in 0..<d.k {
                for j in 0..<d.j {
                    let row = d.i * (j + d.j * k)
                    for i in 0..<d.i where table[Int(voxels[row + i])] {
                        let at = SIMD3(i, j, k)
                        sum &+= at
                        count += 1
                        low = pointwiseMin(low, at)
                        high = pointwiseMax(high, at)
                    }
                }
            }
        }
        if count > 0 { centre = VoxelIndex(i: sum.x / count, j: sum.y / count, k: sum.z / count) }
    }

    func range(along axis: Int) -> ClosedRange<Int>? { centre == nil ? nil : low[axis]...high[axis] }
}

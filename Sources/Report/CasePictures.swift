import Foundation
import Imaging
import Platform
import Synchronization

/// The pictures of a report: three planes through the structures, with a reference the axial slice that differs most
/// from it, a strip of axial slices, and the first and last slice of each structure.
///
/// Each is drawn in the window that shows its structures (`StructureWindows`), the planes and the slice that differs
/// most in both windows where lung is among them.
///
/// - Parameters:
///   - ct: on the grid of the labels; nil draws the outlines on black.
///   - structures: what to outline; none draws the CT alone.
///   - reference: drawn as white dotted lines; on the grid of the CT.
/// - Throws: `ReportError`.
package func casePictures(
    ct: Volume<Int16>?,
    labels: Volume<UInt8>,
    structures: [OutlinedStructure],
    reference: ReferenceLayers?,
    threads: Int
) throws -> [CasePicture] {
    let plan = PicturePlan(ct: ct, labels: labels, structures: structures, reference: reference)
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
        var plane: PicturePlane
        var box: VoxelBox?
        var window: HUWindow
        var caption: String
        var maximumWidth: Int

        func picture(with drawing: SlicePicture) throws(ReportError) -> CasePicture {
            var drawn = drawing.draw(
                plane,
                box: box,
                window: window,
                maximumWidth: maximumWidth,
                shadesDifferences: role == .worstSlice
            )
            if role != .strip { drawn.overlay.marks = plane.sides }
            return CasePicture(role: role, caption: caption, png: try drawn.image.png(), overlay: drawn.overlay)
        }
    }

    private(set) var items: [Item] = []
    private let geometry: VolumeGeometry
    private let hasCT: Bool
    /// Of slices that show a part of the picture, mm around the structures.
    private static let margin = 15.0

    init(ct: Volume<Int16>?, labels: Volume<UInt8>, structures: [OutlinedStructure], reference: ReferenceLayers?) {
        geometry = labels.geometry
        hasCT = ct != nil
        let windows = StructureWindows(structures, ct: ct, labels: labels)
        let all = structures.reduce(into: Set<UInt8>()) { $0.formUnion($1.labels) }
        let each = LabelExtents(labels)
        let extents = structures.map { each.extent(of: $0.labels) }
        let whole = each.extent(of: all)
        let middle =
            whole.centre
            ?? VoxelIndex(
                i: geometry.dimensions.i / 2,
                j: geometry.dimensions.j / 2,
                k: geometry.dimensions.k / 2
            )
        let axes = PatientAxes(geometry).axis
        for window in windows.all {
            for (role, orientation, patient) in [
                (CasePicture.Role.axial, PicturePlane.Orientation.axial, 2), (.coronal, .coronal, 1),
                (.sagittal, .sagittal, 0),
            ] {
                // The sagittal plane through both lungs' middle would show the mediastinum: it goes through one structure.
                let at = orientation == .sagittal ? extents.compactMap(\.centre).first ?? middle : middle
                let index = [at.i, at.j, at.k][axes[patient]]
                let caption = "\(orientation.rawValue.capitalized), cut \(index + 1)\(place(orientation, index))"
                add(role, orientation, index, window, caption, maximumWidth: 560)
            }
        }
        if let reference, let worst = WorstSlice(labels, reference, axis: axes[2]) {
            let isOurs = structures.indices.first { !structures[$0].labels.isDisjoint(with: worst.labels) }
            for window in isOurs.map({ windows[$0] }) ?? windows.all { add(worst, whole, window) }
        }
        let main = windows.all[0]
        addStrip(whole, axis: axes[2], main)
        for (n, extent) in extents.enumerated() {
            addEnds(structures[n].name, extent, axis: axes[2], windows[n][0])
        }
    }

    private mutating func add(
        _ role: CasePicture.Role,
        _ orientation: PicturePlane.Orientation,
        _ index: Int,
        _ window: HUWindow,
        _ caption: String,
        box: VoxelBox? = nil,
        maximumWidth: Int
    ) {
        items.append(
            Item(
                role: role,
                plane: PicturePlane(orientation, index: index, of: geometry),
                box: box,
                window: window,
                caption: hasCT && role != .strip ? "\(caption); \(window.words)" : caption,
                maximumWidth: maximumWidth
            )
        )
    }

    private mutating func add(_ worst: WorstSlice, _ extent: Extent, _ window: HUWindow) {
        let area = (worst.squareMM / 100 * 10).rounded() / 10
        add(
            .worstSlice,
            .axial,
            worst.index,
            window,
            """
            Worst agreement with the reference: axial slice \(worst.index + 1)\(place(.axial, worst.index)), \
            where \(area) cm\u{00B2} of \(worst.structure) are in only one of the two (shaded)
            """,
            box: extent.box?.widened(byMM: Self.margin, in: geometry),
            maximumWidth: 560
        )
    }

    private mutating func addStrip(_ extent: Extent, axis: Int, _ window: HUWindow) {
        let count = [geometry.dimensions.i, geometry.dimensions.j, geometry.dimensions.k][axis]
        let range = extent.range(along: axis) ?? 0...(count - 1)
        let wanted = min(12, range.count)
        let indices = (0..<wanted).map { n in
            range.upperBound - (range.count - 1) * n / max(1, wanted - 1)
        }
        let box = extent.box?.widened(byMM: Self.margin, in: geometry)
        for index in indices.sorted(by: headFirst(axis)) {
            add(.strip, .axial, index, window, "Slice \(index + 1)", box: box, maximumWidth: 250)
        }
    }

    /// The ends of a structure, near enough to be seen.
    private mutating func addEnds(_ name: String, _ extent: Extent, axis: Int, _ window: HUWindow) {
        guard let range = extent.range(along: axis) else { return }
        let box = extent.box?.widened(byMM: Self.margin, in: geometry)
        for (word, index) in [("first", range.lowerBound), ("last", range.upperBound)] {
            let caption = "\(name): \(word) slice, \(index + 1)"
            add(.structureEnds, .axial, index, window, caption, box: box, maximumWidth: 280)
        }
    }

    /// Slices of a strip run from the head to the foot, whatever the direction in which they are counted.
    private func headFirst(_ axis: Int) -> (Int, Int) -> Bool {
        let directions = [geometry.directionI, geometry.directionJ, geometry.directionK]
        return directions[axis].z < 0 ? { $0 < $1 } : { $0 > $1 }
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

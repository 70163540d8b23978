import Foundation
import Imaging

/// The axial slice in which two masks differ most, with both outlines, in the window that shows the structure's inside.
///
/// - Parameters:
///   - name: what is shown.
///   - ct: on the grid of the masks; nil draws the outlines on black.
/// - Returns: nil when both agree in every voxel.
/// - Throws: `ReportError`.
package func worstPicture(
    _ name: String,
    ct: Volume<Int16>?,
    prediction: Mask,
    reference: Mask
) throws(ReportError) -> CasePicture? {
    let geometry = prediction.geometry
    let ours = Mask(geometry: geometry, voxels: prediction.voxels.map { $0 == 0 ? 0 : 1 })
    let structure = OutlinedStructure(name: name, color: [255, 170, 60], labels: [1])
    // One that the reference lacks everywhere is shown where ours is largest.
    let isMissing = !reference.voxels.contains { $0 != 0 }
    var theirs = ReferenceLayers(geometry: geometry)
    theirs.add(name, labels: [1], isMissing ? ours : reference)
    let compared = isMissing ? Mask(geometry: geometry, repeating: 0) : ours
    guard let worst = WorstSlice(compared, theirs, axis: PatientAxes(geometry).axis[2]) else { return nil }
    let hasOurs = ours.voxels.contains(1)
    let shown = StructureWindows([structure], ct: ct, labels: hasOurs ? ours : reference)[0][0]
    let drawing = SlicePicture(ct: ct, labels: ours, structures: [structure], reference: isMissing ? nil : theirs)
    let plane = PicturePlane(.axial, index: worst.index, of: geometry)
    var drawn = drawing.draw(
        plane,
        box: VoxelBox(of: ours, or: reference)?.widened(byMM: 20, in: geometry),
        window: shown,
        maximumWidth: 420,
        shadesDifferences: true
    )
    drawn.overlay.marks = plane.sides
    let area = fixed(worst.squareMM / 100, digits: 1)
    let window = ct == nil ? "" : "; \(shown.words)"
    return CasePicture(
        role: .worstSlice,
        caption: "\(name): slice \(worst.index + 1), where \(area) cm\u{00B2} are in only one of the two (shaded); "
            + "ours drawn through, the reference dotted\(window)",
        png: try drawn.image.png(),
        overlay: drawn.overlay
    )
}

extension VoxelBox {
    /// Around everything that at least one of two masks on one grid has; nil where both are empty.
    fileprivate init?(of mask: Mask, or other: Mask) {
        let d = mask.geometry.dimensions
        var low = SIMD3<Int>(repeating: .max)
        var high = SIMD3<Int>(repeating: .min)
        var n = 0
        for k in 0..<d.k {
            for j in 0..<d.j {
                for i in 0..<d.i {
                    if mask.voxels[n] != 0 || other.voxels[n] != 0 {
                        low = pointwiseMin(low, SIMD3(i, j, k))
                        high = pointwiseMax(high, SIMD3(i, j, k))
                    }
                    n += 1
                }
            }
        }
        guard low.x <= high.x else { return nil }
        self.init(low: low, high: high)
    }
}

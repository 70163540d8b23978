import Foundation
import Imaging

/// A picture of one of the worst cases.
package struct WorstPicture: Sendable {
    package var caption: String
    package var png: Data

    package init(caption: String, png: Data) {
        self.caption = caption
        self.png = png
    }
}

/// The axial slice in which two masks differ most, with both outlines.
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
) throws(ReportError) -> WorstPicture? {
    let geometry = prediction.geometry
    let structure = OutlinedStructure(name: name, color: [255, 170, 60], labels: [1])
    let axis = PatientAxes(geometry).axis[2]
    // One that the reference lacks everywhere is shown where ours is largest.
    let isMissing = !reference.voxels.contains { $0 != 0 }
    let (labels, other) = isMissing ? (reference, prediction) : (prediction, reference)
    guard let worst = WorstSlice(labels, [structure], other, axis: axis) else { return nil }
    let drawing = SlicePicture(
        ct: ct ?? Volume(geometry: geometry, repeating: .min),
        labels: prediction,
        structures: [structure],
        reference: reference
    )
    let image = drawing.draw(PicturePlane(.axial, index: worst.index, of: geometry), maximumWidth: 420)
    let area = fixed(worst.squareMM / 100, digits: 1)
    return WorstPicture(
        caption: "\(name): slice \(worst.index + 1), where \(area) cm\u{00B2} are in only one of the two; "
            + "ours drawn through, the reference dashed",
        png: try image.png()
    )
}

import Imaging
import Platform
import Report
import Segmentation

/// Draws the pictures of a report from what a Run has kept.
struct RunPictures {
    let labels: LabelMap
    let rois: [ROIDescription]
    let segmentation: SegmentationFacts
    /// The evaluation that is reported, and the files of its references.
    let evaluation: CaseReport.Evaluation?
    let referenceFiles: [String]
    let threads: Int

    /// - Parameter ct: nil when its pixels were deleted after their time: contours are then drawn on black, and only
    ///   what compares them with the reference.
    func draw(on ct: Volume<Int16>?) throws -> [CasePicture] {
        let reference = referenceLabels()
        if ct == nil && reference == nil { return [] }
        let structures = rois.filter { roi in
            segmentation.structures.contains { $0.name == roi.name && $0.found }
        }.map { OutlinedStructure(name: $0.name, color: $0.color, labels: [UInt8($0.label)]) }
        let pictures = try casePictures(
            ct: ct ?? Volume(geometry: labels.volume.geometry, repeating: -32_768),
            labels: labels.volume,
            structures: structures,
            reference: reference,
            threads: threads
        )
        guard let reference else { return pictures }
        let maps = try distancePictures(
            labels: labels.volume,
            structures: structures,
            reference: reference,
            threads: threads
        )
        let comparing: Set<CasePicture.Role> = [.worstSlice, .coronal, .strip]
        guard ct == nil else { return pictures + maps }
        let outlines = pictures.filter { comparing.contains($0.role) }.map { picture in
            var picture = picture
            picture.caption += " (outlines alone: the CT's pixels were deleted after their time)"
            return picture
        }
        return outlines + maps
    }

    /// The reference that is reported as a label map.
    private func referenceLabels() -> Volume<UInt8>? {
        guard let evaluation, !evaluation.structures.isEmpty else { return nil }
        let geometry = labels.volume.geometry
        var map = Volume<UInt8>(geometry: geometry, repeating: 0)
        for path in referenceFiles {
            // A reference that cannot be read is already told by the findings of `evaluate`.
            guard
                let reference = try? ReferenceMasks(contentsOf: path, labels: labels.labels, areStated: false),
                reference.kind.rawValue == evaluation.referenceKind,
                reference.sopInstanceUID == evaluation.referenceSOPInstanceUID
            else { continue }
            let own = labels.labels.sorted { $0.value < $1.value }
            let partners = StructureName.partners(of: reference.names, in: own.map(\.key))
            for (index, partner) in partners.sorted(by: { $0.key < $1.key }) where reference.defects[index] == nil {
                guard let mask = try? reference.mask(at: index, on: geometry).mask else { continue }
                for n in map.voxels.indices where mask.voxels[n] != 0 { map.voxels[n] = own[partner].value }
            }
        }
        return map
    }
}

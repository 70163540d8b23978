import Dicom
import Imaging
import Segmentation

/// An RT Structure Set or a Segmentation that contours a series.
struct TrainingReference: Sendable {
    var path: String
    var kind: InstanceKind

    func structureNames() throws -> [String] {
        switch kind {
        case .rtStructureSet: try usableStructures().map(\.name)
        case .segmentation: try SegmentationObject(contentsOf: path).segments.map(\.label)
        default: []
        }
    }

    /// Without those whose contours enclose nothing or may be another's. One without any contour is an empty structure.
    private func usableStructures() throws -> [RTStructure] {
        try RTStructureSet(contentsOf: path).structures.filter { $0.defect == nil || $0.defect == .noContours }
    }

    /// The masks of the structures whose names a recipe knows, with the recipe's labels.
    func masks(of rois: [TrainingROI], on geometry: VolumeGeometry) throws -> [(label: UInt8, mask: Mask)] {
        switch kind {
        case .rtStructureSet:
            let structures = try usableStructures()
            return zip(structures, rois.labels(of: structures.map(\.name))).compactMap { structure, label in
                label.map { ($0, structure.mask(on: geometry).mask) }
            }
        case .segmentation:
            let object = try SegmentationObject(contentsOf: path)
            return zip(object.segments, rois.labels(of: object.segments.map(\.label))).compactMap { segment, label in
                label.map { ($0, object.mask(ofSegment: segment.number, on: geometry).mask) }
            }
        default: return []
        }
    }
}

/// The recipe's structures of some objects as one label map. Where structures overlap, the first of the recipe wins.
func referenceLabels(
    _ references: [TrainingReference],
    rois: [TrainingROI],
    on geometry: VolumeGeometry
) throws -> Volume<UInt8> {
    var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
    for reference in references {
        for (label, mask) in try reference.masks(of: rois, on: geometry) {
            for n in labels.voxels.indices
            where mask.voxels[n] != 0 && (labels.voxels[n] == 0 || labels.voxels[n] > label) {
                labels.voxels[n] = label
            }
        }
    }
    return labels
}

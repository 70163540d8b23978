import Dicom
import Imaging
import Platform
import Report
import Segmentation

/// Draws the pictures of a report from what a Run has kept.
struct RunPictures {
    let labels: LabelMap
    let rois: [ROIDescription]
    /// Names of unions with the names of their members.
    let unions: [(name: String, members: [String])]
    let segmentation: SegmentationFacts
    /// The evaluation that is reported, and the files of its references.
    let evaluation: CaseReport.Evaluation?
    /// The CT, as structures of a reference name it.
    let scan: ScanIdentity
    let referenceFiles: [String]
    /// SOP Instance UIDs of the CT's images.
    let imageUIDs: Set<String>
    let threads: Int

    /// - Parameter ct: nil when its pixels were deleted after their time: outlines are then drawn on black, without the ends
    ///   of structures, where only the CT shows whether they are right.
    func draw(on ct: Volume<Int16>?) throws -> [CasePicture] {
        let reference = referenceLayers()
        if ct == nil && reference == nil { return [] }
        let structures = rois.filter { roi in
            segmentation.structures.contains { $0.name == roi.name && $0.found }
        }.map { OutlinedStructure(name: $0.name, color: $0.color, labels: [UInt8($0.label)]) }
        let pictures = try casePictures(
            ct: ct,
            labels: labels.volume,
            structures: structures,
            reference: reference,
            threads: threads
        )
        guard let reference else { return pictures }
        let maps = try distancePictures(
            labels: labels.volume,
            reference: reference,
            threads: threads
        )
        guard ct == nil else { return pictures + maps }
        let outlines = pictures.filter { $0.role != .structureEnds }.map { picture in
            var picture = picture
            picture.caption += " (outlines alone: the CT's pixels were deleted after their time)"
            return picture
        }
        return outlines + maps
    }

    /// What was scored of the reference that is reported, without unions whose parts it has too: their outline would lie
    /// on those of the parts.
    private func referenceLayers() -> ReferenceLayers? {
        guard let evaluation, !evaluation.structures.isEmpty else { return nil }
        let geometry = labels.volume.geometry
        var layers = ReferenceLayers(geometry: geometry)
        let own = labels.labels.sorted { $0.value < $1.value }.map(\.key)
        for path in referenceFiles {
            // A reference that cannot be read is already told by the findings of `evaluate`.
            guard
                var reference = try? ReferenceMasks(
                    contentsOf: path,
                    labels: labels.labels.mapValues(UInt16.init),
                    statement: .assumed,
                    images: imageUIDs
                ),
                reference.kind.rawValue == evaluation.referenceKind,
                reference.sopInstanceUID == evaluation.referenceSOPInstanceUID,
                reference.approvalStatus == evaluation.approvalStatus,
                evaluation.referenceMadeAt == nil || reference.madeAt == evaluation.referenceMadeAt
            else { continue }
            reference.place(on: scan)
            let names = own + unions.map(\.name)
            let pairing = StructurePairing(reference: reference.names, prediction: names, unions: unions)
            var drawn: Set<UInt8> = []
            for pair in pairing.pairs
            where pair.reference.count == 1 && reference.defects[pair.reference[0]] == nil {
                let theirs = reference.names[pair.reference[0]]
                let name = pair.prediction.count == 1 ? names[pair.prediction[0]] : theirs
                guard evaluation.structures.contains(where: { $0.name == name }) else { continue }
                let compared = pair.prediction.flatMap { members(of: $0, own) }
                let values = Set(compared.compactMap { labels.labels[$0] })
                guard !values.isSubset(of: drawn),
                    let mask = try? reference.mask(at: pair.reference[0], on: geometry).mask
                else { continue }
                layers.add(theirs, labels: values, mask)
                drawn.formUnion(values)
            }
        }
        return layers
    }

    private func members(of index: Int, _ own: [String]) -> [String] {
        index < own.count ? [own[index]] : unions[index - own.count].members
    }
}

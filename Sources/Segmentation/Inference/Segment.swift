import Imaging
import NeuralNet

/// Contours a CT with a model.
///
/// The network scores the input slice by slice; the scores are interpolated to the CT grid and only then decided,
/// so that edges are finer than the network's pixels. No HU threshold makes foreground: HU only ever refuse what
/// the network found (`Acceptance`).
///
/// - Parameters:
///   - input: HU on the model's grid, from `networkInput`.
///   - ctGeometry: the grid for the label map.
///   - memory: of what is on the model's grid.
///   - labels: makes the volume of the label map, of zeros.
///   - progress: called with 0...1 from the calling thread; what it throws ends the work, for cancellation.
package func segment(
    input: Volume<Float>,
    ctGeometry: VolumeGeometry,
    model: ModelPackage,
    memory: VolumeMemory = .ordinary,
    threads: Int,
    labels: (VolumeGeometry) throws -> Volume<UInt8> = { Volume(geometry: $0, repeating: 0) },
    progress: (Double) throws -> Void
) throws -> SegmentationResult {
    let scores = try scoreVolume(of: input, model: model, memory: memory, threads: threads) {
        try progress($0 * 0.85)
    }
    var labels = try labels(ctGeometry)
    scores.writeLabels(to: &labels, threads: threads)
    try progress(0.95)
    let result = judge(
        labels: consume labels,
        scores: scores,
        input: input,
        description: model.description,
        threads: threads
    )
    try progress(1)
    return result
}

/// Clean-up, measurement and acceptance of what the scores say.
package func judge(
    labels: consuming Volume<UInt8>,
    scores: ScoreVolume,
    input: Volume<Float>,
    description: ModelDescription,
    threads: Int
) -> SegmentationResult {
    let names = Dictionary(uniqueKeysWithValues: description.rois.map { ($0.name, UInt8($0.label)) })
    // One owner: a second one would make changing it a copy.
    var labels = consume labels
    let grid = labels.geometry
    let outline = PatientOutline(of: input, ct: grid, threads: threads)
    let cleaned = description.rois.map { roi in
        cleanUp(&labels, roi, labels: names) { pieces in
            outline?.isOutside(pieces, on: grid, input: input) ?? pieces.sizes.map { _ in false }
        }
    }
    let kept = Dictionary(uniqueKeysWithValues: zip(description.rois.map(\.name), cleaned.map(\.keptVoxels)))
    let heirs = description.rois.map { joinSpot(&labels, $0, labels: names, voxels: kept) }
    for roi in description.rois { fillHoles(&labels, roi, threads: threads) }
    let measured = measureStructures(
        description.rois,
        in: labels,
        scores: scores,
        input: input,
        outline: outline,
        threads: threads
    )
    let voxelML = labels.geometry.voxelVolumeMM3 / 1000
    var structures: [StructureResult] = []
    var findings: [SegmentationFinding] = []
    for (index, roi) in description.rois.enumerated() {
        var structure = StructureResult(
            roi,
            measured[index],
            voxelML: voxelML,
            components: cleaned[index].keptComponents,
            droppedML: Double(cleaned[index].droppedVoxels) * voxelML
        )
        let joined = heirs[index].map { "what was taken for it lies within \($0) and counts as that" }
        let outsideML = Double(cleaned[index].outsideVoxels) * voxelML
        let outside =
            outsideML > 0 && structure.voxelCount == 0 ? "what was taken for it lies outside of the patient" : nil
        let isCut = { isCutByPicture(RunComponents(of: structure.label, in: labels), on: grid, outline: outline) }
        if let reason = joined ?? outside ?? roi.acceptance.refusal(of: structure, isCut: isCut) {
            erase(structure.label, from: &labels)
            structure = structure.notFound
            findings.append(.notFound(roi.name, reason))
        } else if let limit = roi.plausibility.reviewConfidence, structure.confidence < limit {
            findings.append(.lowConfidence(roi.name, structure.confidence, limit: limit))
        } else if let limit = roi.plausibility.maximumEdgeUncertaintyMM, let width = structure.edgeUncertaintyMM,
            width > limit
        {
            findings.append(.uncertainEdge(roi.name, width, limit: limit))
        }
        if structure.found, outsideML > 0 { findings.append(.outsidePatient(roi.name, outsideML)) }
        structures.append(structure)
    }
    let beside = BesidePicture(labels: labels, outline: outline)
    // Of which more was seen than counts as found, the picture shows something.
    for (roi, structure) in zip(description.rois, structures)
    where !structure.found && structure.droppedML <= roi.acceptance.minimumVolumeML {
        let counterpart = beside.counterpart(of: roi, among: description.rois) { name in
            structures.contains { $0.name == name && $0.found }
        }
        guard let counterpart,
            let told = findings.firstIndex(where: { $0.code == "W_STRUCTURE_NOT_FOUND" && $0.structure == roi.name })
        else { continue }
        findings[told] = .besidePicture(roi.name, counterpart)
    }
    findings += croppedFindings(scores: scores, labels: labels, structures: structures)
    if !structures.contains(where: \.found) { findings.insert(.nothing(description.output.emptyMessage), at: 0) }
    return SegmentationResult(
        labelMap: LabelMap(volume: labels, labels: names),
        structures: structures,
        findings: findings,
        crop: scores.crop
    )
}

/// Whether the CT or the network's picture may cut a structure: it lies within 3 mm of one of the six sides of the CT, at the rim of
/// a round picture or at a side of the network's picture. Where no outline tells of the last two, it may.
private func isCutByPicture(_ components: RunComponents, on grid: VolumeGeometry, outline: PatientOutline?) -> Bool {
    guard let outline else { return true }
    let d = grid.dimensions
    let sides = [d.i, d.j, d.k]
    let margins = [grid.spacing.x, grid.spacing.y, grid.spacing.z].map { Int(3 / $0) }
    return components.runs.contains { run in
        let isNearSide = [run.start...run.end - 1, run.j...run.j, run.k...run.k].enumerated().contains { axis, reach in
            reach.lowerBound <= margins[axis] || reach.upperBound >= sides[axis] - 1 - margins[axis]
        }
        return isNearSide
            || [run.start, run.end - 1].contains { i in
                outline.isAtSide(grid.patientPoint(i: Double(i), j: Double(run.j), k: Double(run.k)))
            }
    }
}

private func erase(_ label: UInt8, from labels: inout Volume<UInt8>) {
    let plane = labels.geometry.planeCount
    for k in 0..<labels.geometry.dimensions.k {
        labels.voxels.withUnsafeMutableBufferPointer { voxels in
            for n in k * plane..<(k + 1) * plane where voxels[n] == label { voxels[n] = 0 }
        }
        labels.touched()
    }
}

extension StructureResult {
    init(_ roi: ROIDescription, _ measured: Measurement, voxelML: Double, components: Int, droppedML: Double) {
        name = roi.name
        label = UInt8(roi.label)
        found = true
        voxelCount = measured.voxels
        volumeML = Double(measured.voxels) * voxelML
        meanScore = measured.meanScore
        let expected = roi.confidence.map { $0(measured.certainty) } ?? measured.promisedDice
        confidence = measured.voxels == 0 ? 0 : min(max(expected, 0), 1)
        meanHU = measured.meanHU
        airFraction = measured.airFraction
        airPocketFraction = measured.airPocketFraction
        lowAttenuationFraction = measured.lowAttenuationFraction
        edgeUncertaintyMM = measured.edgeUncertaintyMM
        self.components = components
        self.droppedML = droppedML
    }

    /// The same structure after it was refused.
    fileprivate var notFound: StructureResult {
        var copy = self
        copy.found = false
        copy.droppedML += volumeML
        (copy.voxelCount, copy.volumeML, copy.components, copy.confidence) = (0, 0, 0, 0)
        (copy.meanScore, copy.meanHU, copy.edgeUncertaintyMM) = (nil, nil, nil)
        (copy.airFraction, copy.airPocketFraction, copy.lowAttenuationFraction) = (nil, nil, nil)
        return copy
    }
}

extension Acceptance {
    /// Why a structure does not count as found; nil when it does.
    ///
    /// - Parameter isCut: whether the picture may show a part of it alone; asked of small ones.
    func refusal(of structure: StructureResult, isCut: () -> Bool) -> String? {
        if structure.voxelCount == 0 { return "the network found no voxel of it" }
        if structure.volumeML < minimumVolumeML {
            return "only \(text(structure.volumeML)) mL, at least \(text(minimumVolumeML)) mL are asked for"
        }
        if let least = minimumWholeVolumeML, structure.volumeML < least, !isCut() {
            return
                "only \(text(structure.volumeML)) mL, and no side of the picture cuts it: a whole one has at least \(text(least)) mL"
        }
        if let limit = maximumVolumeML, structure.volumeML > limit {
            return "\(text(structure.volumeML)) mL are more than any has (\(text(limit)) mL)"
        }
        if structure.confidence < minimumConfidence {
            return "the confidence \(text(structure.confidence)) is below \(text(minimumConfidence))"
        }
        if let range = meanHU, let mean = structure.meanHU, !range.contains(mean) {
            return "its mean of \(text(mean)) HU is outside \(text(range.lower)) to \(text(range.upper))"
        }
        if let limit = maximumAirFraction, let fraction = structure.airFraction, fraction > limit {
            return "\(text(fraction * 100)) % of it is plain air, at most \(text(limit * 100)) % may be"
        }
        return nil
    }

    private func text(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}

extension SegmentationFinding {
    fileprivate static func nothing(_ message: String) -> SegmentationFinding {
        SegmentationFinding(
            code: "W_NOTHING_FOUND",
            message: message,
            hint: "Right if the CT shows none of the model's structures; otherwise contour by hand."
        )
    }

    fileprivate static func notFound(_ name: String, _ reason: String) -> SegmentationFinding {
        SegmentationFinding(
            code: "W_STRUCTURE_NOT_FOUND",
            structure: name,
            message: "\(name) was not found: \(reason)",
            hint: "Right if the CT does not show it; otherwise contour it by hand."
        )
    }

    fileprivate static func besidePicture(_ name: String, _ counterpart: String) -> SegmentationFinding {
        SegmentationFinding(
            code: "W_BESIDE_PICTURE",
            structure: name,
            message: """
                \(name) was not found: the picture ends within \(Int(BesidePicture.reachMM)) mm of \(counterpart), on the side where it would lie
                """,
            hint: "Right if the scan is to show one side; otherwise contour it by hand."
        )
    }

    fileprivate static func lowConfidence(_ name: String, _ confidence: Double, limit: Double) -> SegmentationFinding {
        let text = DistinctText(confidence, beside: [limit], digits: 2)
        return SegmentationFinding(
            code: "W_LOW_CONFIDENCE",
            structure: name,
            message:
                "the network is unsure about \(name) (confidence \(text.value), at least \(text.limits[0]) is usual)",
            hint: "Look at every slice of it."
        )
    }

    fileprivate static func uncertainEdge(_ name: String, _ width: Double, limit: Double) -> SegmentationFinding {
        let text = DistinctText(width, beside: [limit], digits: 3)
        return SegmentationFinding(
            code: "W_LOW_CONFIDENCE",
            structure: name,
            message: """
                the network is unsure where \(name) ends (over \(text.value) mm on average, at most \(text.limits[0]) mm are usual)
                """,
            hint: "Look at every slice of it."
        )
    }

    fileprivate static func outsidePatient(_ name: String, _ volumeML: Double) -> SegmentationFinding {
        SegmentationFinding(
            code: "W_OUTSIDE_PATIENT",
            structure: name,
            message: """
                \(Int(volumeML.rounded(.up))) mL that were taken for \(name) lie outside of the patient and are not in the contour
                """,
            hint: "Right if a couch or a cushion lies there; if it is the organ, contour it by hand."
        )
    }

    static func cropped(_ name: String) -> SegmentationFinding {
        SegmentationFinding(
            code: "W_CROPPED",
            structure: name,
            message: "\(name) reaches the edge of the network's picture although the CT goes on",
            hint: "Use a model with a larger picture, or check the contour at that edge."
        )
    }
}

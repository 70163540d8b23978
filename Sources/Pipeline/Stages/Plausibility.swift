import Imaging
import Report
import Segmentation

/// Judges the structures of a Run without a reference, by the ranges of the model package.
struct PlausibilityJudge {
    let facts: SeriesFacts
    let segmentation: SegmentationFacts
    let model: ModelDescription
    let geometry: VolumeGeometry
    let measures: [LabelMeasures]
    let labels: Volume<UInt8>

    func reports() -> [CaseReport.StructureReport] {
        let own = model.rois.map(report)
        return own + model.derivedROIs.map { derived in report(derived, parts: own) }
    }

    private func report(_ roi: ROIDescription) -> CaseReport.StructureReport {
        let result = segmentation.structures.first { $0.name == roi.name }
        let measured = measures[roi.label]
        var report = skeleton(roi.name, color: roi.color, measured)
        report.found = result?.found ?? false
        report.confidence = result?.confidence
        report.edgeUncertaintyMM = result?.edgeUncertaintyMM
        report.meanHU = result?.meanHU
        report.airPocketFraction = result?.airPocketFraction
        report.lowAttenuationFraction = result?.lowAttenuationFraction
        report.components = result?.components ?? 0
        if report.found {
            report.holes = holes(of: roi.label, measured, in: labels)
            report.checks = checks(of: roi, report, measured)
        }
        return report
    }

    private func report(
        _ derived: DerivedROI,
        parts: [CaseReport.StructureReport]
    ) -> CaseReport.StructureReport {
        let members = model.rois.filter { derived.union.contains($0.name) }
        let measured = members.map { measures[$0.label] }.reduce(LabelMeasures(slices: geometry.dimensions.k), +)
        var report = skeleton(derived.name, color: derived.color, measured)
        let found = parts.filter { derived.union.contains($0.name) && $0.found }
        report.derived = true
        report.found = !found.isEmpty
        // Pieces of the parts: parts that touch are still two pieces.
        report.components = found.reduce(0) { $0 + $1.components }
        return report
    }

    private func skeleton(_ name: String, color: [Int], _ measured: LabelMeasures) -> CaseReport.StructureReport {
        CaseReport.StructureReport(
            name: name,
            derived: false,
            found: false,
            color: color,
            volumeML: Double(measured.voxels) * geometry.voxelVolumeMM3 / 1000,
            confidence: nil,
            meanHU: nil,
            components: 0,
            firstSlice: measured.firstSlice,
            lastSlice: measured.lastSlice,
            centroidMM: measured.centroid(on: geometry).map { [$0.x, $0.y, $0.z] },
            extentMM: measured.extentMM(on: geometry),
            spreadHU: measured.spreadHU,
            holes: nil,
            touchesPictureEdge: measured.touchesPictureEdge,
            touchesFirstSlice: measured.perSlice.first ?? 0 > 0,
            touchesLastSlice: measured.perSlice.last ?? 0 > 0,
            checks: [],
            rtStructureSetRoundTripDice: nil,
            segmentationRoundTripDice: nil
        )
    }
}

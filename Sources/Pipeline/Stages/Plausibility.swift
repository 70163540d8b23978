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
        report.meanHU = result?.meanHU
        report.components = result?.components ?? 0
        if report.found { report.checks = checks(of: roi, report, measured) }
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
            touchesPictureEdge: measured.touchesPictureEdge,
            touchesFirstSlice: measured.perSlice.first ?? 0 > 0,
            touchesLastSlice: measured.perSlice.last ?? 0 > 0,
            checks: [],
            rtStructureSetRoundTripDice: nil,
            segmentationRoundTripDice: nil
        )
    }

    private func checks(
        of roi: ROIDescription,
        _ report: CaseReport.StructureReport,
        _ measured: LabelMeasures
    ) -> [CaseReport.PlausibilityCheck] {
        let expected = roi.plausibility
        var checks: [CaseReport.PlausibilityCheck] = []
        if let range = expected.volumeML { checks.append(volumeCheck(range, report)) }
        if let range = expected.meanHU, let mean = report.meanHU {
            checks.append(check("mean HU", "\(rounded(mean)) HU", range, unit: "HU", range.contains(mean)))
        }
        if let limit = expected.maximumComponents {
            checks.append(
                .init(
                    name: "components",
                    value: "\(report.components)",
                    expected: "at most \(limit)",
                    passed: report.components <= limit
                )
            )
        }
        if let side = expected.side, let x = report.centroidMM?.first {
            checks.append(sideCheck(side, offsetMM: x - facts.bodyCentreX))
        }
        if let limit = expected.reviewConfidence, let confidence = report.confidence {
            checks.append(
                .init(
                    name: "confidence",
                    value: "\((confidence * 100).rounded() / 100)",
                    expected: "at least \(limit)",
                    passed: confidence >= limit
                )
            )
        }
        checks.append(
            .init(
                name: "slices skipped",
                value: "\(measured.skippedSlices)",
                expected: "0",
                passed: measured.skippedSlices == 0
            )
        )
        checks.append(
            .init(
                name: "edge of the picture",
                value: report.touchesPictureEdge ? "touched" : "not touched",
                expected: "not touched",
                passed: !report.touchesPictureEdge
            )
        )
        return checks
    }

    /// Of a structure that the scan cuts only a part is there: it cannot be too small.
    private func volumeCheck(
        _ range: ClosedInterval,
        _ report: CaseReport.StructureReport
    ) -> CaseReport.PlausibilityCheck {
        let value = "\(rounded(report.volumeML)) mL"
        guard report.touchesFirstSlice || report.touchesLastSlice || report.touchesPictureEdge else {
            return check("volume", value, range, unit: "mL", range.contains(report.volumeML))
        }
        return .init(
            name: "volume",
            value: value,
            expected: "at most \(rounded(range.upper)) mL (the scan cuts it)",
            passed: report.volumeML <= range.upper
        )
    }

    private func check(
        _ name: String,
        _ value: String,
        _ range: ClosedInterval,
        unit: String,
        _ passed: Bool
    ) -> CaseReport.PlausibilityCheck {
        .init(
            name: name,
            value: value,
            expected: "\(rounded(range.lower)) to \(rounded(range.upper)) \(unit)",
            passed: passed
        )
    }

    /// LPS: x grows to the patient's left.
    private func sideCheck(_ side: Plausibility.Side, offsetMM: Double) -> CaseReport.PlausibilityCheck {
        let passed =
            switch side {
            case .left: offsetMM > 0
            case .right: offsetMM < 0
            case .midline: abs(offsetMM) < 40
            }
        let where_ = "\(rounded(abs(offsetMM))) mm \(offsetMM >= 0 ? "left" : "right") of the middle of the body"
        return .init(name: "side", value: where_, expected: side.rawValue, passed: passed)
    }

    private func rounded(_ value: Double) -> String {
        abs(value) >= 10 ? "\(Int(value.rounded()))" : "\((value * 10).rounded() / 10)"
    }
}

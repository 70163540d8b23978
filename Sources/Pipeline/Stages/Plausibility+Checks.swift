import Imaging
import Report
import Segmentation

/// Each measured value beside the range of the model package that it is judged by.
extension PlausibilityJudge {
    func checks(
        of roi: ROIDescription,
        _ report: CaseReport.StructureReport,
        _ measured: LabelMeasures
    ) -> [CaseReport.PlausibilityCheck] {
        let expected = roi.plausibility
        let isCut = report.touchesFirstSlice || report.touchesLastSlice || report.touchesPictureEdge
        return [
            expected.volumeML.map { within("volume", report.volumeML, $0, unit: "mL", isCut: isCut) },
            zip(expected.extentMM, report.extentMM).map { range, extent in
                within("extent", extent, range, unit: "mm", isCut: isCut)
            },
            zip(expected.meanHU, report.meanHU).map { within("mean HU", $1, $0, unit: "HU") },
            zip(expected.spreadHU, report.spreadHU).map { within("spread of HU", $1, $0, unit: "HU") },
            report.airPocketFraction.flatMap {
                pocketCheck(expected, $0, lowAttenuation: report.lowAttenuationFraction)
            },
            expected.maximumComponents.map { atMost("components", report.components, $0) },
            zip(expected.maximumHoles, report.holes).map { atMost("holes", $1, $0) },
            // The middle of half a body is not that of the body.
            isAloneInPicture(roi)
                ? nil
                : zip(expected.side, report.centroidMM?.first).map { sideCheck($0, offsetMM: $1 - facts.bodyCentreX) },
            // Label 0 is everything else.
            measures.dropFirst().contains(where: \.touchesPictureEdge) || isAloneInPicture(roi)
                ? nil
                : zip(expected.lateralOffsetMM, report.centroidMM?.first).map { range, x in
                    within("distance from the middle", abs(x - facts.bodyCentreX), range, unit: "mm")
                },
            expected.symmetry.flatMap { symmetryCheck($0, of: roi, isCut: isCut) },
            zip(expected.reviewConfidence, report.confidence).map { confidenceCheck($0, $1) },
            zip(expected.maximumEdgeUncertaintyMM, report.edgeUncertaintyMM).map { uncertaintyCheck($0, $1) },
            atMost("slices skipped", measured.skippedSlices, expected.maximumSkippedSlices ?? 0),
            edgeCheck(measured, limitMM2: expected.maximumEdgeContactMM2 ?? 0),
        ].compactMap { $0 }
    }

    /// Whether the picture ends beside a structure, before its counterpart.
    private func isAloneInPicture(_ roi: ROIDescription) -> Bool {
        segmentation.findings.contains { finding in
            finding.code == "W_BESIDE_PICTURE"
                && model.rois.contains { $0.name == finding.structure && $0.plausibility.symmetry?.to == roi.name }
        }
    }

    private func zip<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
        guard let a, let b else { return nil }
        return (a, b)
    }

    /// - Parameter isCut: of a structure that the scan cuts only a part is there: it cannot be too small.
    private func within(
        _ name: String,
        _ value: Double,
        _ range: ClosedInterval,
        unit: String,
        isCut: Bool = false
    ) -> CaseReport.PlausibilityCheck {
        let text = DistinctText(value, beside: isCut ? [range.upper] : [range.lower, range.upper])
        return .init(
            name: name,
            value: "\(text.value) \(unit)",
            expected: isCut
                ? "at most \(text.limits[0]) \(unit) (the scan cuts it)"
                : "\(text.limits[0]) to \(text.limits[1]) \(unit)",
            passed: value <= range.upper && (isCut || value >= range.lower)
        )
    }

    private func atMost(_ name: String, _ value: Int, _ limit: Int) -> CaseReport.PlausibilityCheck {
        .init(
            name: name,
            value: "\(value)",
            expected: limit == 0 ? "0" : "at most \(limit)",
            passed: value <= limit
        )
    }

    private func confidenceCheck(_ limit: Double, _ confidence: Double) -> CaseReport.PlausibilityCheck {
        let text = DistinctText(confidence, beside: [limit], digits: 2)
        return .init(
            name: "confidence",
            value: text.value,
            expected: "at least \(text.limits[0])",
            passed: confidence >= limit
        )
    }

    private func uncertaintyCheck(_ limit: Double, _ width: Double) -> CaseReport.PlausibilityCheck {
        let text = DistinctText(width, beside: [limit], digits: 3)
        return .init(
            name: "uncertain edge",
            value: "\(text.value) mm",
            expected: "at most \(text.limits[0]) mm",
            passed: width <= limit
        )
    }

    /// The lower of the limits that hold.
    private func pocketCheck(
        _ expected: Plausibility,
        _ part: Double,
        lowAttenuation: Double?
    ) -> CaseReport.PlausibilityCheck? {
        let isWithoutEmphysema = lowAttenuation.map { $0 <= Plausibility.emphysemaFraction } ?? false
        let lower = isWithoutEmphysema ? expected.maximumAirPocketFractionWithoutEmphysema : nil
        guard let limit = [lower, expected.maximumAirPocketFraction].compactMap({ $0 }).min() else { return nil }
        let text = DistinctText(part * 100, beside: [limit * 100], digits: 1)
        return .init(
            name: "largest pocket of plain air",
            value: "\(text.value) % of it",
            expected: "at most \(text.limits[0]) %" + (limit == lower ? " without emphysema" : ""),
            passed: part <= limit
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
        let where_ =
            "\(DistinctText(abs(offsetMM), beside: side == .midline ? [40] : [0]).value) mm \(offsetMM >= 0 ? "left" : "right") of the middle of the body in the picture"
        return .init(name: "side", value: where_, expected: side.rawValue, passed: passed)
    }

    /// Not judged where the scan cuts one of both, or where the counterpart was not found: that is told already.
    private func symmetryCheck(
        _ symmetry: Plausibility.Symmetry,
        of roi: ROIDescription,
        isCut: Bool
    ) -> CaseReport.PlausibilityCheck? {
        guard let other = model.rois.first(where: { $0.name == symmetry.to }), measures[other.label].voxels > 0 else {
            return nil
        }
        let counterpart = measures[other.label]
        let isOtherCut =
            counterpart.touchesPictureEdge || counterpart.perSlice.first ?? 0 > 0 || counterpart.perSlice.last ?? 0 > 0
        guard !isCut, !isOtherCut else { return nil }
        let ratio = Double(measures[roi.label].voxels) / Double(counterpart.voxels)
        let range = symmetry.volumeRatio
        let text = DistinctText(ratio, beside: [range.lower, range.upper], digits: 2)
        return .init(
            name: "symmetry",
            value: "\(text.value) times \(symmetry.to)",
            expected: "\(text.limits[0]) to \(text.limits[1]) times",
            passed: symmetry.volumeRatio.contains(ratio)
        )
    }

    private func edgeCheck(_ measured: LabelMeasures, limitMM2: Double) -> CaseReport.PlausibilityCheck {
        let contact = measured.edgeContactMM2(on: geometry)
        let text = DistinctText(contact, beside: [limitMM2])
        return .init(
            name: "edge of the picture",
            value: contact > 0 ? "touched on \(text.value) mm\u{00B2}" : "not touched",
            expected: limitMM2 > 0 ? "at most \(text.limits[0]) mm\u{00B2}" : "not touched",
            passed: contact <= limitMM2
        )
    }
}

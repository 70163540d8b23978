/// What the numbers of a structure may be: the limits of docs/schemas/model.schema.json.
extension ROIDescription {
    /// The first number that nobody can mean; nil where all can be meant.
    ///
    /// - Parameter path: of the structure, for example `rois[1]`.
    func firstProblemOfNumbers(_ path: String) -> StrictJSON.Problem? {
        for (key, value, limit) in limited {
            guard let value, !limit.range.contains(value) else { continue }
            return .init(key: "\(path).\(key)", message: limit.words)
        }
        if let most = acceptance.maximumVolumeML, most <= acceptance.minimumVolumeML {
            return .init(
                key: "\(path).acceptance.maximumVolumeML",
                message: "more than acceptance.minimumVolumeML: nothing would ever be accepted"
            )
        }
        if let most = acceptance.maximumVolumeML, let whole = acceptance.minimumWholeVolumeML, most <= whole {
            return .init(
                key: "\(path).acceptance.maximumVolumeML",
                message: "more than acceptance.minimumWholeVolumeML: no whole one would ever be accepted"
            )
        }
        for (key, interval, limit) in intervals {
            guard let interval else { continue }
            if let limit, !limit.range.contains(interval.lower) {
                return .init(key: "\(path).\(key).lower", message: limit.words)
            }
            guard interval.lower <= interval.upper else {
                let end = key.hasPrefix("acceptance") ? ": nothing would ever be accepted" : ""
                return .init(key: "\(path).\(key)", message: "the lower end of the range is above the upper\(end)")
            }
        }
        return nil
    }

    private struct Limit {
        let range: ClosedRange<Double>
        let words: String

        static let fraction = Limit(range: 0...1, words: "0 to 1")
        static let count = Limit(range: 0...Double(Int.max), words: "0 or more")
        static let atLeastOne = Limit(range: 1...Double(Int.max), words: "1 or more")
        static let size = Limit(range: 0...Double.greatestFiniteMagnitude, words: "0 or more")
        static let positive = Limit(
            range: Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude,
            words: "more than 0"
        )
        /// Larger than a vessel or a small nodule is nothing that may be filled without being looked at.
        static let smallHole = Limit(range: 0...1000, words: "0 to 1000 mm2")
        /// A cubic metre: no scanner holds more.
        static let smallestVolume = Limit(range: 0...1e6, words: "0 to 1000000 mL")
    }

    private var limited: [(key: String, value: Double?, limit: Limit)] {
        let (p, a, l) = (postprocessing, acceptance, plausibility)
        return [
            ("postprocessing.largestComponents", Double(p.largestComponents), .count),
            ("postprocessing.keepFraction", p.keepFraction, .fraction),
            ("postprocessing.minimumVolumeML", p.minimumVolumeML, .smallestVolume),
            ("postprocessing.fillHolesMM2", p.fillHolesMM2, .smallHole),
            ("acceptance.minimumVolumeML", a.minimumVolumeML, .smallestVolume),
            ("acceptance.minimumWholeVolumeML", a.minimumWholeVolumeML, .smallestVolume),
            ("acceptance.minimumConfidence", a.minimumConfidence, .fraction),
            ("acceptance.maximumAirFraction", a.maximumAirFraction, .fraction),
            ("plausibility.maximumComponents", l.maximumComponents.map(Double.init), .atLeastOne),
            ("plausibility.maximumHoles", l.maximumHoles.map(Double.init), .count),
            ("plausibility.maximumSkippedSlices", l.maximumSkippedSlices.map(Double.init), .count),
            ("plausibility.maximumEdgeContactMM2", l.maximumEdgeContactMM2, .size),
            ("plausibility.reviewConfidence", l.reviewConfidence, .fraction),
            ("plausibility.maximumEdgeUncertaintyMM", l.maximumEdgeUncertaintyMM, .positive),
            ("plausibility.maximumAirPocketFraction", l.maximumAirPocketFraction, .fraction),
            (
                "plausibility.maximumAirPocketFractionWithoutEmphysema", l.maximumAirPocketFractionWithoutEmphysema,
                .fraction
            ),
        ]
    }

    private var intervals: [(key: String, interval: ClosedInterval?, lower: Limit?)] {
        let l = plausibility
        return [
            ("acceptance.meanHU", acceptance.meanHU, nil), ("plausibility.volumeML", l.volumeML, .size),
            ("plausibility.meanHU", l.meanHU, nil), ("plausibility.spreadHU", l.spreadHU, .size),
            ("plausibility.extentMM", l.extentMM, .size), ("plausibility.lateralOffsetMM", l.lateralOffsetMM, .size),
            ("plausibility.symmetry.volumeRatio", l.symmetry?.volumeRatio, .size),
        ]
    }
}

import Imaging
import Metrics
import NeuralNet

/// How a network does on the validation cases after an epoch.
struct ValidationScores {
    /// By structure; a structure that neither the truth nor the network shows in any case is left out.
    var dice: [String: Double] = [:]
    var measures: [String: ValidationMeasures] = [:]

    /// Means over cases, on the model's grid and before post-processing. Each case counts the same; a case in which
    /// neither the truth nor the network shows a structure says nothing about it. Dice chooses the best epoch.
    ///
    /// - Parameter whileScoring: called often; what it throws ends the work.
    init(
        of network: Network,
        on cases: [CachedCase],
        configuration: TrainingConfiguration,
        threads: Int,
        whileScoring: () throws -> Void
    ) throws {
        var samples = [[CaseScores]](repeating: [], count: configuration.rois.count)
        for item in cases {
            try whileScoring()
            let scores = try scoreVolume(
                of: item.inputVolume(),
                network: network,
                architecture: configuration.architecture,
                input: configuration.input,
                output: configuration.output,
                threads: threads,
                progress: { _ in try whileScoring() }
            )
            for (roi, pair) in masks(scores, item).enumerated() {
                samples[roi].append(CaseScores(found: pair.found, wanted: pair.wanted, threads: threads))
            }
        }
        for (roi, cases) in zip(configuration.rois.map(\.roi.name), samples) {
            guard let mean = Self.mean(cases.map(\.dice)) else { continue }
            dice[roi] = mean
            measures[roi] = ValidationMeasures(
                surfaceDice2MM: Self.mean(cases.map(\.surfaceDice)),
                precision: Self.mean(cases.map(\.precision)),
                recall: Self.mean(cases.map(\.recall))
            )
        }
    }

    init() {}

    private static func mean(_ values: [Double?]) -> Double? {
        let defined = values.compactMap(\.self)
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }
}

/// One structure of one case; nil where undefined.
package struct CaseScores: Sendable {
    package private(set) var dice: Double?
    /// At 2 mm.
    package private(set) var surfaceDice: Double?
    package private(set) var precision: Double?
    package private(set) var recall: Double?

    package init(found: Mask, wanted: Mask, threads: Int) {
        var (both, foundCount, wantedCount) = (0, 0, 0)
        for n in found.voxels.indices {
            if found.voxels[n] != 0 { foundCount += 1 }
            if wanted.voxels[n] != 0 { wantedCount += 1 }
            if found.voxels[n] != 0, wanted.voxels[n] != 0 { both += 1 }
        }
        guard foundCount + wantedCount > 0 else { return }
        dice = 2 * Double(both) / Double(foundCount + wantedCount)
        if foundCount > 0 { precision = Double(both) / Double(foundCount) }
        if wantedCount > 0 { recall = Double(both) / Double(wantedCount) }
        surfaceDice = SurfaceDistances(reference: wanted, prediction: found, threads: threads).surfaceDice(
            toleranceMM: 2
        )
    }
}

/// What the network found and what it should have found, a pair for each ROI; neither where nobody says what is there.
private func masks(_ scores: ScoreVolume, _ item: CachedCase) -> [(found: Mask, wanted: Mask)] {
    let count = scores.scores.count
    let plane = scores.geometry.planeCount
    let empty = Mask(geometry: scores.geometry, repeating: 0)
    var pairs = [(found: Mask, wanted: Mask)](repeating: (empty, empty), count: count)
    for k in 0..<scores.geometry.dimensions.k {
        for roi in 0..<count {
            for (n, isWanted) in item.mask(roi: roi, slice: k).enumerated() where isWanted {
                pairs[roi].wanted.voxels[k * plane + n] = 1
            }
        }
        let unknown = item.unknown(slice: k)
        for n in (k * plane)..<((k + 1) * plane) {
            if let unknown, unknown[n - k * plane] {
                for roi in 0..<count { pairs[roi].wanted.voxels[n] = 0 }
                continue
            }
            let label = Int(scores.rule.label(count) { scores.scores[$0][n] })
            if label > 0 { pairs[label - 1].found.voxels[n] = 1 }
        }
    }
    return pairs
}

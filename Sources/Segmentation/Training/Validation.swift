import NeuralNet

/// Dice of each structure over cases, on the model's grid and before post-processing: the number that chooses the
/// best epoch. Each case counts the same; a structure that neither the truth nor the network shows is left out.
func validationDice(
    of network: Network,
    on cases: [CachedCase],
    configuration: TrainingConfiguration,
    threads: Int
) throws -> [String: Double] {
    var sums = [Double](repeating: 0, count: configuration.rois.count)
    var counts = [Int](repeating: 0, count: configuration.rois.count)
    for item in cases {
        let scores = try scoreVolume(
            of: item.inputVolume(),
            network: network,
            input: configuration.input,
            output: configuration.output,
            threads: threads,
            progress: { _ in }
        )
        for (roi, dice) in diceOnGrid(scores, item).enumerated() {
            guard let dice else { continue }
            sums[roi] += dice
            counts[roi] += 1
        }
    }
    var result: [String: Double] = [:]
    for (index, roi) in configuration.rois.enumerated() where counts[index] > 0 {
        result[roi.roi.name] = sums[index] / Double(counts[index])
    }
    return result
}

/// nil where both are empty.
private func diceOnGrid(_ scores: ScoreVolume, _ item: CachedCase) -> [Double?] {
    let count = scores.scores.count
    let plane = scores.geometry.planeCount
    var both = [Int](repeating: 0, count: count)
    var sum = [Int](repeating: 0, count: count)
    for k in 0..<scores.geometry.dimensions.k {
        let truth = (0..<count).map { item.mask(roi: $0, slice: k) }
        for n in 0..<plane {
            let label = Int(scores.rule.label(count) { scores.scores[$0][k * plane + n] })
            for roi in 0..<count {
                let isPredicted = label == roi + 1
                if isPredicted { sum[roi] += 1 }
                if truth[roi][n] { sum[roi] += 1 }
                if isPredicted, truth[roi][n] { both[roi] += 1 }
            }
        }
    }
    return (0..<count).map { sum[$0] > 0 ? 2 * Double(both[$0]) / Double(sum[$0]) : nil }
}

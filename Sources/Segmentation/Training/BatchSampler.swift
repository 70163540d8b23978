import Platform

/// Draws the batches of a training. Which samples a step sees depends on the seed and the step's number alone, so
/// that a resumed training sees the same ones, on any number of threads.
struct BatchSampler: Sendable {
    let cases: [CachedCase]
    let maker: SampleMaker
    let augmentation: AugmentationConfiguration
    let foregroundFraction: Double
    let seed: UInt64
    private let foreground: [[Int]]
    /// Sums of the cases' weights.
    private let cumulative: [Double]

    init(cases: [CachedCase], configuration: TrainingConfiguration) {
        self.cases = cases
        maker = SampleMaker(
            input: configuration.input,
            output: configuration.output,
            roiCount: configuration.rois.count
        )
        augmentation = configuration.augmentation
        foregroundFraction = configuration.sampling.foregroundFraction
        seed = configuration.seed
        foreground = cases.map {
            let border = configuration.sampling.borderMM / $0.header.geometry.spacing.z
            return $0.foregroundSlices(border: Int(border.rounded()))
        }
        var sum = 0.0
        cumulative = cases.map { item in
            let factor = configuration.sampling.caseWeights.first { NamePattern($0.key).matches(item.name) }?.value
            // The square root lets short series count without drowning the long ones.
            sum += (factor ?? 1) * Double(item.sliceCount).squareRoot()
            return sum
        }
    }

    /// Fills the channels and targets of one batch.
    func fill(
        step: Int,
        batchSize: Int,
        channels: UnsafeMutableBufferPointer<Float>,
        targets: UnsafeMutableBufferPointer<Float>,
        threads: Int
    ) {
        let (channelCount, targetCount) = (channels.count / batchSize, targets.count / batchSize)
        // Each sample is written by one thread only.
        nonisolated(unsafe) let channels = channels
        nonisolated(unsafe) let targets = targets
        parallelFor(batchSize, threads: threads) { range in
            for sample in range {
                var random = SeededRandom(seed, 0x5A4D, UInt64(step), UInt64(sample))
                let (item, place) = draw(&random)
                let change = Augmentation(augmentation, input: maker.input, random: &random)
                maker.make(
                    cases[item],
                    at: place,
                    augmentation: change,
                    random: &random,
                    channels: UnsafeMutableBufferPointer(
                        rebasing: channels[(sample * channelCount)..<((sample + 1) * channelCount)]
                    ),
                    targets: UnsafeMutableBufferPointer(
                        rebasing: targets[(sample * targetCount)..<((sample + 1) * targetCount)]
                    )
                )
            }
        }
    }

    private func draw(_ random: inout SeededRandom) -> (item: Int, place: SampleMaker.Place) {
        let point = random.uniform(0, cumulative.last ?? 0)
        let item = cumulative.firstIndex { $0 > point } ?? cases.count - 1
        let shown = foreground[item]
        let showsForeground = !shown.isEmpty && random.happens(foregroundFraction)
        let slice = showsForeground ? shown[random.index(shown.count)] : random.index(cases[item].sliceCount)
        var place = SampleMaker.Place(slice: slice)
        guard let patch = maker.input.patch else { return (item, place) }
        place.slice = patch.firstSlice(around: slice, of: cases[item].sliceCount) + patch.slices / 2
        let (columns, rows) = (maker.input.columns - patch.columns, maker.input.rows - patch.rows)
        place.column = random.index(columns + 1)
        place.row = random.index(rows + 1)
        if showsForeground, let pixel = cases[item].foregroundPixel(slice: slice, random: &random) {
            place.column = min(max(pixel.column - patch.columns / 2, 0), columns)
            place.row = min(max(pixel.row - patch.rows / 2, 0), rows)
        }
        return (item, place)
    }
}

extension CachedCase {
    /// A pixel of the model's picture that any structure covers; nil when the slice has none.
    fileprivate func foregroundPixel(slice: Int, random: inout SeededRandom) -> (column: Int, row: Int)? {
        let roi = random.index(header.roiCount)
        let columns = header.geometry.dimensions.i - 2 * CaseCache.margin
        let mask = mask(roi: roi, slice: slice)
        let covered = mask.indices.filter { mask[$0] }
        guard !covered.isEmpty else { return nil }
        let chosen = covered[random.index(covered.count)]
        return (chosen % columns, chosen / columns)
    }
}

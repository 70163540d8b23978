import Platform

#if canImport(Glibc)
import Glibc
#endif

/// What training makes small. Predictions and targets have the shape N C [D] H W; predictions are probabilities,
/// targets lie between 0 and 1, or are `unknown` in all channels of a place, which then counts in no sum and gets no gradient.
package indirect enum Loss: Sendable, Hashable {
    /// 1 - (2 sum(p t) + smooth) / (sum p + sum t + smooth).
    case dice(smooth: Float, reduction: Reduction)
    /// 1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth), with TP = sum(p t), FP = sum(p (1 - t)),
    /// FN = sum((1 - p) t) (Salehi et al., MLMI 2017).
    case tversky(alpha: Float, beta: Float, smooth: Float, reduction: Reduction)
    /// -mean over places of sum over channels of t log p: for softmax.
    case crossEntropy
    /// -mean over all values of t log p + (1 - t) log(1 - p): for sigmoid.
    case binaryCrossEntropy
    case sum([Loss])

    /// The target of a place of which nobody says what is there. Any mean with it is the same.
    package static let unknown = -Float.infinity

    /// What an overlap is measured over, before the mean.
    package enum Reduction: String, NamedChoice, Sendable, Hashable {
        /// All values of a batch together, as the published lung experiment does.
        case perBatch
        /// Every channel over the whole batch.
        case perClass
        /// Every sample over its channels.
        case perSample
    }

    /// The sum of Dice and cross-entropy (Isensee et al., Nature Methods 2021).
    package static func diceAndCrossEntropy(smooth: Float, reduction: Reduction) -> Loss {
        .sum([.dice(smooth: smooth, reduction: reduction), .crossEntropy])
    }

    /// The loss, and `weight` times its gradient with respect to the prediction, which is added.
    func evaluate(
        prediction: UnsafePointer<Float>,
        target: UnsafePointer<Float>,
        shape: FeatureShape,
        batch: Int,
        weight: Float,
        gradient: UnsafeMutablePointer<Float>
    ) -> Float {
        let values = LossValues(
            prediction: prediction,
            target: target,
            gradient: gradient,
            shape: shape,
            batch: batch,
            weight: Double(weight)
        )
        return Float(values.evaluate(self))
    }

    /// The loss and its gradient on whole tensors.
    package func evaluate(prediction: Tensor, target: Tensor) -> (loss: Float, gradient: Tensor) {
        precondition(prediction.shape == target.shape, "prediction and target differ in shape")
        let shape = FeatureShape(
            channels: prediction.shape[1],
            extent: Axes(spatial: Array(prediction.shape.dropFirst(2)))
        )
        var gradient = Tensor(shape: prediction.shape)
        let loss = evaluate(
            prediction: prediction.values,
            target: target.values,
            shape: shape,
            batch: prediction.shape[0],
            weight: 1,
            gradient: &gradient.values
        )
        return (loss, gradient)
    }
}

private struct LossValues {
    let prediction: UnsafePointer<Float>
    let target: UnsafePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let shape: FeatureShape
    let batch: Int
    let weight: Double

    func evaluate(_ loss: Loss) -> Double {
        switch loss {
        case .dice(let smooth, let reduction):
            overlap(Overlap(both: 2, common: 0, predicted: 1, wanted: 1, smooth: Double(smooth)), reduction)
        case .tversky(let alpha, let beta, let smooth, let reduction):
            overlap(
                Overlap(
                    both: 1,
                    common: 1 - Double(alpha) - Double(beta),
                    predicted: Double(alpha),
                    wanted: Double(beta),
                    smooth: Double(smooth)
                ),
                reduction
            )
        case .crossEntropy: crossEntropy()
        case .binaryCrossEntropy: binaryCrossEntropy()
        case .sum(let losses): losses.reduce(0) { $0 + evaluate($1) }
        }
    }

    /// (both * sum(p t) + smooth) / (common * sum(p t) + predicted * sum p + wanted * sum t + smooth)
    struct Overlap {
        var both: Double
        var common: Double
        var predicted: Double
        var wanted: Double
        var smooth: Double
    }

    func overlap(_ overlap: Overlap, _ reduction: Loss.Reduction) -> Double {
        let groups = groups(reduction)
        var total = 0.0
        for planes in groups { total += self.overlap(overlap, planes, part: 1 / Double(groups.count)) }
        return 1 - total / Double(groups.count)
    }

    /// Starts of the planes that are counted together.
    private func groups(_ reduction: Loss.Reduction) -> [[Int]] {
        switch reduction {
        case .perBatch: [(0..<batch * shape.channels).map { $0 * shape.plane }]
        case .perClass:
            (0..<shape.channels).map { c in (0..<batch).map { ($0 * shape.channels + c) * shape.plane } }
        case .perSample:
            (0..<batch).map { n in (0..<shape.channels).map { (n * shape.channels + $0) * shape.plane } }
        }
    }

    private func overlap(_ o: Overlap, _ planes: [Int], part: Double) -> Double {
        var both = 0.0
        var predicted = 0.0
        var wanted = 0.0
        for start in planes {
            for line in stride(from: start, to: start + shape.plane, by: shape.width) {
                var (product, p, t) = (Float(0), Float(0), Float(0))
                for n in line..<line + shape.width where target[n] >= 0 {
                    product += prediction[n] * target[n]
                    p += prediction[n]
                    t += target[n]
                }
                both += Double(product)
                predicted += Double(p)
                wanted += Double(t)
            }
        }
        let numerator = o.both * both + o.smooth
        let denominator = o.common * both + o.predicted * predicted + o.wanted * wanted + o.smooth
        // Nothing there and nothing seen, without a smooth term: as right as it can be.
        // What is no number stays one: the training has to end.
        if denominator <= 0 { return 1 }
        // d/dp = (both t denominator - numerator (common t + predicted)) / denominator^2
        let square = denominator * denominator
        let onTarget = Float(-weight * part * (o.both * denominator - o.common * numerator) / square)
        let everywhere = Float(weight * part * o.predicted * numerator / square)
        for start in planes {
            for n in start..<start + shape.plane where target[n] >= 0 {
                gradient[n] += onTarget * target[n] + everywhere
            }
        }
        return numerator / denominator
    }

    /// Probabilities below the smallest normal number count as it: the gradient through a softmax stays exact.
    private static let smallest = Float.leastNormalMagnitude

    func crossEntropy() -> Double {
        let places = Double(knownValues / shape.channels)
        guard places > 0 else { return 0 }
        let factor = Float(weight / places)
        var total = 0.0
        for n in 0..<batch * shape.count where target[n] > 0 {
            let p = max(prediction[n], Self.smallest)
            total -= Double(target[n]) * Double(log(p))
            gradient[n] -= target[n] / p * factor
        }
        return total / places
    }

    private var knownValues: Int { (0..<batch * shape.count).count { target[$0] >= 0 } }

    func binaryCrossEntropy() -> Double {
        let count = Double(knownValues)
        guard count > 0 else { return 0 }
        let factor = Float(weight / count)
        var total = 0.0
        for n in 0..<batch * shape.count where target[n] >= 0 {
            let (p, t) = (max(prediction[n], Self.smallest), target[n])
            let rest = max(1 - prediction[n], Self.smallest)
            total -= Double(t) * Double(log(p)) + Double(1 - t) * Double(log(rest))
            gradient[n] += ((1 - t) / rest - t / p) * factor
        }
        return total / count
    }
}

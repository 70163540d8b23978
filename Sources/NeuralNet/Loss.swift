#if canImport(Glibc)
import Glibc
#endif

/// What training makes small. Predictions and targets have the shape N C H W; predictions are probabilities.
package enum Loss: Sendable, Hashable, Codable {
    /// 1 - (2 sum(p t) + smooth) / (sum p + sum t + smooth).
    ///
    /// `perBatch` takes all values of a batch together, as the published lung experiment does; `perClass` takes
    /// every channel of the batch by itself and averages.
    case dice(smooth: Float, reduction: DiceReduction)
    /// -mean over places of sum over channels of t log p.
    case crossEntropy
    /// The sum of both (Isensee et al., Nature Methods 2021).
    case diceAndCrossEntropy(smooth: Float, reduction: DiceReduction)

    package enum DiceReduction: String, Sendable, Hashable, Codable { case perBatch, perClass, perSample }

    /// The loss and its gradient with respect to the prediction (overwritten).
    func evaluate(
        prediction: UnsafePointer<Float>,
        target: UnsafePointer<Float>,
        shape: FeatureShape,
        batch: Int,
        gradient: UnsafeMutablePointer<Float>
    ) -> Float {
        gradient.update(repeating: 0, count: batch * shape.count)
        let values = LossValues(
            prediction: prediction,
            target: target,
            gradient: gradient,
            shape: shape,
            batch: batch
        )
        switch self {
        case .dice(let smooth, let reduction):
            return Float(values.dice(smooth: Double(smooth), reduction))
        case .crossEntropy:
            return Float(values.crossEntropy())
        case .diceAndCrossEntropy(let smooth, let reduction):
            return Float(values.dice(smooth: Double(smooth), reduction) + values.crossEntropy())
        }
    }
}

private struct LossValues {
    let prediction: UnsafePointer<Float>
    let target: UnsafePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let shape: FeatureShape
    let batch: Int

    func dice(smooth: Double, _ reduction: Loss.DiceReduction) -> Double {
        let groups = groups(reduction)
        var total = 0.0
        for planes in groups { total += dice(planes, smooth: smooth, weight: 1 / Double(groups.count)) }
        return 1 - total / Double(groups.count)
    }

    /// Starts of the planes that are counted together.
    private func groups(_ reduction: Loss.DiceReduction) -> [[Int]] {
        switch reduction {
        case .perBatch: [(0..<batch * shape.channels).map { $0 * shape.plane }]
        case .perClass:
            (0..<shape.channels).map { c in (0..<batch).map { ($0 * shape.channels + c) * shape.plane } }
        case .perSample:
            (0..<batch).map { n in (0..<shape.channels).map { (n * shape.channels + $0) * shape.plane } }
        }
    }

    private func dice(_ planes: [Int], smooth: Double, weight: Double) -> Double {
        var both = 0.0
        var sum = 0.0
        for start in planes {
            for row in 0..<shape.height {
                var product: Float = 0
                var amount: Float = 0
                for n in start + row * shape.width..<start + (row + 1) * shape.width {
                    product += prediction[n] * target[n]
                    amount += prediction[n] + target[n]
                }
                both += Double(product)
                sum += Double(amount)
            }
        }
        let numerator = 2 * both + smooth
        let denominator = sum + smooth
        // d/dp = (2 t * denominator - numerator) / denominator^2
        let onTarget = Float(-weight * 2 / denominator)
        let everywhere = Float(weight * numerator / (denominator * denominator))
        for start in planes {
            for n in start..<start + shape.plane { gradient[n] += onTarget * target[n] + everywhere }
        }
        return numerator / denominator
    }

    func crossEntropy() -> Double {
        let places = Double(batch * shape.plane)
        var total = 0.0
        for n in 0..<batch * shape.count where target[n] > 0 {
            let p = max(prediction[n], 1e-7)
            total -= Double(target[n]) * Double(log(p))
            gradient[n] -= target[n] / p / Float(places)
        }
        return total / places
    }
}

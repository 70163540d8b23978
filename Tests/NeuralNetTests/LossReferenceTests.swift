import Foundation
import NeuralNet
import Testing

/// Losses as their definitions say, in double precision: what the fast ones are compared with, and what finite differences
/// are taken of.
struct LossReference {
    /// N C [D] H W.
    let shape: [Int]
    let target: [Double]

    private var channels: Int { shape[1] }
    private var plane: Int { shape.dropFirst(2).reduce(1, *) }

    func value(_ loss: Loss, _ p: [Double]) -> Double {
        switch loss {
        case .dice(let smooth, let reduction):
            mean(reduction) { places in
                let (both, all) = sums(places) { (p[$0] * target[$0], p[$0] + target[$0]) }
                return 1 - (2 * both + Double(smooth)) / (all + Double(smooth))
            }
        case .tversky(let alpha, let beta, let smooth, let reduction):
            mean(reduction) { places in
                let (both, wrong) = sums(places) { n in
                    let (excess, missing) = (p[n] * (1 - target[n]), (1 - p[n]) * target[n])
                    return (p[n] * target[n], Double(alpha) * excess + Double(beta) * missing)
                }
                return 1 - (both + Double(smooth)) / (both + wrong + Double(smooth))
            }
        case .crossEntropy:
            -p.indices.reduce(0) { $0 + target[$1] * log(p[$1]) } / Double(shape[0] * plane)
        case .binaryCrossEntropy:
            -p.indices.reduce(0) { $0 + target[$1] * log(p[$1]) + (1 - target[$1]) * log(1 - p[$1]) } / Double(p.count)
        case .sum(let losses): losses.reduce(0) { $0 + value($1, p) }
        }
    }

    private func sums(_ places: [Int], _ terms: (Int) -> (Double, Double)) -> (Double, Double) {
        places.reduce((0, 0)) { total, n in
            let (a, b) = terms(n)
            return (total.0 + a, total.1 + b)
        }
    }

    private func mean(_ reduction: Loss.Reduction, _ overlap: ([Int]) -> Double) -> Double {
        let groups = Dictionary(grouping: target.indices) { n in
            switch reduction {
            case .perBatch: 0
            case .perClass: n / plane % channels
            case .perSample: n / plane / channels
            }
        }
        return groups.values.map(overlap).reduce(0, +) / Double(groups.count)
    }
}

@Suite("Losses beside their definitions")
struct LossReferenceTests {
    static let cases: [(String, Loss)] =
        LossTests.cases + [
            ("binaryCrossEntropy", .binaryCrossEntropy),
            ("sum.sigmoid", .sum([.dice(smooth: 1, reduction: .perClass), .binaryCrossEntropy])),
        ]

    @Test(
        "the value is that of the definition in double precision, and the gradient its slope at every place",
        arguments: cases,
        [("p", "t"), ("p3", "t3")]
    )
    func definition(_ row: (name: String, loss: Loss), _ names: (prediction: String, target: String)) throws {
        let golden = try GoldenFile.read("losses.safetensors")
        let (p, t) = (try #require(golden[names.prediction]), try #require(golden[names.target]))
        let reference = LossReference(shape: t.shape, target: t.values.map(Double.init))
        let exact = p.values.map(Double.init)
        let (value, gradient) = row.loss.evaluate(prediction: p, target: t)
        #expect(abs(Double(value) - reference.value(row.loss, exact)) < 2e-6)
        let step = 1e-6
        let slopes = exact.indices.map { n in
            let ends = [step, -step].map { step in
                var moved = exact
                moved[n] += step
                return reference.value(row.loss, moved)
            }
            return Float((ends[0] - ends[1]) / (2 * step))
        }
        #expect(relativeError(gradient, Tensor(shape: p.shape, values: slopes)) < 1e-5)
    }
}

import Foundation
import NeuralNet
import Testing

extension Double {
    var exponential: Double { exp(self) }
}

/// One operator with its arguments: its name in operators.safetensors, and what it is in double precision.
struct OperatorCase: Sendable, CustomTestStringConvertible {
    let name: String
    let operation: any Operator
    let reference: @Sendable ([Reference.Field], Reference.Parameters) throws -> Reference.Field
    var precision = Precision.direct

    /// What an operator may differ by, relative to the largest value of the tensor.
    struct Precision: Sendable {
        let result: Float
        let gradient: Float

        static let direct = Precision(result: 3e-6, gradient: 1e-5)
        /// Winograd's matrices hold numbers up to 64 times apart: 2 to 3 decimal digits of the seven are theirs.
        static let winograd = Precision(result: 2e-5, gradient: 5e-5)
    }

    var testDescription: String { name }

    /// Every row is checked against the reference, finite differences and PyTorch.
    static let table: [OperatorCase] =
        convolutions + transposed + pooling + upsampling
        + ["2d", "3d"].flatMap { normalization($0) + activations($0) + joins($0) }

    private static func row(
        _ name: String,
        _ operation: some Operator,
        _ reference: @escaping @Sendable ([Reference.Field], Reference.Parameters) throws -> Reference.Field
    ) -> OperatorCase {
        OperatorCase(name: name, operation: operation, reference: reference)
    }

    private static func convolution(
        _ name: String,
        _ c: Convolution,
        _ precision: Precision = .direct
    ) -> OperatorCase {
        var row = row(name, c) { x, p in try Reference.convolution(c, x[0], p) }
        row.precision = precision
        return row
    }

    private static func axes(_ depth: Int, _ height: Int, _ width: Int) -> Axes {
        Axes(depth: depth, height: height, width: width)
    }

    private static let convolutions: [OperatorCase] = [
        convolution("conv2d", Convolution(outChannels: 5, kernel: 3, padding: 1)),
        convolution("conv2d.blocks", Convolution(outChannels: 20, kernel: 3, padding: 1), .winograd),
        convolution(
            "conv2d.blocks.tiles",
            Convolution(outChannels: 8, kernel: 3, padding: 1, hasBias: false),
            .winograd
        ),
        convolution("conv2d.blocks.channels", Convolution(outChannels: 33, kernel: 3, padding: 1), .winograd),
        convolution("conv2d.wide", Convolution(outChannels: 3, kernel: 3, padding: 1)),
        convolution("conv2d.valid", Convolution(outChannels: 4, kernel: 3)),
        convolution("conv2d.full", Convolution(outChannels: 4, kernel: 3, padding: 2)),
        convolution("conv2d.k5s2", Convolution(outChannels: 4, kernel: 5, stride: 2, padding: 2)),
        convolution("conv2d.dilated", Convolution(outChannels: 4, kernel: 3, padding: 2, dilation: 2)),
        convolution("conv2d.1x1", Convolution(outChannels: 5, kernel: 1, hasBias: false)),
        convolution("conv2d.k2s2", Convolution(outChannels: 4, kernel: 2, stride: 2)),
        convolution("conv2d.k3s2", Convolution(outChannels: 4, kernel: 3, stride: 2, padding: 1)),
        convolution(
            "conv2d.uneven",
            Convolution(
                outChannels: 4,
                kernel: axes(1, 1, 5),
                stride: axes(1, 2, 1),
                padding: axes(0, 1, 3),
                dilation: axes(1, 1, 2)
            )
        ),
        convolution("conv3d", .same(outChannels: 3, kernel: .cube(3))),
        convolution("conv3d.blocks", .same(outChannels: 11, kernel: .cube(3)), .winograd),
        convolution("conv3d.blocks.flat", .same(outChannels: 10, kernel: .plane(3)), .winograd),
        convolution("conv3d.valid", Convolution(outChannels: 3, kernel: .cube(3))),
        convolution("conv3d.flat", .same(outChannels: 3, kernel: .plane(3))),
        convolution("conv3d.k3s2", .same(outChannels: 3, kernel: .cube(3), stride: .cube(2))),
        convolution("conv3d.k2s122", Convolution(outChannels: 3, kernel: .plane(2), stride: .plane(2))),
        convolution("conv3d.k5", .same(outChannels: 2, kernel: .cube(5))),
        convolution(
            "conv3d.dilated",
            Convolution(outChannels: 2, kernel: .cube(3), padding: .cube(2), dilation: .cube(2))
        ),
        convolution("conv3d.1x1", Convolution(outChannels: 3, kernel: .one)),
    ]

    private static let transposed: [OperatorCase] = [
        ("transposed2d.k2s2", TransposedConvolution(outChannels: 4, stride: .plane(2))),
        (
            "transposed2d.k3s2",
            TransposedConvolution(
                outChannels: 2,
                kernel: .plane(3),
                stride: .plane(2),
                padding: .plane(1, depth: 0)
            )
        ),
        (
            "transposed2d.k4s2",
            TransposedConvolution(
                outChannels: 2,
                kernel: .plane(4),
                stride: .plane(2),
                padding: .plane(1, depth: 0),
                hasBias: false
            )
        ),
        ("transposed3d.k2s2", TransposedConvolution(outChannels: 3, stride: .cube(2))),
        ("transposed3d.k122", TransposedConvolution(outChannels: 3, stride: .plane(2))),
        (
            "transposed3d.k3s2",
            TransposedConvolution(outChannels: 2, kernel: .cube(3), stride: .cube(2), padding: .cube(1))
        ),
    ].map { name, operation in row(name, operation) { x, p in try Reference.transposed(operation, x[0], p) } }

    private static func normalization(_ d: String) -> [OperatorCase] {
        [
            ("batchNorm\(d)", Normalization(.batch(momentum: 0.1), epsilon: 1e-3)),
            ("instanceNorm\(d)", Normalization(.instance, epsilon: 1e-5)),
            ("groupNorm\(d)", Normalization(.channels(groups: 2), epsilon: 1e-5)),
        ].map { name, norm in row(name, norm) { x, p in Reference.normalization(norm, x[0], p) } }
    }

    private static func activations(_ d: String) -> [OperatorCase] {
        [
            row("relu\(d)", ReLU()) { x, _ in x[0].mapped { max(x[0][$0, $1, $2], 0) } },
            row("leakyReLU\(d)", LeakyReLU(negativeSlope: 0.01)) { x, _ in
                x[0].mapped { x[0][$0, $1, $2] * (x[0][$0, $1, $2] > 0 ? 1 : Double(Float(0.01))) }
            },
            row("prelu\(d)", PReLU()) { x, p in
                x[0].mapped { x[0][$0, $1, $2] * (x[0][$0, $1, $2] > 0 ? 1 : p["weight"]![$1]) }
            },
            row("sigmoid\(d)", Sigmoid()) { x, _ in x[0].mapped { 1 / (1 + (-x[0][$0, $1, $2]).exponential) } },
            row("softmax\(d)", Softmax()) { x, _ in Reference.softmax(x[0]) },
        ]
    }

    private static let pooling: [OperatorCase] = {
        let mean: @Sendable ([Double]) -> Double = { $0.reduce(0, +) / Double($0.count) }
        let largest: @Sendable ([Double]) -> Double = { $0.max()! }
        let overlapping = Window(kernel: .plane(3), stride: .plane(2), padding: .plane(1, depth: 0))
        let windows = [
            ("2d", Window(.plane(2))), ("2d.k3s2", overlapping), ("3d", Window(.cube(2))),
            ("3d.flat", Window(.plane(2))),
        ]
        return windows.map { name, w in
            row("maxPool\(name)", MaxPool(w)) { x, _ in try Reference.pool(w, x[0], largest) }
        }
            + windows.dropLast().map { name, w in
                row("averagePool\(name)", AveragePool(w)) { x, _ in try Reference.pool(w, x[0], mean) }
            }
    }()

    private static let upsampling: [OperatorCase] =
        [("2d", Axes.plane(2)), ("3d", axes(1, 2, 3))].map { name, f in
            row("nearest\(name)", NearestUpsample(factor: f)) { x, _ in try Reference.nearest(f, x[0]) }
        }
        + [("2d", Axes.plane(2)), ("2d.x3", axes(1, 3, 2)), ("3d", .cube(2))].map { name, f in
            row("linear\(name)", LinearUpsample(factor: f)) { x, _ in try Reference.linear(f, x[0]) }
        }

    private static func joins(_ d: String) -> [OperatorCase] {
        let plain = [row("concatenation\(d)", Concatenation()) { x, _ in Reference.concatenation(x) }]
        let crop = row("crop\(d)", CentreCrop()) { x, _ in Reference.crop(x[0], to: x[1].shape.extent) }
        return plain + [crop]
            + ["", ".broadcast"].flatMap { kind in
                [
                    row("addition\(d)\(kind)", Addition()) { x, _ in
                        x[0].mapped { x[0][$0, $1, $2] + Reference.broadcast(x[1], $0, $1, $2) }
                    },
                    row("multiplication\(d)\(kind)", Multiplication()) { x, _ in
                        x[0].mapped { x[0][$0, $1, $2] * Reference.broadcast(x[1], $0, $1, $2) }
                    },
                ]
            }
    }
}

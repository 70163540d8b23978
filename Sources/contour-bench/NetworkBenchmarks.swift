import Foundation
import NeuralNet
import Segmentation

extension Benchmark {
    static let networks = [
        inference("unet2d-16x256", "custom_unet, 16 filters, 256 x 256, one slice", filters: 16, side: 256, slices: 1),
        inference(
            "unet2d-16x256-volume",
            "the same over 64 slices",
            filters: 16,
            side: 256,
            slices: 64
        ),
        inference(
            "unet2d-64x512",
            "custom_unet, 64 filters, 512 x 512 (the published network), one slice",
            filters: 64,
            side: 512,
            slices: 1
        ),
        volumeInference("unet3d-96", "32 to 320 channels, instance norm, leaky ReLU, 96 x 96 x 96", side: 96),
        training(
            "train-16x256-b8",
            "one step of the first, batch 8, Dice, Adam",
            filters: 16,
            side: 256,
            batch: 8,
            checked: 8
        ),
    ]

    /// Takes 12 GiB and minutes: measured only when it is named.
    static let publishedTraining = training(
        "train-64x512-b4",
        "one step of the published training: 64 filters, 512 x 512, batch 4, Dice, Adam",
        filters: 64,
        side: 512,
        batch: 4,
        checked: 1
    )

    private static func graph(filters: Int, side: Int) -> Graph {
        Architecture.customUNet(CustomUNet(filters: filters, layers: 4, dropout: 0)).graph(
            NetworkShape(
                inputChannels: 1,
                outputChannels: 1,
                activation: .sigmoid,
                extent: Axes(height: side, width: side)
            )
        )
    }

    private static func inference(_ name: String, _ work: String, filters: Int, side: Int, slices: Int) -> Benchmark {
        Benchmark(name: name, work: work) { settings in
            let graph = graph(filters: filters, side: side)
            let network = try trainedLike(Network(graph: graph, seed: 1))
            let session = try InferenceSession(
                network: network,
                batch: 1,
                height: side,
                width: side,
                threads: settings.threads
            )
            let all = randomTensor([slices, 1, side, side]).values
            let inputs = (0..<slices).map { slice in
                Tensor(shape: [1, 1, side, side], values: Array(all[slice * side * side..<(slice + 1) * side * side]))
            }
            let extent = Axes(height: side, width: side)
            let operations = try graph.convolutionOperations(extent) * Double(slices)
            return Workload(
                operations: operations,
                items: slices > 1 ? Double(slices) : nil,
                run: { for input in inputs { _ = session.run(input) } },
                check: { try check(session, network, inputs[slices - 1], threads: settings.threads) }
            )
        }
    }

    /// nnU-Net's network on one patch.
    private static func volumeInference(_ name: String, _ work: String, side: Int) -> Benchmark {
        Benchmark(name: name, work: work) { settings in
            let graph = Architecture.plainConvUNet(PlainConvUNet(deepSupervision: false)).graph(
                NetworkShape(
                    inputChannels: 1,
                    outputChannels: 2,
                    activation: .softmax,
                    dimensions: 3,
                    extent: .cube(side)
                )
            )
            let network = try trainedLike(Network(graph: graph, seed: 1))
            let session = try InferenceSession(
                network: network,
                batch: 1,
                extent: .cube(side),
                threads: settings.threads
            )
            let input = randomTensor([1, 1, side, side, side])
            return Workload(
                operations: try graph.convolutionOperations(.cube(side)),
                run: { _ = session.run(input) },
                check: { try check(session, network, input, threads: settings.threads) }
            )
        }
    }

    private static func check(
        _ session: InferenceSession,
        _ network: Network,
        _ input: Tensor,
        threads: Int
    ) throws -> ResultCheck {
        let reference = try ReferenceNetwork(network, threads: threads).result(of: input)
        return ResultCheck(
            reference: "plain loops in double precision, largest difference as part of the largest value",
            error: relativeError(session.run(input).values, reference),
            allowed: 1e-4
        )
    }

    /// - Parameter checked: samples of the step whose result is compared, in doubles that are kept for the way back.
    private static func training(
        _ name: String,
        _ work: String,
        filters: Int,
        side: Int,
        batch: Int,
        checked: Int
    ) -> Benchmark {
        Benchmark(name: name, work: work) { settings in
            let graph = graph(filters: filters, side: side)
            let network = try Network(graph: graph, seed: 1)
            func session(_ optimizer: Optimizer, batch: Int) throws -> TrainingSession {
                try TrainingSession(
                    network: network,
                    batch: batch,
                    extent: Axes(height: side, width: side),
                    loss: .dice(smooth: 1, reduction: .perBatch),
                    optimizer: optimizer,
                    seed: 1,
                    threads: settings.threads
                )
            }
            func data(_ samples: Int) -> (input: Tensor, target: Tensor) {
                let input = randomTensor([samples, 1, side, side])
                return (input, Tensor(shape: input.shape, values: input.values.map { $0 > 0.5 ? 1 : 0 }))
            }
            let training = try session(.adam(Adam()), batch: batch)
            let (input, target) = data(batch)
            // Forwards, the gradient of the input and that of the weights: three times the same products.
            let operations = try 3 * Double(batch) * graph.convolutionOperations(Axes(height: side, width: side))
            return Workload(
                operations: operations,
                items: Double(batch),
                run: { _ = try training.step(input: input, target: target) },
                check: {
                    let (input, target) = data(checked)
                    // So long a step that the rounding of weights is nothing beside it; a power of two.
                    let (rate, adam): (Float, Adam) = (1024, Adam())
                    let plain = try session(
                        .sgd(SGD(learningRate: rate, momentum: 0, isNesterov: false)),
                        batch: checked
                    )
                    let loss = try plain.step(input: input, target: target)
                    let adapted = try session(.adam(adam), batch: checked)
                    _ = try adapted.step(input: input, target: target)
                    return try ReferenceTraining(
                        network: network,
                        input: input,
                        target: target,
                        threads: settings.threads
                    ).check(loss: loss, plain: plain.network, rate: rate, adapted: adapted.network, adam: adam)
                }
            )
        }
    }

    /// Batch norms that do something: as after a training, in the range of 0.5 to 1.5, means and shifts around 0.
    private static func trainedLike(_ network: Network) -> Network {
        var network = network
        for (name, tensor) in network.tensors where tensor.shape.count == 1 {
            let values = randomTensor(tensor.shape).values
            if name.hasSuffix(".running_mean") {
                network.buffers[name]?.values = values.map { 0.2 * ($0 - 0.5) }
            } else if name.hasSuffix(".running_var") {
                network.buffers[name]?.values = values.map { 0.5 + $0 }
            } else if name.hasSuffix(".weight") {
                network.parameters[name]?.values = values.map { 0.5 + $0 }
            } else {
                network.parameters[name]?.values = values.map { 0.2 * ($0 - 0.5) }
            }
        }
        return network
    }

    static func randomTensor(_ shape: [Int]) -> Tensor {
        var state: UInt64 = 88_172_645_463_325_252
        return Tensor(
            shape: shape,
            values: (0..<shape.reduce(1, *)).map { _ in
                // xorshift64 (Marsaglia, 2003): any numbers do, the same ones each time.
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return Float(state >> 40) / Float(1 << 24)
            }
        )
    }
}

extension Graph {
    /// Multiplications and additions of the convolutions for one sample, counted as if done directly.
    func convolutionOperations(_ extent: Axes) throws -> Double {
        let shapes = try shapes(extent: extent)
        return zip(nodes, shapes).reduce(0) { sum, pair in
            let (node, shape) = pair
            let outputs = Double(shape.count)
            switch node.operation {
            case let convolution as Convolution:
                let inputs = Double(shapes[node.inputs[0]].channels * convolution.kernel.count)
                return sum + 2 * outputs * inputs
            case is TransposedConvolution:
                // Kernel equals stride: each output comes from one pixel of each input channel.
                return sum + 2 * outputs * Double(shapes[node.inputs[0]].channels)
            default: return sum
            }
        }
    }
}

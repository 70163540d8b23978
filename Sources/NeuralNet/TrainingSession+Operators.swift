/// Forward and backward of every operation, side by side.
extension TrainingSession {
    func forward(_ input: Tensor) {
        precondition(input.count == values[0].count, "the batch has another shape than the session")
        values[0].pointer.update(from: input.values, count: input.count)
        for index in graph.nodes.indices { forward(index) }
    }

    private func forward(_ index: Int) {
        let node = graph.nodes[index]
        guard let source = node.inputs.first else { return }
        let x = UnsafePointer(values[source].pointer)
        let y = values[index].pointer
        let shape = shapes[index]
        let count = batch * shape.count
        switch node.operation {
        case .input: break
        case .convolution(let convolution):
            forwardConvolution(node.name, convolution, input: shapes[source], output: shape, x, y)
        case .transposedConvolution(let outChannels, let stride):
            TransposedConvolution(input: shapes[source], outChannels: outChannels, stride: stride).forward(
                x,
                weight: parameter(node.name + ".weight"),
                bias: parameter(node.name + ".bias"),
                y,
                batch: batch,
                threads: threads
            )
        case .batchNorm(let epsilon, let momentum):
            forwardBatchNorm(index, BatchNorm(shape: shape, epsilon: epsilon, momentum: momentum), x, y)
        case .relu: Elementwise.relu(x, slope: 0, y, count: count, threads: threads)
        case .leakyReLU(let slope): Elementwise.relu(x, slope: slope, y, count: count, threads: threads)
        case .sigmoid: Elementwise.sigmoid(x, y, count: count, threads: threads)
        case .softmax: Elementwise.softmax(x, shape: shape, y, batch: batch, threads: threads)
        case .maxPool(let size):
            Elementwise.maxPool(x, input: shapes[source], size: size, y, batch: batch, threads: threads)
        case .nearestUpsample(let factor):
            Elementwise.nearestUpsample(x, input: shapes[source], factor: factor, y, batch: batch, threads: threads)
        case .concatenation: concatenate(node.inputs, into: index)
        case .addition:
            y.update(from: x, count: count)
            for other in node.inputs.dropFirst() {
                Elementwise.add(values[other].pointer, to: y, count: count, threads: threads)
            }
        case .dropout(let rate, let spatial):
            Elementwise.dropout(
                x,
                rate: rate,
                unit: spatial ? shape.plane : 1,
                random: dropoutSource(index),
                adding: false,
                y,
                count: count,
                threads: threads
            )
        }
    }

    func backward(_ index: Int) {
        let node = graph.nodes[index]
        guard let source = node.inputs.first else { return }
        let x = UnsafePointer(values[source].pointer)
        let y = UnsafePointer(values[index].pointer)
        let dY = UnsafePointer(gradients[index].pointer)
        let dX = gradients[source].pointer
        let shape = shapes[index]
        let count = batch * shape.count
        switch node.operation {
        case .input: break
        case .convolution(let convolution):
            backwardConvolution(node, convolution, input: shapes[source], output: shape, x, dY, dX)
        case .transposedConvolution(let outChannels, let stride):
            TransposedConvolution(input: shapes[source], outChannels: outChannels, stride: stride).backward(
                x,
                weight: parameter(node.name + ".weight"),
                dOutput: dY,
                dInput: dX,
                dWeight: parameterGradient(node.name + ".weight"),
                dBias: parameterGradient(node.name + ".bias"),
                batch: batch,
                threads: threads
            )
        case .batchNorm(let epsilon, let momentum):
            let saved = statistics[index]!
            BatchNorm(shape: shape, epsilon: epsilon, momentum: momentum).backward(
                x,
                dY: dY,
                weight: parameter(node.name + ".weight"),
                mean: saved.mean,
                inverse: saved.inverse,
                dX: dX,
                dWeight: parameterGradient(node.name + ".weight"),
                dBias: parameterGradient(node.name + ".bias"),
                batch: batch,
                threads: threads
            )
        case .relu: Elementwise.reluGradient(y: y, dY: dY, slope: 0, dX: dX, count: count, threads: threads)
        case .leakyReLU(let slope):
            Elementwise.reluGradient(y: y, dY: dY, slope: slope, dX: dX, count: count, threads: threads)
        case .sigmoid: Elementwise.sigmoidGradient(y: y, dY: dY, dX: dX, count: count, threads: threads)
        case .softmax:
            Elementwise.softmaxGradient(y: y, dY: dY, shape: shape, dX: dX, batch: batch, threads: threads)
        case .maxPool(let size):
            Elementwise.maxPoolGradient(
                x,
                dY: dY,
                input: shapes[source],
                size: size,
                dX: dX,
                batch: batch,
                threads: threads
            )
        case .nearestUpsample(let factor):
            Elementwise.nearestUpsampleGradient(
                dY: dY,
                input: shapes[source],
                factor: factor,
                dX: dX,
                batch: batch,
                threads: threads
            )
        case .concatenation: splitGradient(of: index, into: node.inputs)
        case .addition:
            for input in node.inputs {
                Elementwise.add(dY, to: gradients[input].pointer, count: count, threads: threads)
            }
        case .dropout(let rate, let spatial):
            Elementwise.dropout(
                dY,
                rate: rate,
                unit: spatial ? shape.plane : 1,
                random: dropoutSource(index),
                adding: true,
                dX,
                count: count,
                threads: threads
            )
        }
    }

    // MARK: - Convolution

    private func forwardConvolution(
        _ name: String,
        _ convolution: Convolution,
        input: FeatureShape,
        output: FeatureShape,
        _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>
    ) {
        let epilogue = ConvolutionEpilogue(
            bias: convolution.hasBias
                ? Array(UnsafeBufferPointer(start: parameter(name + ".bias"), count: convolution.outChannels)) : nil
        )
        if let direct = convolution.direct(input: input) {
            direct.forward(
                input: x,
                packedWeight: direct.packed(parameter(name + ".weight")),
                epilogue: epilogue,
                output: y,
                batch: batch,
                threads: threads
            )
        } else {
            GeneralConvolution(convolution: convolution, input: input, output: output).forward(
                x,
                weight: parameter(name + ".weight"),
                epilogue: epilogue,
                y,
                batch: batch,
                threads: threads
            )
        }
    }

    private func backwardConvolution(
        _ node: Node,
        _ convolution: Convolution,
        input: FeatureShape,
        output: FeatureShape,
        _ x: UnsafePointer<Float>,
        _ dY: UnsafePointer<Float>,
        _ dX: UnsafeMutablePointer<Float>
    ) {
        if convolution.hasBias { biasGradient(node.name + ".bias", output, dY) }
        let dWeight = parameterGradient(node.name + ".weight")
        // Nobody asks for the gradient of the picture.
        let isFirst = if case .input = graph.nodes[node.inputs[0]].operation { true } else { false }
        guard let direct = convolution.direct(input: input) else {
            let general = GeneralConvolution(convolution: convolution, input: input, output: output)
            general.weightGradient(x, dOutput: dY, dWeight: dWeight, batch: batch, threads: threads)
            if !isFirst {
                general.inputGradient(
                    dOutput: dY,
                    weight: parameter(node.name + ".weight"),
                    dInput: dX,
                    batch: batch,
                    threads: threads
                )
            }
            return
        }
        direct.weightGradient(input: x, dOutput: dY, dWeight: dWeight, batch: batch, threads: threads)
        if isFirst { return }
        let back = Convolution3x3(
            inChannels: output.channels,
            outChannels: input.channels,
            height: input.height,
            width: input.width
        )
        let result = ValueMemory(count: batch * input.count)
        back.forward(
            input: dY,
            packedWeight: back.packedTransposed(parameter(node.name + ".weight")),
            epilogue: ConvolutionEpilogue(),
            output: result.pointer,
            batch: batch,
            threads: threads
        )
        Elementwise.add(result.pointer, to: dX, count: batch * input.count, threads: threads)
    }

    private func biasGradient(_ name: String, _ shape: FeatureShape, _ dY: UnsafePointer<Float>) {
        let target = parameterGradient(name)
        for channel in 0..<shape.channels {
            var sum = 0.0
            for sample in 0..<batch {
                let start = sample * shape.count + channel * shape.plane
                for n in start..<start + shape.plane { sum += Double(dY[n]) }
            }
            target[channel] += Float(sum)
        }
    }

    // MARK: - Others

    private func forwardBatchNorm(
        _ index: Int,
        _ norm: BatchNorm,
        _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>
    ) {
        let name = graph.nodes[index].name
        var mean = [Float](repeating: 0, count: norm.shape.channels)
        var inverse = mean
        norm.forwardTraining(
            x,
            weight: parameter(name + ".weight"),
            bias: parameter(name + ".bias"),
            runningMean: runningStatistic(name + ".running_mean"),
            runningVariance: runningStatistic(name + ".running_var"),
            mean: &mean,
            inverse: &inverse,
            y,
            batch: batch,
            threads: threads
        )
        statistics[index] = (mean, inverse)
    }

    private func concatenate(_ inputs: [Int], into index: Int) {
        let whole = shapes[index].count
        for sample in 0..<batch {
            var offset = 0
            for input in inputs {
                let count = shapes[input].count
                (values[index].pointer + sample * whole + offset)
                    .update(from: values[input].pointer + sample * count, count: count)
                offset += count
            }
        }
    }

    private func splitGradient(of index: Int, into inputs: [Int]) {
        let whole = shapes[index].count
        for sample in 0..<batch {
            var offset = 0
            for input in inputs {
                let count = shapes[input].count
                Elementwise.add(
                    gradients[index].pointer + sample * whole + offset,
                    to: gradients[input].pointer + sample * count,
                    count: count,
                    threads: threads
                )
                offset += count
            }
        }
    }

    private func dropoutSource(_ index: Int) -> RandomSource {
        RandomSource(seed: seed, stream: UInt64(step) << 20 | UInt64(index))
    }
}

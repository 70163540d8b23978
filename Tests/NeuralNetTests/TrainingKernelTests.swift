import NeuralNet
import Testing

/// Kernels of training that work on eight places at a time, at widths with and without a rest.
@Suite("Kernels of training")
struct TrainingKernelTests {
    static let widths = [1, 3, 4, 8, 11, 16, 21]

    @Test("upsampling by a transposed convolution equals its definition at every width", arguments: widths)
    func upsampling(_ width: Int) throws {
        for (batch, depth, stride) in [(1, 1, Axes.plane(2)), (9, 1, .plane(2)), (2, 3, .cube(2)), (1, 2, .plane(2))] {
            let operation = TransposedConvolution(outChannels: 3, stride: stride)
            let x = random([batch, 5, depth, 4, width], 1)
            let tensors = ["weight": random([5, 3] + stride.lengths, 2), "bias": random([3], 3)]
            let trial = try OperatorTrial(operation, inputs: [x], tensors: tensors)
            let y = trial.forward(.training)
            func definition(_ x: Tensor, bias: Bool) throws -> [Double] {
                var parameters = tensors.mapValues { $0.values.map(Double.init) }
                if !bias { parameters["bias"] = [0, 0, 0] }
                return try Reference.transposed(operation, Reference.Field(x), parameters).values
            }
            let expected = try definition(x, bias: true)
            #expect(relativeError(y, Tensor(shape: y.shape, values: expected.map(Float.init))) < 1e-5)
            // Linear in the input and in the weights: <dx, x> = <dy, w x> = <dw, w>.
            let g = random(y.shape, 4)
            let (dInputs, dParameters) = trial.backward(g)
            let other = random(x.shape, 5)
            let image = try definition(other, bias: false)
            let scale = product(g, g).squareRoot() * image.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let imageProduct = zip(image, g.values).reduce(0) { $0 + $1.0 * Double($1.1) }
            #expect(abs(product(dInputs[0], other) - imageProduct) < 1e-5 * scale)
            let linear = zip(try definition(x, bias: false), g.values).reduce(0) { $0 + $1.0 * Double($1.1) }
            let weight = try #require(dParameters["weight"])
            #expect(abs(product(weight, try #require(tensors["weight"])) - linear) < 1e-5 * scale)
        }
    }

    @Test("square pooling picks the first of the largest and gives it the gradient, at every width", arguments: widths)
    func squares(_ width: Int) throws {
        // Whole numbers from -2 to 2: most squares have equal values.
        var x = random([2, 3, 4, 2 * width], 6)
        for n in x.values.indices { x.values[n] = min(2, max(-2, x.values[n].rounded())) }
        let trial = try OperatorTrial(MaxPool(size: .plane(2)), inputs: [x])
        let y = trial.forward(.training)
        let g = random(y.shape, 7)
        var gradient = [Float](repeating: 0, count: x.count)
        for place in 0..<y.count {
            let (line, column) = (place / width, place % width)
            let first = 2 * line * 2 * width + 2 * column
            let square = [first, first + 1, first + 2 * width, first + 2 * width + 1]
            let largest = square.max { x.values[$0] < x.values[$1] }!
            let winner = square.first { x.values[$0] == x.values[largest] }!
            #expect(y.values[place] == x.values[winner])
            gradient[winner] += g.values[place]
        }
        #expect(trial.backward(g).inputs[0].values == gradient)
        #expect(trial.backward(g, over: .nan).inputs[0].values == gradient)
    }

    @Test("a rectifier done by its neighbours gives what it gives alone", arguments: [Float(0), 0.1])
    func rectifier(_ slope: Float) throws {
        let rectifier: any Operator = slope == 0 ? ReLU() : LeakyReLU(negativeSlope: slope)
        let convolution = Convolution.same(outChannels: 9, kernel: .plane(3))
        let norm = Normalization(.batch(momentum: 0.1), epsilon: 1e-3)
        var graph = Graph(inputChannels: 8)
        let start = graph.add(convolution, graph.input, name: "start")
        let first = graph.add(convolution, start, name: "first")
        _ = graph.add(norm, graph.add(rectifier, first), name: "norm")
        let network = try Network(graph: graph, seed: 3)
        let (input, target) = (random([2, 8, 6, 10], 8), Tensor(shape: [2, 9, 6, 10], repeating: 1))
        let loss = Loss.dice(smooth: 1, reduction: .perBatch)
        let session = try TrainingSession(
            network: network,
            batch: 2,
            extent: Axes(height: 6, width: 10),
            loss: loss,
            optimizer: .adam(Adam(learningRate: 1e-3)),
            seed: 1,
            threads: 2
        )
        _ = try session.step(input: input, target: target)

        func trial(_ operation: any Operator, _ name: String, _ x: Tensor) throws -> (OperatorTrial, Tensor) {
            let own = (network.parameters.merging(network.buffers) { a, _ in a }).filter {
                $0.key.hasPrefix(name + ".")
            }
            let tensors = Dictionary(
                uniqueKeysWithValues: own.map { (String($0.key.dropFirst(name.count + 1)), $0.value) }
            )
            let trial = try OperatorTrial(operation, inputs: [x], tensors: tensors)
            return (trial, trial.forward(.training))
        }
        let (starting, a) = try trial(convolution, "start", input)
        let (convolved, b) = try trial(convolution, "first", a)
        let (rectified, c) = try trial(rectifier, "none", b)
        let (normalized, d) = try trial(norm, "norm", c)
        let dD = loss.evaluate(prediction: d, target: target).gradient
        let (dC, dNorm) = normalized.backward(dD)
        let (dB, dFirst) = convolved.backward(rectified.backward(dC[0]).inputs[0])
        let dStart = starting.backward(dB[0]).parameters
        #expect(session.prediction == d)
        for (name, gradients) in [("norm", dNorm), ("first", dFirst), ("start", dStart)] {
            for (parameter, gradient) in gradients {
                #expect(session.parameterGradients["\(name).\(parameter)"] == gradient, "\(name).\(parameter)")
            }
        }
    }

    private func random(_ shape: [Int], _ stream: Int) -> Tensor {
        Tensor(shape: shape, values: ConvolutionTests.random(shape.reduce(1, *), stream))
    }

    private func product(_ a: Tensor, _ b: Tensor) -> Double {
        zip(a.values, b.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
}

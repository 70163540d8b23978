import NeuralNet
import Testing

@Suite("Every operator")
struct OperatorTests {
    /// Tensors of one row: inputs, parameters, result, gradients.
    struct Golden {
        let tensors: [String: Tensor]
        let inputs: [Tensor]
        let parameters: [String: Tensor]

        init(_ name: String) throws {
            let all = try GoldenFile.operators.get()
            tensors = GoldenFile.group(name + ".", of: all).filter {
                !$0.key.contains(".") || $0.key.hasPrefix("after.")
            }
            let tensors = tensors
            inputs = (0..<2).compactMap { tensors["x\($0)"] }
            let names = ["weight", "bias", "running_mean", "running_var"]
            parameters = tensors.filter { names.contains($0.key) }
        }

        func trial(_ operation: any Operator, threads: Int = 2) throws -> OperatorTrial {
            try OperatorTrial(operation, inputs: inputs, tensors: parameters, threads: threads)
        }

        subscript(_ name: String) -> Tensor { tensors[name] ?? Tensor(shape: [0], values: []) }
    }

    @Test("gives what its definition gives", arguments: OperatorCase.table)
    func reference(_ row: OperatorCase) throws {
        let golden = try Golden(row.name)
        let found = try golden.trial(row.operation).forward(.training)
        let expected = try row.reference(
            golden.inputs.map(Reference.Field.init),
            golden.parameters.mapValues { $0.values.map(Double.init) }
        )
        #expect(
            relativeError(found, Tensor(shape: found.shape, values: expected.values.map(Float.init)))
                < row.precision.result
        )
    }

    @Test("gives what PyTorch gives, and all of its gradients", arguments: OperatorCase.table)
    func golden(_ row: OperatorCase) throws {
        let golden = try Golden(row.name)
        let trial = try golden.trial(row.operation)
        #expect(relativeError(trial.forward(.training), golden["y"]) < row.precision.result)
        let (dInputs, dParameters) = trial.backward(golden["g"])
        for (index, gradient) in dInputs.enumerated() {
            #expect(relativeError(gradient, golden["dx\(index)"]) < row.precision.gradient, "dx\(index)")
        }
        for (name, gradient) in dParameters {
            #expect(relativeError(gradient, golden["d\(name)"]) < row.precision.gradient, "d\(name)")
        }
        for (name, tensor) in trial.runningStatistics {
            #expect(relativeError(tensor, golden["after.\(name)"]) < 1e-6, "\(name)")
        }
    }

    @Test("has the gradients that finite differences of its definition have", arguments: OperatorCase.table)
    func finiteDifferences(_ row: OperatorCase) throws {
        let golden = try Golden(row.name)
        let trial = try golden.trial(row.operation)
        _ = trial.forward(.training)
        let (dInputs, dParameters) = trial.backward(golden["g"])
        let weights = golden["g"].values.map(Double.init)
        let inputs = golden.inputs.map(Reference.Field.init)
        let parameters = golden.parameters.mapValues { $0.values.map(Double.init) }
        func slope(_ change: (inout [Reference.Field], inout Reference.Parameters, Double) -> Void) throws -> Double {
            let step = 1e-5
            let sums = try [step, -step].map { step in
                var (x, p) = (inputs, parameters)
                change(&x, &p, step)
                return zip(try row.reference(x, p).values, weights).reduce(0) { $0 + $1.0 * $1.1 }
            }
            return (sums[0] - sums[1]) / (2 * step)
        }
        // A few places of every tensor: the goldens look at all of them.
        func expect(_ gradient: Tensor, _ name: String, _ slope: (Int) throws -> Double) rethrows {
            let largest = gradient.values.reduce(Float(1e-3)) { max($0, abs($1)) }
            for n in stride(from: 0, to: gradient.count, by: max(1, gradient.count / 7)) {
                let difference = abs(Float(try slope(n)) - gradient.values[n])
                #expect(difference < 2 * row.precision.gradient * largest, "\(name)[\(n)]")
            }
        }
        for (index, gradient) in dInputs.enumerated() {
            try expect(gradient, "x\(index)") { n in try slope { x, _, step in x[index].values[n] += step } }
        }
        for (name, gradient) in dParameters {
            try expect(gradient, name) { n in try slope { _, p, step in p[name]![n] += step } }
        }
    }

    @Test("gives the same bytes on one, two and five threads", arguments: OperatorCase.table)
    func threads(_ row: OperatorCase) throws {
        let golden = try Golden(row.name)
        let results = try [1, 2, 5].map { threads in
            let trial = try golden.trial(row.operation, threads: threads)
            let y = trial.forward(.training)
            let (dInputs, dParameters) = trial.backward(golden["g"])
            return (y, dInputs, dParameters)
        }
        for other in results.dropFirst() {
            #expect(results[0].0 == other.0 && results[0].1 == other.1 && results[0].2 == other.2)
        }
    }

    @Test("that gives an input its first gradient gives what it adds to zeros", arguments: OperatorCase.table)
    func firstGradients(_ row: OperatorCase) throws {
        let golden = try Golden(row.name)
        let trial = try golden.trial(row.operation)
        _ = trial.forward(.training)
        let added = trial.backward(golden["g"])
        let replaced = trial.backward(golden["g"], over: .nan)
        #expect(replaced.inputs == added.inputs && replaced.parameters == added.parameters)
    }

    @Test("batch norm in inference uses the running statistics")
    func batchNormInference() throws {
        let golden = try Golden("batchNorm2d")
        let norm = Normalization(.batch(momentum: 0.1), epsilon: 1e-3)
        let x = golden.inputs[0]
        let plane = x.shape[2] * x.shape[3]
        var expected = x
        for n in expected.values.indices {
            let c = n / plane % x.shape[1]
            func parameter(_ name: String) -> Double { Double(golden.parameters[name]!.values[c]) }
            let centred = Double(x.values[n]) - parameter("running_mean")
            let scale = parameter("weight") / (parameter("running_var") + Double(norm.epsilon)).squareRoot()
            expected.values[n] = Float(centred * scale + parameter("bias"))
        }
        let trial = try golden.trial(norm)
        #expect(relativeError(trial.forward(.inference), expected) < 1e-6)
        #expect(trial.runningStatistics["running_mean"] == golden.parameters["running_mean"])
    }

    @Test("dropout drops its part, scales the rest, lets the same gradients through, and rests in inference")
    func dropout() throws {
        for isSpatial in [false, true] {
            let x = Tensor(shape: [4, 200, 3, 4], repeating: 1)
            let trial = try OperatorTrial(Dropout(rate: 0.3, isSpatial: isSpatial), inputs: [x])
            let y = trial.forward(.training)
            let scale = 1 / (1 - Float(0.3))
            #expect(Set(y.values) == [0, scale])
            let dropped = Double(y.values.count { $0 == 0 }) / Double(y.count)
            #expect(abs(dropped - 0.3) < 0.05)
            let planes = (0..<800).map { Set(y.values[$0 * 12..<($0 + 1) * 12]).count }
            #expect(planes.contains(2) != isSpatial)
            #expect(trial.backward(x).inputs[0] == y)
            #expect(trial.forward(.inference) == x)
            // The same mask on other values and gradients: y = m x, as PyTorch's dropout has it for a mask m.
            let numbers = Tensor(shape: x.shape, values: (0..<x.count).map { Float(($0 * 37 + 11) % 101 - 50) / 16 })
            let other = try OperatorTrial(Dropout(rate: 0.3, isSpatial: isSpatial), inputs: [numbers])
            let product = Tensor(shape: x.shape, values: zip(numbers.values, y.values).map { $0 * $1 })
            #expect(other.forward(.training) == product)
            #expect(other.backward(numbers).inputs[0] == product)
        }
    }

    @Test("what does not fit is refused with the operator's name")
    func misfits() {
        func refuses(_ operation: some Operator, _ inputs: Int = 1, extent: Axes = Axes(height: 5, width: 6)) {
            var graph = Graph(inputChannels: 3)
            let small = graph.add(Convolution(outChannels: 2, kernel: 2), graph.input)
            _ = graph.add(operation, Array([graph.input, small].prefix(inputs)), name: "odd one")
            #expect {
                try graph.shapes(extent: extent)
            } throws: { error in
                "\(error)".hasPrefix("network operator odd one: ")
            }
        }
        refuses(MaxPool(size: .plane(2)))
        refuses(Convolution(outChannels: 1, kernel: 7))
        refuses(Convolution(outChannels: 1, kernel: 3, stride: 0))
        refuses(Normalization(.channels(groups: 2), epsilon: 1e-5))
        refuses(Concatenation(), 2)
        refuses(Addition(), 2)
        refuses(Multiplication())
        refuses(Dropout(rate: 1, isSpatial: false))
        refuses(NearestUpsample(factor: .zero))
        refuses(AveragePool(Window(kernel: .plane(2), stride: .plane(2), padding: .plane(2, depth: 0))))
    }
}

/// A network as the fast kernels run it: which operators are joined, and where values lie.
///
/// nil where an operator has no fast kernel. What has one, in two dimensions: 3 x 3 convolutions (stride 1, padding 1), 1 x 1
/// convolutions, transposed convolutions, max pooling by two, nearest upsampling by two, concatenation before a
/// 3 x 3 convolution, ReLU, leaky ReLU and batch norm after a convolution, and a head with sigmoid or softmax.
struct BlockedPlan: Sendable {
    enum Kernel: Sendable {
        /// Reads the image in N C H W.
        case first(node: Int)
        case winograd(node: Int, sources: [Int], pooled: Int?)
        /// A 1 x 1 convolution with stride 1, or a transposed convolution.
        case pointwise(node: Int, source: Int, stride: Int)
        case maxPool(source: Int)
        case nearestUpsample(source: Int)
        /// Writes N C H W.
        case head(node: Int, source: Int, BlockedHead.Activation)
    }

    struct Step: Sendable {
        var kernel: Kernel
        /// The value written.
        var result: Int
        /// A batch norm before or after the activation, as nodes.
        var normBefore: Int?
        var normAfter: Int?
        /// Slope of the activation below zero; 1 for none.
        var slope: Float = 1
    }

    let shapes: [FeatureShape]
    let steps: [Step]
    let offsets: [Int]
    let arenaCount: Int

    init?(graph: Graph, batch: Int, shapes: [FeatureShape]) {
        guard let steps = BlockedLowering(graph: graph, shapes: shapes).steps() else { return nil }
        self.shapes = shapes
        self.steps = steps
        var lives: [Int: ClosedRange<Int>] = [:]
        for (time, step) in steps.enumerated() {
            for value in step.writes { lives[value] = time...time }
            for value in step.reads { lives[value] = (lives[value]?.lowerBound ?? 0)...time }
        }
        // The image and the result are the caller's.
        let counts = shapes.map { ChannelBlocks($0).count * batch }
        lives[0] = nil
        lives[steps.last?.result ?? 0] = nil
        (offsets, arenaCount) = MemoryPlan.place(lives, counts: counts)
    }
}

extension BlockedPlan.Step {
    var reads: [Int] {
        switch kernel {
        case .first: [0]
        case .winograd(_, let sources, _): sources
        case .pointwise(_, let source, _), .maxPool(let source), .nearestUpsample(let source), .head(_, let source, _):
            [source]
        }
    }

    var writes: [Int] {
        if case .winograd(_, _, let pooled?) = kernel { return [result, pooled] }
        return [result]
    }
}

/// Goes through a graph once and finds a kernel for every operator.
private struct BlockedLowering {
    let graph: Graph
    let shapes: [FeatureShape]
    private let readers: [[Int]]

    init(graph: Graph, shapes: [FeatureShape]) {
        self.graph = graph
        self.shapes = shapes
        var readers = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() { for input in node.inputs { readers[input].append(index) } }
        self.readers = readers
    }

    /// nil when something has no kernel.
    func steps() -> [BlockedPlan.Step]? {
        var steps: [BlockedPlan.Step] = []
        var done = Set<Int>()
        // What only training needs has readers of its own.
        guard graph.dimensions == 2, graph.auxiliaryOutputs.isEmpty else { return nil }
        for (index, node) in graph.nodes.enumerated() where !node.inputs.isEmpty && !done.contains(index) {
            switch node.operation {
            case is Concatenation:
                // Read in place by the convolution that follows.
                guard readers[index].allSatisfy(isWinograd) else { return nil }
            case is Convolution:
                guard let step = convolution(index, &done) else { return nil }
                steps.append(step)
            case let transposed as TransposedConvolution:
                let (source, stride) = (node.inputs[0], transposed.stride.width)
                guard isBlocked(source),
                    transposed == .init(outChannels: transposed.outChannels, stride: .plane(stride))
                else { return nil }
                steps.append(.init(kernel: .pointwise(node: index, source: source, stride: stride), result: index))
            case let pool as MaxPool:
                guard pool == MaxPool(size: .plane(2)), isBlocked(node.inputs[0]) else { return nil }
                if !joinPool(index, to: &steps) {
                    steps.append(.init(kernel: .maxPool(source: node.inputs[0]), result: index))
                }
            case let upsample as NearestUpsample:
                guard upsample.factor == .plane(2), isBlocked(node.inputs[0]) else { return nil }
                steps.append(.init(kernel: .nearestUpsample(source: node.inputs[0]), result: index))
            default: return nil
            }
        }
        guard let last = steps.last, case .head = last.kernel, last.result == graph.nodes.count - 1 else { return nil }
        return steps
    }

    /// Neither the image nor a concatenation, which have no channel blocks of their own.
    private func isBlocked(_ value: Int) -> Bool {
        value != 0 && !(graph.nodes[value].operation is Concatenation)
    }

    private func isWinograd(_ index: Int) -> Bool {
        guard let c = graph.nodes[index].operation as? Convolution else { return false }
        return c == .same(outChannels: c.outChannels, kernel: .plane(3), hasBias: c.hasBias)
    }

    private func convolution(_ index: Int, _ done: inout Set<Int>) -> BlockedPlan.Step? {
        guard let c = graph.nodes[index].operation as? Convolution else { return nil }
        let source = graph.nodes[index].inputs[0]
        if c == .same(outChannels: c.outChannels, kernel: .one, hasBias: c.hasBias), isBlocked(source) {
            if let head = head(index, source, &done) { return head }
            var step = BlockedPlan.Step(kernel: .pointwise(node: index, source: source, stride: 1), result: index)
            join(&step, &done)
            return step
        }
        guard isWinograd(index) else { return nil }
        var sources = [source]
        if graph.nodes[source].operation is Concatenation { sources = graph.nodes[source].inputs }
        guard source == 0 || sources.allSatisfy(isBlocked) else { return nil }
        let kernel: BlockedPlan.Kernel =
            source == 0 ? .first(node: index) : .winograd(node: index, sources: sources, pooled: nil)
        var step = BlockedPlan.Step(kernel: kernel, result: index)
        join(&step, &done)
        return step
    }

    private func head(_ index: Int, _ source: Int, _ done: inout Set<Int>) -> BlockedPlan.Step? {
        let last = graph.nodes.count - 1
        if index == last { return .init(kernel: .head(node: index, source: source, .none), result: last) }
        guard index == last - 1, readers[index] == [last] else { return nil }
        let activation: BlockedHead.Activation
        switch graph.nodes[last].operation {
        case is Sigmoid: activation = .sigmoid
        case is Softmax: activation = .softmax
        default: return nil
        }
        done.insert(last)
        return .init(kernel: .head(node: index, source: source, activation), result: last)
    }

    /// Takes up what follows a convolution and is read by nobody else: one activation, and one batch norm before or
    /// after it. Dropout does nothing here.
    private func join(_ step: inout BlockedPlan.Step, _ done: inout Set<Int>) {
        var hasActivation = false
        while readers[step.result].count == 1, let next = readers[step.result].first {
            let operation = graph.nodes[next].operation
            if operation is ReLU, !hasActivation, step.normAfter == nil {
                (step.slope, hasActivation) = (0, true)
            } else if let leaky = operation as? LeakyReLU, !hasActivation, step.normAfter == nil,
                leaky.negativeSlope <= 1
            {
                (step.slope, hasActivation) = (leaky.negativeSlope, true)
            } else if let norm = operation as? Normalization, case .batch = norm.group {
                if hasActivation, step.normAfter == nil {
                    step.normAfter = next
                } else if !hasActivation, step.normBefore == nil {
                    step.normBefore = next
                } else {
                    return
                }
            } else if !(operation is Dropout) {
                return
            }
            done.insert(next)
            step.result = next
        }
    }

    /// Lets the convolution that made the input of a pooling write the pooled values too.
    private func joinPool(_ index: Int, to steps: inout [BlockedPlan.Step]) -> Bool {
        let source = graph.nodes[index].inputs[0]
        guard let maker = steps.firstIndex(where: { $0.result == source }),
            case .winograd(let node, let sources, nil) = steps[maker].kernel
        else { return false }
        steps[maker].kernel = .winograd(node: node, sources: sources, pooled: index)
        return true
    }
}

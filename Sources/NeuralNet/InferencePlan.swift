/// What runs in which order and where its results lie: made once from the graph.
package struct InferencePlan: Sendable {
    /// One operator, or a convolution with what follows it in the same pass.
    package struct Step: Sendable {
        package var node: Int
        /// The value written: the last of the fused nodes.
        package var result: Int
        var fusesReLU = false
        var fusedNorm: Int?
    }

    package let shapes: [FeatureShape]
    package let steps: [Step]
    /// First float of each value in the arena; values that are never made have offset 0.
    package let offsets: [Int]
    package let arenaCount: Int

    package init(graph: Graph, batch: Int, height: Int, width: Int) throws(NetworkError) {
        shapes = try graph.shapes(height: height, width: width)
        steps = InferencePlan.fuse(graph)
        (offsets, arenaCount) = InferencePlan.place(steps, graph: graph, counts: shapes.map { $0.count * batch })
    }

    /// Joins convolution -> ReLU -> batch norm (dropout does nothing here) where nobody else reads between them.
    private static func fuse(_ graph: Graph) -> [Step] {
        var readers = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() { for input in node.inputs { readers[input].append(index) } }
        var consumed = Set<Int>()
        var steps: [Step] = []
        for (index, node) in graph.nodes.enumerated() where !node.inputs.isEmpty && !consumed.contains(index) {
            var step = Step(node: index, result: index)
            if case .convolution = node.operation {
                while readers[step.result].count == 1, let next = readers[step.result].first,
                    absorb(next, graph.nodes[next].operation, into: &step)
                {
                    consumed.insert(next)
                    step.result = next
                }
            }
            steps.append(step)
        }
        return steps
    }

    private static func absorb(_ index: Int, _ operation: Operation, into step: inout Step) -> Bool {
        switch operation {
        case .relu where !step.fusesReLU && step.fusedNorm == nil: step.fusesReLU = true
        case .batchNorm where step.fusedNorm == nil: step.fusedNorm = index
        case .dropout: break
        default: return false
        }
        return true
    }

    /// A value lives from the step that makes it to the last that reads it; the output lives to the end.
    static func place(_ steps: [Step], graph: Graph, counts: [Int]) -> (offsets: [Int], total: Int) {
        var lives: [Int: ClosedRange<Int>] = [0: 0...0]
        for (time, step) in steps.enumerated() {
            lives[step.result] = time...time
            for input in graph.nodes[step.node].inputs {
                lives[input] = (lives[input]?.lowerBound ?? 0)...time
            }
        }
        lives[graph.nodes.count - 1] = (lives[graph.nodes.count - 1]?.lowerBound ?? 0)...steps.count
        return MemoryPlan.place(lives, counts: counts)
    }
}

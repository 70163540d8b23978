/// What runs in which order and where its results lie: made once from the graph.
package struct InferencePlan: Sendable {
    /// One operator, or a convolution or normalisation with what follows it in the same pass.
    package struct Step: Sendable {
        package var node: Int
        /// The value written: the last of the fused nodes.
        package var result: Int
        /// A batch norm that directly follows a convolution: it goes into the weights.
        var foldedNorm: Int?
        var rectifier: Int?
        /// A batch norm behind the rectifier: an affine map of the result.
        var fusedNorm: Int?
    }

    package let shapes: [FeatureShape]
    package let steps: [Step]
    /// First float of each value in the arena; values that are never made have offset 0.
    package let offsets: [Int]
    package let arenaCount: Int

    package init(graph: Graph, batch: Int, extent: Axes) throws(NetworkError) {
        shapes = try graph.shapes(extent: extent)
        let needed = graph.needed(for: graph.output)
        var readers = [[Int]](repeating: [], count: graph.nodes.count)
        for index in needed { for input in graph.nodes[index].inputs { readers[input].append(index) } }
        let steps = InferencePlan.fuse(graph, needed, readers)
        self.steps = steps
        // An operator that works in place takes over the memory of an input that nobody else reads.
        var homes = Array(graph.nodes.indices)
        for step in steps where step.node == step.result {
            let node = graph.nodes[step.node]
            guard node.operation.worksInPlace, let source = node.inputs.first, source > 0, readers[source].count == 1
            else { continue }
            homes[step.result] = homes[source]
        }
        let lives = InferencePlan.lives(steps, graph, homes)
        let (places, total) = MemoryPlan.place(lives, counts: shapes.map { $0.count * batch })
        offsets = homes.map { places[$0] }
        arenaCount = total
    }

    /// Joins convolution -> batch norm -> ReLU -> batch norm, as far as they are there, and normalisation -> ReLU, where nobody
    /// else reads between them; dropout does nothing here.
    private static func fuse(_ graph: Graph, _ needed: [Int], _ readers: [[Int]]) -> [Step] {
        var consumed = Set<Int>()
        var steps: [Step] = []
        for index in needed.dropFirst() where !consumed.contains(index) {
            var step = Step(node: index, result: index)
            if graph.nodes[index].operation is Convolution || graph.nodes[index].operation is Normalization {
                while readers[step.result].count == 1, step.result != graph.output,
                    let next = readers[step.result].first,
                    absorb(
                        next,
                        graph.nodes[next].operation,
                        into: &step,
                        isConvolution: graph.nodes[index].operation is Convolution
                    )
                {
                    consumed.insert(next)
                    step.result = next
                }
            }
            steps.append(step)
        }
        return steps
    }

    private static func absorb(
        _ index: Int,
        _ operation: any Operator,
        into step: inout Step,
        isConvolution: Bool
    ) -> Bool {
        switch operation {
        case is ReLU, is LeakyReLU:
            guard step.rectifier == nil, step.fusedNorm == nil else { return false }
            step.rectifier = index
        case let norm as Normalization:
            guard isConvolution, case .batch = norm.group, step.fusedNorm == nil else { return false }
            if step.rectifier != nil {
                step.fusedNorm = index
            } else if step.foldedNorm == nil {
                step.foldedNorm = index
            } else {
                return false
            }
        case is Dropout: break
        default: return false
        }
        return true
    }

    /// A value lives from the step that makes it to the last that reads it; the output lives to the end.
    private static func lives(_ steps: [Step], _ graph: Graph, _ homes: [Int]) -> [Int: ClosedRange<Int>] {
        var lives = [0: 0...0]
        func extend(_ value: Int, to time: Int) {
            let home = homes[value]
            lives[home] = (lives[home]?.lowerBound ?? time)...time
        }
        for (time, step) in steps.enumerated() {
            for input in graph.nodes[step.node].inputs { extend(input, to: time) }
            extend(step.result, to: time)
        }
        extend(graph.output, to: steps.count)
        return lives
    }
}

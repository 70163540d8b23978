/// Where values and gradients of a training lie.
struct TrainingMemoryPlan {
    /// For each node the inputs whose gradient it is the first to add to.
    let firstGradients: [[Int]]
    /// The node whose memory a value lies in. Where that is another's, so does its gradient.
    let homes: [Int]
    /// Floats of each value's own memory.
    let valueCounts: [Int]
    /// The first float of each gradient.
    let offsets: [Int]
    let gradientCount: Int

    /// - Parameter counts: floats of every value of a batch.
    init(graph: Graph, counts: [Int]) {
        let nodes = graph.nodes
        let last = nodes.count - 1
        var readers = [[Int]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() { for input in node.inputs { readers[input].append(index) } }
        let outputs = Set(graph.outputs.map(\.value))
        var homes = Array(nodes.indices)
        for (index, node) in nodes.enumerated() where node.operation.worksInPlace && node.inputs.count == 1 {
            let source = node.inputs[0]
            // The source must be nobody else's: not the picture, not another reader's, not its own maker's.
            if source > 0, readers[source].count == 1, !outputs.contains(source), !nodes[source].operation.needsResult {
                homes[index] = homes[source]
            }
        }
        self.homes = homes
        valueCounts = nodes.indices.map { homes[$0] == $0 ? counts[$0] : 0 }
        // Moment 0 is the loss; node i goes backward at last + 1 - i. A gradient lives from the first that adds to it
        // to the operator that made the value. Nobody asks for the gradient of the picture.
        var lives: [Int: ClosedRange<Int>] = [:]
        var firsts = [[Int]](repeating: [], count: nodes.count)
        for value in nodes.indices.dropFirst() {
            let reader = readers[value].max()
            let start = outputs.contains(value) ? 0 : reader.map { last + 1 - $0 } ?? last + 1 - value
            let (home, end) = (homes[value], last + 1 - homes[value])
            lives[home] = min(start, lives[home]?.lowerBound ?? start)...end
            if let reader, !outputs.contains(value) { firsts[reader].append(value) }
        }
        firstGradients = firsts
        let placed = MemoryPlan.place(lives, counts: counts)
        (offsets, gradientCount) = (homes.map { placed.offsets[$0] }, placed.total)
    }
}

/// Memory of values and gradients as planned.
struct TrainingMemory {
    let plan: TrainingMemoryPlan
    private let values: [ValueMemory]
    private let gradients: ValueMemory

    init(_ plan: TrainingMemoryPlan) {
        self.plan = plan
        values = plan.valueCounts.map { ValueMemory(count: $0) }
        gradients = ValueMemory(count: plan.gradientCount)
    }

    func value(_ index: Int) -> UnsafeMutablePointer<Float> { values[plan.homes[index]].pointer }

    func gradient(_ index: Int) -> UnsafeMutablePointer<Float>? {
        index == 0 ? nil : gradients.pointer + plan.offsets[index]
    }
}

extension Graph {
    /// Memory that a training session keeps: values, what operators keep for the way back, gradients, weights and the
    /// optimizer's memories. Workspaces of operators, some layers' worth, come on top.
    ///
    /// - Throws: `NetworkError.shape` naming the operator that does not fit the size.
    package func trainingBytes(batch: Int, extent: Axes, optimizer: Optimizer) throws(NetworkError) -> Int {
        let shapes = try shapes(extent: extent)
        let plan = TrainingMemoryPlan(graph: self, counts: shapes.map { batch * $0.count })
        let saved = nodes.reduce(0) { $0 + $1.operation.savedCount($1.inputs.map { shapes[$0] }, batch: batch) }
        let weights = try parameters().joined().filter(\.isTrained).reduce(0) { $0 + $1.shape.reduce(1, *) }
        let floats =
            plan.valueCounts.reduce(0, +) + plan.gradientCount + saved + weights * (2 + optimizer.memories.count)
        return floats * MemoryLayout<Float>.size
    }
}

/// Rectifiers that lie where their input lay and are done by their neighbours while these have the values at hand: a convolution
/// before them rectifies its result, a normalisation behind them gives the gradient of their input. The values are the same.
struct RectifierFusion {
    /// Slopes for negative values by the node of the convolution, and of the normalisation.
    private(set) var convolutions: [Int: Float] = [:]
    private(set) var normalizations: [Int: Float] = [:]
    /// Rectifiers that are left out on the way forward, and on the way back.
    private(set) var doneForward: Set<Int> = []
    private(set) var doneBackward: Set<Int> = []

    init(_ graph: Graph, _ plan: TrainingMemoryPlan) {
        let outputs = Set(graph.outputs.map(\.value))
        var readers = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() { for input in node.inputs { readers[input].append(index) } }
        for (index, node) in graph.nodes.enumerated() {
            guard let rectifier = node.operation as? any Rectifier, plan.homes[index] != index else { continue }
            let source = node.inputs[0]
            if graph.nodes[source].operation is Convolution {
                convolutions[source] = rectifier.negativeSlope
                doneForward.insert(index)
            }
            if readers[index].count == 1, let reader = readers[index].first, !outputs.contains(index),
                graph.nodes[reader].operation is Normalization
            {
                normalizations[reader] = rectifier.negativeSlope
                doneBackward.insert(index)
            }
        }
    }
}

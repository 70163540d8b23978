/// What a node of a graph computes. Names, arguments and the layout of weights are PyTorch's.
///
/// `forward` and `backward` stand side by side in one file for each operator; Tests/NeuralNetTests compares each
/// with a naive reference, with finite differences and with PyTorch.
package protocol Operator: Sendable {
    /// Shape of the result for inputs of these shapes.
    /// - Throws: `NetworkError.shape` without the operator's name; the graph adds it.
    func shape(of inputs: [FeatureShape]) throws(NetworkError) -> FeatureShape

    /// Trained tensors and running statistics, in the order in which `Pass` has them.
    func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter]

    /// Floats that `forward` leaves for `backward`.
    func savedCount(_ inputs: [FeatureShape], batch: Int) -> Int

    /// Whether the result may lie where the only input lay, because `backward` needs the result alone or neither. Then the
    /// gradient of the input may lie where that of the result lay, too: each of its values depends on the one in its place.
    var worksInPlace: Bool { get }

    /// Whether `backward` reads the result.
    var needsResult: Bool { get }

    /// Writes the result.
    func forward(_ pass: Pass)

    /// Whether `backward` replaces the gradients that `Gradients.isFirst` marks. Others find zeros there, and add.
    var replacesGradients: Bool { get }

    /// Adds to the gradients of parameters and of inputs, but see `replacesGradients`.
    func backward(_ pass: Pass, _ gradients: Gradients)
}

extension Operator {
    package func parameters(of inputs: [FeatureShape], dimensions: Int) -> [Parameter] { [] }
    package func savedCount(_ inputs: [FeatureShape], batch: Int) -> Int { 0 }
    package var worksInPlace: Bool { false }
    package var needsResult: Bool { false }
    package var replacesGradients: Bool { false }
}

/// A tensor that belongs to an operator.
package struct Parameter: Sendable, Hashable {
    package enum Start: Sendable, Hashable {
        case constant(Float)
        /// He et al., ICCV 2015: a normal distribution with variance 2 / fan-in.
        case heNormal(fanIn: Int)
    }

    /// Behind the node's name, for example `weight`.
    package var name: String
    package var shape: [Int]
    package var start: Start
    /// False for running statistics: kept with the weights, not trained.
    package var isTrained = true

    package init(_ name: String, _ shape: [Int], _ start: Start, isTrained: Bool = true) {
        self.name = name
        self.shape = shape
        self.start = start
        self.isTrained = isTrained
    }
}

/// One execution of an operator on a batch. Pointers hold `batch` samples of their shape. It is shared between the
/// threads of an operator, each of which writes a part of its own.
package struct Pass: @unchecked Sendable {
    package enum Mode: Sendable { case inference, training }

    let inputs: [FeatureShape]
    let output: FeatureShape
    let batch: Int
    let threads: Int
    let mode: Mode
    let x: [UnsafePointer<Float>]
    let y: UnsafeMutablePointer<Float>
    /// Trained tensors.
    let weights: [UnsafePointer<Float>]
    /// Running statistics.
    let statistics: [UnsafeMutablePointer<Float>]
    /// `savedCount` floats.
    let saved: UnsafeMutablePointer<Float>
    /// Shared by the operators of a session, which run one after the other.
    var workspace = Workspace()
    /// Slope for negative values that a convolution, in inference a normalisation too, gives its result as it writes it, instead
    /// of the rectifier behind it.
    var rectifierSlope: Float = 1
    /// Decides what dropout drops: the same in the forward and the backward pass of a step.
    var random = RandomSource(seed: 0, stream: 0)
}

/// Where the backward pass of an operator reads and adds; shared like `Pass`.
package struct Gradients: @unchecked Sendable {
    let dY: UnsafePointer<Float>
    /// nil where nobody asks, as for the picture.
    let dX: [UnsafeMutablePointer<Float>?]
    /// By input, whether nothing was added to its gradient so far: an operator that `replacesGradients` writes it, others find
    /// zeros. What lies there may be anything.
    let isFirst: [Bool]
    let weights: [UnsafeMutablePointer<Float>]
    /// Slope for negative inputs of the rectifier before a normalisation, whose gradient is given instead of the input's own.
    var rectifierSlope: Float = 1
}

/// Errors of building and running networks.
package enum NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
    case shape(operation: String, reason: String)
    case missingParameter(String)
    case parameterShape(name: String, expected: [Int], found: [Int])
    case notFinite(step: Int)
    case notFiniteParameter(String)
    case unreadableWeights(reason: String)

    package var description: String {
        switch self {
        case .shape(let operation, let reason): "network operator \(operation): \(reason)"
        case .missingParameter(let name): "the weights have no tensor named \(name)"
        case .parameterShape(let name, let expected, let found):
            "tensor \(name) has shape \(found), the architecture needs \(expected)"
        case .notFinite(let step): "the loss is not a finite number at step \(step): training diverged"
        case .notFiniteParameter(let name): "tensor \(name) has values that are no finite numbers"
        case .unreadableWeights(let reason): "the weights cannot be read: \(reason)"
        }
    }

    static func misfit(_ reason: String) -> NetworkError { .shape(operation: "", reason: reason) }
}

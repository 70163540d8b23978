import NeuralNet
import Platform

/// The U-Net of Ronneberger et al. (MICCAI 2015) as Keras-Unet's `custom_unet` builds it, with all of its options.
/// https://github.com/karolzak/keras-unet
///
/// Per level two 3 x 3 convolutions with ReLU, each followed by batch normalisation (the convolutions are then
/// without bias), dropout between them; max pooling; the same upwards after upsampling and concatenation (upsampled
/// features first, as there); a 1 x 1 head. In three dimensions every kernel has a depth as well.
///
/// Parameters are named `encoder.N.conv1`, `bottleneck.conv1`, `decoder.N.up`, `head` with N the level, 0 at full
/// resolution; batch norms are `...norm1` and `...norm2`, attention gates `decoder.N.gate.skip`, `.below`, `.score`.
package struct CustomUNet: ArchitectureOptions {
    package enum DropoutType: String, NamedChoice, Sendable { case spatial, standard }
    /// `deconv`: transposed convolution of 2 with stride 2; `simple`: nearest-neighbour upsampling by 2.
    package enum Upsampling: String, NamedChoice, Sendable { case deconv, simple }

    /// Features of the first level; each level below has twice as many.
    package var filters: Int
    /// Number of poolings; the picture's sides must be multiples of `2^layers`.
    package var layers: Int
    /// Batch normalisation, which in `custom_unet` stands after the activation.
    package var batchNorm: Bool
    package var dropout: Double
    /// Added to the dropout rate at each level downwards.
    package var dropoutChangePerLayer: Double
    package var dropoutType: DropoutType
    /// Dropout in the decoder too.
    package var dropoutOnUpsampling: Bool
    package var upsampling: Upsampling
    /// Attention gates on the skip connections (Oktay et al., MIDL 2018).
    package var attention: Bool

    package init(
        filters: Int = 16,
        layers: Int = 4,
        batchNorm: Bool = true,
        dropout: Double = 0.3,
        dropoutChangePerLayer: Double = 0,
        dropoutType: DropoutType = .spatial,
        dropoutOnUpsampling: Bool = false,
        upsampling: Upsampling = .deconv,
        attention: Bool = false
    ) {
        self.filters = filters
        self.layers = layers
        self.batchNorm = batchNorm
        self.dropout = dropout
        self.dropoutChangePerLayer = dropoutChangePerLayer
        self.dropoutType = dropoutType
        self.dropoutOnUpsampling = dropoutOnUpsampling
        self.upsampling = upsampling
        self.attention = attention
    }

    /// `attention` may be missing: packages made before there were gates have none.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        filters = try container.decode(Int.self, forKey: .filters)
        layers = try container.decode(Int.self, forKey: .layers)
        batchNorm = try container.decode(Bool.self, forKey: .batchNorm)
        dropout = try container.decode(Double.self, forKey: .dropout)
        dropoutChangePerLayer = try container.decode(Double.self, forKey: .dropoutChangePerLayer)
        dropoutType = try container.decode(DropoutType.self, forKey: .dropoutType)
        dropoutOnUpsampling = try container.decode(Bool.self, forKey: .dropoutOnUpsampling)
        upsampling = try container.decode(Upsampling.self, forKey: .upsampling)
        attention = try container.contains(.attention) && container.decode(Bool.self, forKey: .attention)
    }

    func multiple(dimensions: Int) -> Axes { dimensions == 3 ? .cube(1 << layers) : .plane(1 << layers) }

    func firstProblem(dimensions: Int) -> (String, String)? {
        guard (1...512).contains(filters) else { return ("filters", "1 to 512") }
        guard (1...8).contains(layers) else { return ("layers", "1 to 8") }
        guard dropout >= 0, dropout < 1 else { return ("dropout", "at least 0, below 1") }
        let deepest = dropout + dropoutChangePerLayer * Double(layers)
        guard deepest >= 0, deepest < 1 else {
            return ("dropoutChangePerLayer", "the rate of the lowest level would be \(deepest)")
        }
        return nil
    }

    /// Keras' epsilon, so that imported weights of a `custom_unet` give the same numbers.
    private static let batchNormEpsilon: Float = 1e-3
    /// Weight of a new batch in the running statistics. Keras' 0.01 needs more steps than a small training has.
    private static let batchNormMomentum: Float = 0.05

    func graph(_ shape: NetworkShape) -> Graph {
        var builder = NetworkBuilder(shape)
        var x = builder.graph.input
        var skips: [Graph.Value] = []
        for level in 0..<layers {
            x = addBlock(&builder, x, filters: filters << level, dropout: rate(level), name: "encoder.\(level)")
            skips.append(x)
            x = builder.add(MaxPool(size: builder.axes(2)), x, name: "encoder.\(level).pool")
        }
        x = addBlock(&builder, x, filters: filters << layers, dropout: rate(layers), name: "bottleneck")
        for level in (0..<layers).reversed() {
            let name = "decoder.\(level)"
            let factor = builder.axes(2)
            let up =
                upsampling == .deconv
                ? builder.add(
                    TransposedConvolution(outChannels: filters << level, stride: factor),
                    x,
                    name: name + ".up"
                ) : builder.add(NearestUpsample(factor: factor), x, name: name + ".up")
            let skip = attention ? addGate(&builder, skips[level], below: up, level: level, name: name) : skips[level]
            x = builder.add(Concatenation(), up, skip, name: name + ".concatenation")
            let dropout = dropoutOnUpsampling ? rate(level) : 0
            x = addBlock(&builder, x, filters: filters << level, dropout: dropout, name: name)
        }
        _ = builder.addHead(x)
        return builder.graph
    }

    private func rate(_ level: Int) -> Float { Float(dropout + dropoutChangePerLayer * Double(level)) }

    private func addBlock(
        _ builder: inout NetworkBuilder,
        _ input: Graph.Value,
        filters: Int,
        dropout: Float,
        name: String
    ) -> Graph.Value {
        let convolution = Convolution.same(outChannels: filters, kernel: builder.axes(3), hasBias: !batchNorm)
        var x = input
        for number in 1...2 {
            x = builder.add(convolution, x, name: "\(name).conv\(number)")
            x = builder.add(ReLU(), x, name: "\(name).relu\(number)")
            if batchNorm {
                let norm = Normalization(
                    .batch(momentum: Self.batchNormMomentum),
                    epsilon: Self.batchNormEpsilon
                )
                x = builder.add(norm, x, name: "\(name).norm\(number)")
            }
            if number == 1, dropout > 0 {
                x = builder.add(
                    Dropout(rate: dropout, isSpatial: dropoutType == .spatial),
                    x,
                    name: "\(name).dropout"
                )
            }
        }
        return x
    }

    /// Both inputs to as many channels as the upsampled features have, their rectified sum to one score a place, and
    /// the skip connection weighted with it.
    private func addGate(
        _ builder: inout NetworkBuilder,
        _ skip: Graph.Value,
        below: Graph.Value,
        level: Int,
        name: String
    ) -> Graph.Value {
        // Simple upsampling keeps the channels of the level below.
        let channels = upsampling == .deconv ? filters << level : filters << (level + 1)
        let projection = Convolution(outChannels: channels, kernel: .one)
        let a = builder.add(projection, skip, name: name + ".gate.skip")
        let b = builder.add(projection, below, name: name + ".gate.below")
        let sum = builder.add(Addition(), a, b, name: name + ".gate.sum")
        let active = builder.add(ReLU(), sum, name: name + ".gate.relu")
        let score = builder.add(Convolution(outChannels: 1, kernel: .one), active, name: name + ".gate.score")
        let weight = builder.add(Sigmoid(), score, name: name + ".gate.sigmoid")
        return builder.add(Multiplication(), skip, weight, name: name + ".gate.product")
    }
}

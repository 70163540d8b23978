import NeuralNet

/// The U-Net of Ronneberger et al. (MICCAI 2015) as published and as Keras-Unet's `vanilla_unet` builds it: unpadded
/// convolutions, skip connections cut to the middle, dropout before the lowest level, no normalisation.
///
/// The unpadded network gives back the middle of what it sees. Here its first convolution looks beyond the picture by
/// as much as the others take away, into the lower end of the intensity window, so that every pixel has a score.
package struct VanillaUNet: ArchitectureOptions {
    package var filters: Int
    package var layers: Int
    package var dropout: Double
    /// False gives the bare network, whose result is smaller than its input.
    package var padsInput: Bool

    package init(filters: Int = 64, layers: Int = 4, dropout: Double = 0.5, padsInput: Bool = true) {
        self.filters = filters
        self.layers = layers
        self.dropout = dropout
        self.padsInput = padsInput
    }

    /// `padsInput` is no option of a package: a result must have a score for every pixel.
    private enum CodingKeys: String, CodingKey { case filters, layers, dropout }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        filters = try container.decode(Int.self, forKey: .filters)
        layers = try container.decode(Int.self, forKey: .layers)
        dropout = try container.decode(Double.self, forKey: .dropout)
        padsInput = true
    }

    // An even side leaves the same margin on both sides.
    func multiple(dimensions: Int) -> Axes { .plane(2) }

    func firstProblem(dimensions: Int) -> (String, String)? {
        guard dimensions == 2 else { return ("kind", "vanilla_unet has two dimensions; remove input.patch") }
        guard (1...512).contains(filters) else { return ("filters", "1 to 512") }
        guard (1...6).contains(layers) else { return ("layers", "1 to 6") }
        guard dropout >= 0, dropout < 1 else { return ("dropout", "at least 0, below 1") }
        return nil
    }

    /// Pixels around a side so that every pooling divides evenly and the result covers the side.
    ///
    /// Two convolutions a level take 4 pixels of that level: 12 * 2^layers - 8 in all. A side fits when it is
    /// 2^layers * m + 4 * (2^layers - 1).
    func margin(side: Int) -> Int {
        let scale = 1 << layers
        let rest = 4 * (scale - 1)
        let needed = side + 12 * scale - 8
        return ((needed - rest + scale - 1) / scale * scale + rest - side) / 2
    }

    func graph(_ shape: NetworkShape) -> Graph {
        var builder = NetworkBuilder(shape)
        let margin = Axes(
            depth: 0,
            height: padsInput ? margin(side: shape.extent.height) : 0,
            width: padsInput ? margin(side: shape.extent.width) : 0
        )
        var x = builder.graph.input
        var skips: [Graph.Value] = []
        for level in 0..<layers {
            x = addBlock(
                &builder,
                x,
                filters: filters << level,
                padding: level == 0 ? margin : .zero,
                name: "encoder.\(level)"
            )
            skips.append(x)
            x = builder.add(MaxPool(size: .plane(2)), x, name: "encoder.\(level).pool")
        }
        if dropout > 0 {
            x = builder.add(Dropout(rate: Float(dropout), isSpatial: false), x, name: "bottleneck.dropout")
        }
        x = addBlock(&builder, x, filters: filters << layers, name: "bottleneck")
        for level in (0..<layers).reversed() {
            let name = "decoder.\(level)"
            x = builder.add(
                TransposedConvolution(outChannels: filters << level, stride: .plane(2)),
                x,
                name: name + ".up"
            )
            let skip = builder.add(CentreCrop(), skips[level], x, name: name + ".crop")
            x = builder.add(Concatenation(), x, skip, name: name + ".concatenation")
            x = addBlock(&builder, x, filters: filters << level, name: name)
        }
        if padsInput { x = builder.add(CentreCrop(), x, builder.graph.input, name: "crop") }
        _ = builder.addHead(x)
        return builder.graph
    }

    private func addBlock(
        _ builder: inout NetworkBuilder,
        _ input: Graph.Value,
        filters: Int,
        padding: Axes = .zero,
        name: String
    ) -> Graph.Value {
        var x = input
        for number in 1...2 {
            let convolution = Convolution(
                outChannels: filters,
                kernel: .plane(3),
                padding: number == 1 ? padding : .zero
            )
            x = builder.add(convolution, x, name: "\(name).conv\(number)")
            x = builder.add(ReLU(), x, name: "\(name).relu\(number)")
        }
        return x
    }
}

import NeuralNet
import Platform

/// The residual V-Net of Milletari et al. (3DV 2016): at each level convolutions whose sum with the level's input is
/// rectified (PReLU), strided convolutions downwards, transposed convolutions upwards, skip connections concatenated.
///
/// Level N has 1, 2 and then 3 convolutions, as published. The input of the first level counts for each of its
/// features; with several channels a 1 x 1 convolution brings it to their number.
package struct VNet: ArchitectureOptions {
    package enum Norm: String, NamedChoice, Sendable {
        /// As published.
        case none
        case batch, instance
    }

    package var filters: Int
    /// Number of strided convolutions.
    package var layers: Int
    /// Side of the convolutions; 5 as published.
    package var kernel: Int
    package var norm: Norm

    package init(filters: Int = 16, layers: Int = 4, kernel: Int = 5, norm: Norm = .none) {
        self.filters = filters
        self.layers = layers
        self.kernel = kernel
        self.norm = norm
    }

    func multiple(dimensions: Int) -> Axes { dimensions == 3 ? .cube(1 << layers) : .plane(1 << layers) }

    func firstProblem(dimensions: Int) -> (String, String)? {
        guard (1...256).contains(filters) else { return ("filters", "1 to 256") }
        guard (1...6).contains(layers) else { return ("layers", "1 to 6") }
        guard [3, 5, 7].contains(kernel) else { return ("kernel", "3, 5 or 7") }
        return nil
    }

    private func convolutions(_ level: Int) -> Int { min(level + 1, 3) }

    func graph(_ shape: NetworkShape) -> Graph {
        var builder = NetworkBuilder(shape)
        let two = builder.axes(2)
        var x = builder.graph.input
        var skips: [Graph.Value] = []
        for level in 0...layers {
            let name = "encoder.\(level)"
            let filters = filters << level
            if level > 0 {
                let down = Convolution(outChannels: filters, kernel: two, stride: two)
                x = addActivation(&builder, builder.add(down, x, name: name + ".down"), name: name + ".down")
            } else if shape.inputChannels > 1 {
                x = builder.add(Convolution(outChannels: filters, kernel: .one), x, name: name + ".project")
            }
            x = addResidual(&builder, x, filters: filters, count: convolutions(level), name: name)
            skips.append(x)
        }
        for level in (0..<layers).reversed() {
            let name = "decoder.\(level)"
            let up = TransposedConvolution(outChannels: filters << level, stride: two)
            x = addActivation(&builder, builder.add(up, x, name: name + ".up"), name: name + ".up")
            x = builder.add(Concatenation(), x, skips[level], name: name + ".concatenation")
            x = addResidual(&builder, x, filters: filters << (level + 1), count: convolutions(level), name: name)
        }
        _ = builder.addHead(x)
        return builder.graph
    }

    private func addActivation(_ builder: inout NetworkBuilder, _ x: Graph.Value, name: String) -> Graph.Value {
        builder.add(PReLU(), addNorm(&builder, x, name: name), name: name + ".prelu")
    }

    private func addNorm(_ builder: inout NetworkBuilder, _ x: Graph.Value, name: String) -> Graph.Value {
        switch norm {
        case .none: x
        case .batch: builder.add(Normalization(.batch(momentum: 0.1), epsilon: 1e-5), x, name: name + ".norm")
        case .instance: builder.add(Normalization(.instance, epsilon: 1e-5), x, name: name + ".norm")
        }
    }

    /// Convolutions, the input added to the last, rectified.
    private func addResidual(
        _ builder: inout NetworkBuilder,
        _ input: Graph.Value,
        filters: Int,
        count: Int,
        name: String
    ) -> Graph.Value {
        let convolution = Convolution.same(outChannels: filters, kernel: builder.axes(kernel))
        var x = input
        for number in 1...count {
            x = builder.add(convolution, x, name: "\(name).conv\(number)")
            x = addNorm(&builder, x, name: "\(name).conv\(number)")
            if number == count { x = builder.add(Addition(), x, input, name: name + ".sum") }
            x = builder.add(PReLU(), x, name: "\(name).prelu\(number)")
        }
        return x
    }
}

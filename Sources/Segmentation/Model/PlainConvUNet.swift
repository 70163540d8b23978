import NeuralNet
import Platform

/// The U-Net that nnU-Net plans (Isensee et al., Nature Methods 2021), in two or three dimensions: at each level
/// convolutions with normalisation and leaky ReLU (0.01), the first of a lower level strided; transposed convolutions
/// upwards; skip connections concatenated; deep supervision.
///
/// Parameters are named `encoder.N.conv1`, `encoder.N.norm1`, `decoder.N.up`, `decoder.N.conv1`, `head` with N the
/// level, 0 at full resolution, and `decoder.N.head` for the supervision of lower levels.
package struct PlainConvUNet: ArchitectureOptions {
    package enum Norm: String, NamedChoice, Sendable { case batch, instance, group }

    /// Features of the first level; each level below has twice as many, up to `maximumFilters`.
    package var filters: Int
    package var maximumFilters: Int
    /// Number of strided levels below the first.
    package var layers: Int
    package var convolutionsPerLevel: Int
    package var norm: Norm
    /// Loss on the results of lower decoder levels too: weights 1, 1/2, 1/4 ..., without the lowest, summing to 1.
    package var deepSupervision: Bool
    /// Steps of each strided level, as slices, rows, columns (two dimensions: rows, columns); 2 everywhere when
    /// missing. Thick slices are kept with 1.
    package var strides: [[Int]]?
    /// Kernels of each level from the first, in the same order; 3 everywhere when missing.
    package var kernels: [[Int]]?

    package init(
        filters: Int = 32,
        maximumFilters: Int = 320,
        layers: Int = 4,
        convolutionsPerLevel: Int = 2,
        norm: Norm = .instance,
        deepSupervision: Bool = true,
        strides: [[Int]]? = nil,
        kernels: [[Int]]? = nil
    ) {
        self.filters = filters
        self.maximumFilters = maximumFilters
        self.layers = layers
        self.convolutionsPerLevel = convolutionsPerLevel
        self.norm = norm
        self.deepSupervision = deepSupervision
        self.strides = strides
        self.kernels = kernels
    }

    private func features(_ level: Int) -> Int { min(filters << level, maximumFilters) }

    /// Step into level 1, 2, ...
    private func stride(into level: Int, dimensions: Int) -> Axes {
        strides.map { Axes(spatial: $0[level - 1]) } ?? (dimensions == 3 ? .cube(2) : .plane(2))
    }

    private func kernel(_ level: Int, dimensions: Int) -> Axes {
        kernels.map { Axes(spatial: $0[level]) } ?? (dimensions == 3 ? .cube(3) : .plane(3))
    }

    func multiple(dimensions: Int) -> Axes {
        (1...layers).reduce(.one) { product, level in
            let step = stride(into: level, dimensions: dimensions)
            return Axes(
                depth: product.depth * step.depth,
                height: product.height * step.height,
                width: product.width * step.width
            )
        }
    }

    func firstProblem(dimensions: Int) -> (String, String)? {
        guard (1...512).contains(filters) else { return ("filters", "1 to 512") }
        guard (filters...1024).contains(maximumFilters) else { return ("maximumFilters", "filters to 1024") }
        guard (1...7).contains(layers) else { return ("layers", "1 to 7") }
        guard (1...4).contains(convolutionsPerLevel) else { return ("convolutionsPerLevel", "1 to 4") }
        if let strides {
            guard strides.count == layers, strides.allSatisfy({ $0.count == dimensions }),
                strides.joined().allSatisfy({ (1...4).contains($0) })
            else { return ("strides", "\(layers) lists of \(dimensions) numbers from 1 to 4") }
        }
        if let kernels {
            guard kernels.count == layers + 1, kernels.allSatisfy({ $0.count == dimensions }),
                kernels.joined().allSatisfy({ [1, 3, 5, 7].contains($0) })
            else { return ("kernels", "\(layers + 1) lists of \(dimensions) odd numbers from 1 to 7") }
        }
        if norm == .group, !(0...layers).allSatisfy({ features($0).isMultiple(of: groups($0)) }) {
            return ("filters", "a multiple of 8 on every level for group norm")
        }
        return nil
    }

    private func groups(_ level: Int) -> Int { min(8, features(level)) }

    func graph(_ shape: NetworkShape) -> Graph {
        var builder = NetworkBuilder(shape)
        var x = builder.graph.input
        var skips: [Graph.Value] = []
        for level in 0...layers {
            let step = level == 0 ? .one : stride(into: level, dimensions: shape.dimensions)
            x = addLevel(&builder, x, level, stride: step, name: "encoder.\(level)")
            skips.append(x)
        }
        var heads: [Graph.Value] = []
        for level in (0..<layers).reversed() {
            let name = "decoder.\(level)"
            let step = stride(into: level + 1, dimensions: shape.dimensions)
            x = builder.add(TransposedConvolution(outChannels: features(level), stride: step), x, name: name + ".up")
            x = builder.add(Concatenation(), x, skips[level], name: name + ".concatenation")
            x = addLevel(&builder, x, level, stride: .one, name: name)
            // The lowest decoder level has no loss of its own, as in nnU-Net.
            if deepSupervision, level > 0, level < layers - 1 {
                heads.append(builder.addHead(x, name: name + ".head"))
            }
        }
        builder.graph.setOutput(builder.addHead(x))
        let weights = heads.indices.map { Float(1) / Float(2 << $0) }
        let sum = 1 + weights.reduce(0, +)
        for (head, weight) in zip(heads.reversed(), weights) {
            builder.graph.addAuxiliaryOutput(head, weight: weight / sum)
        }
        return builder.graph
    }

    private func addLevel(
        _ builder: inout NetworkBuilder,
        _ input: Graph.Value,
        _ level: Int,
        stride: Axes,
        name: String
    ) -> Graph.Value {
        var x = input
        for number in 1...convolutionsPerLevel {
            let convolution = Convolution.same(
                outChannels: features(level),
                kernel: kernel(level, dimensions: builder.shape.dimensions),
                stride: number == 1 ? stride : .one
            )
            x = builder.add(convolution, x, name: "\(name).conv\(number)")
            x = builder.add(Normalization(group(level), epsilon: 1e-5), x, name: "\(name).norm\(number)")
            x = builder.add(LeakyReLU(negativeSlope: 0.01), x, name: "\(name).relu\(number)")
        }
        return x
    }

    private func group(_ level: Int) -> Normalization.Group {
        switch norm {
        case .batch: .batch(momentum: 0.1)
        case .instance: .instance
        case .group: .channels(groups: groups(level))
        }
    }
}

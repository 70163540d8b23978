/// A dense array of 32-bit floats, last dimension fastest. Image tensors are N C H W, or N C D H W.
package struct Tensor: Sendable, Equatable {
    package let shape: [Int]
    package var values: [Float]

    /// - Precondition: as many values as the shape has places.
    package init(shape: [Int], values: [Float]) {
        precondition(values.count == shape.reduce(1, *), "values do not fill the shape")
        self.shape = shape
        self.values = values
    }

    package init(shape: [Int], repeating value: Float = 0) {
        self.init(shape: shape, values: Array(repeating: value, count: shape.reduce(1, *)))
    }

    package var count: Int { values.count }
}

/// One number an axis. A network of two dimensions has depth 1 everywhere, so that both kinds are the same code.
package struct Axes: Sendable, Hashable {
    package var depth: Int
    package var height: Int
    package var width: Int

    package init(depth: Int = 1, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    package static let one = Axes(depth: 1, height: 1, width: 1)
    package static let zero = Axes(depth: 0, height: 0, width: 0)

    /// The same number along both axes of a picture; `depth` along the third.
    package static func plane(_ length: Int, depth: Int = 1) -> Axes {
        Axes(depth: depth, height: length, width: length)
    }

    /// The same number along all three axes.
    package static func cube(_ length: Int) -> Axes { Axes(depth: length, height: length, width: length) }

    /// From two or three lengths, width last.
    package init(spatial lengths: [Int]) {
        let all = [Int](repeating: 1, count: max(0, 3 - lengths.count)) + lengths
        self.init(depth: all[0], height: all[1], width: all[2])
    }

    package var count: Int { depth * height * width }

    /// Depth, height, width.
    package var lengths: [Int] { [depth, height, width] }

    func map(_ transform: (Int) -> Int) -> Axes {
        Axes(depth: transform(depth), height: transform(height), width: transform(width))
    }

    func combined(_ other: Axes, _ operation: (Int, Int) -> Int) -> Axes {
        Axes(
            depth: operation(depth, other.depth),
            height: operation(height, other.height),
            width: operation(width, other.width)
        )
    }
}

/// Channels and extent of one sample between two operators; width is fastest, then height, depth, channel.
package struct FeatureShape: Sendable, Hashable {
    package var channels: Int
    package var extent: Axes

    package init(channels: Int, extent: Axes) {
        self.channels = channels
        self.extent = extent
    }

    package init(channels: Int, depth: Int = 1, height: Int, width: Int) {
        self.init(channels: channels, extent: Axes(depth: depth, height: height, width: width))
    }

    package var depth: Int { extent.depth }
    package var height: Int { extent.height }
    package var width: Int { extent.width }
    /// Places of one channel.
    package var plane: Int { extent.count }
    package var count: Int { channels * plane }

    /// Shape of a tensor of `batch` samples in a network of two or three dimensions.
    package func tensorShape(batch: Int, dimensions: Int) -> [Int] {
        [batch, channels] + extent.lengths.suffix(dimensions)
    }
}

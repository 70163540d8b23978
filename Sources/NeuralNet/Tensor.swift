/// A dense array of 32-bit floats, last dimension fastest. Image tensors are N C H W.
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

/// Channels, rows and columns of one sample between two operators.
package struct FeatureShape: Sendable, Hashable {
    package var channels: Int
    package var height: Int
    package var width: Int

    package init(channels: Int, height: Int, width: Int) {
        self.channels = channels
        self.height = height
        self.width = width
    }

    package var plane: Int { height * width }
    package var count: Int { channels * plane }
}

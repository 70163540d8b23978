import Glibc
import NeuralNet

/// A 3 x 3 convolution with random numbers, its answer by nested loops in double precision, and its input in channel
/// blocks.
struct ConvolutionData {
    let channels: [Int]
    let outChannels: Int
    let height: Int
    let width: Int
    let batch: Int
    /// N C H W, one array a source.
    let sources: [[Float]]
    let weight: [Float]
    let bias: [Float]
    let scale: [Float]
    let shift: [Float]

    init(_ channels: [Int], _ outChannels: Int, _ height: Int, _ width: Int, _ batch: Int) {
        self.channels = channels
        self.outChannels = outChannels
        self.height = height
        self.width = width
        self.batch = batch
        func numbers(_ stream: Int, _ count: Int) -> [Float] {
            let random = RandomSource(seed: 11, stream: UInt64(stream))
            return (0..<count).map { Float(random.normal($0)) }
        }
        sources = channels.enumerated().map { numbers($0, batch * $1 * height * width) }
        weight = numbers(100, outChannels * channels.reduce(0, +) * 9)
        bias = numbers(101, outChannels)
        scale = numbers(102, outChannels)
        shift = numbers(103, outChannels)
    }

    /// Convolution, bias, leaky ReLU, scale and shift; N C H W.
    func expected(slope: Double) -> [Double] {
        var result: [Double] = []
        for n in 0..<batch {
            for out in 0..<outChannels {
                for row in 0..<height {
                    for column in 0..<width {
                        let sum = sum(n, out, row, column) + Double(bias[out])
                        let active = sum > 0 ? sum : slope * sum
                        result.append(active * Double(scale[out]) + Double(shift[out]))
                    }
                }
            }
        }
        return result
    }

    private func sum(_ n: Int, _ out: Int, _ row: Int, _ column: Int) -> Double {
        var sum = 0.0
        var channel = out * channels.reduce(0, +)
        for (source, count) in zip(sources, channels) {
            for c in 0..<count {
                for tap in 0..<9 {
                    let (r, q) = (row + tap / 3 - 1, column + tap % 3 - 1)
                    guard r >= 0, r < height, q >= 0, q < width else { continue }
                    sum +=
                        Double(weight[channel * 9 + tap])
                        * Double(source[((n * count + c) * height + r) * width + q])
                }
                channel += 1
            }
        }
        return sum
    }

    /// A source in channel blocks.
    func blockedSource(_ index: Int) -> [Float] {
        let count = channels[index]
        let blocks = ChannelBlocks.blocks(of: count)
        var result = [Float](repeating: 0, count: batch * blocks * 8 * height * width)
        for n in 0..<batch {
            for c in 0..<count {
                for place in 0..<height * width {
                    result[((n * blocks + c / 8) * height * width + place) * 8 + c % 8] =
                        sources[index][(n * count + c) * height * width + place]
                }
            }
        }
        return result
    }
}

/// Channel blocks as N C H W.
func unblocked(_ memory: borrowing Scratch, _ shape: FeatureShape, _ batch: Int) -> [Float] {
    let blocks = ChannelBlocks.blocks(of: shape.channels)
    var result: [Float] = []
    for n in 0..<batch {
        for c in 0..<shape.channels {
            for place in 0..<shape.plane {
                result.append(memory.pointer[((n * blocks + c / 8) * shape.plane + place) * 8 + c % 8])
            }
        }
    }
    return result
}

/// The largest of two by two places, N C H W.
func maxPooled(_ values: [Double], _ shape: FeatureShape, _ batch: Int) -> [Double] {
    var result: [Double] = []
    for plane in 0..<batch * shape.channels {
        for row in stride(from: 0, to: shape.height, by: 2) {
            for column in stride(from: 0, to: shape.width, by: 2) {
                let corner = (plane * shape.height + row) * shape.width + column
                result.append(
                    max(
                        max(values[corner], values[corner + 1]),
                        max(values[corner + shape.width], values[corner + shape.width + 1])
                    )
                )
            }
        }
    }
    return result
}

extension [Float] {
    /// The largest difference over the largest expected value.
    func relativeError(_ expected: [Double]) -> Double {
        guard count == expected.count else { return .infinity }
        let largest = expected.reduce(0) { Swift.max($0, abs($1)) }
        return zip(self, expected).reduce(0) { Swift.max($0, abs(Double($1.0) - $1.1)) } / largest
    }
}

/// e^x in double precision, from the C library.
func exactExponential(_ x: Double) -> Double { exp(x) }

/// A U-Net with batch norms after the activation.
func unet(filters: Int, layers: Int, deconv: Bool, outputs: Int) -> Graph {
    var graph = Graph(inputChannels: 3)
    func block(_ x: Graph.Value, _ filters: Int, _ name: String) -> Graph.Value {
        var x = x
        for number in 1...2 {
            let convolution = Convolution(outChannels: filters, kernel: 3, padding: 1, hasBias: false)
            x = graph.add(convolution, x, name: "\(name).conv\(number)")
            x = graph.add(ReLU(), x, name: "\(name).relu\(number)")
            x = graph.add(Normalization(.batch(momentum: 0.1), epsilon: 1e-3), x, name: "\(name).norm\(number)")
        }
        return x
    }
    var x = graph.input
    var skips: [Graph.Value] = []
    for level in 0..<layers {
        x = block(x, filters << level, "encoder.\(level)")
        skips.append(x)
        x = graph.add(MaxPool(size: .plane(2)), x, name: "pool\(level)")
    }
    x = block(x, filters << layers, "bottleneck")
    for level in (0..<layers).reversed() {
        let name = "up\(level)"
        x =
            deconv
            ? graph.add(TransposedConvolution(outChannels: filters << level, stride: .plane(2)), x, name: name)
            : graph.add(NearestUpsample(factor: .plane(2)), x, name: name)
        x = graph.add(Concatenation(), [x, skips[level]], name: "concat\(level)")
        x = block(x, filters << level, "decoder.\(level)")
    }
    x = graph.add(Convolution(outChannels: outputs, kernel: 1), x, name: "head")
    _ = outputs > 1 ? graph.add(Softmax(), x, name: "output") : graph.add(Sigmoid(), x, name: "output")
    return graph
}

/// Statistics as after training: none of them 0 or 1.
func randomiseNorms(_ network: inout Network) {
    let random = RandomSource(seed: 77, stream: 2)
    var position = 0
    for name in network.tensors.keys.sorted() where name.contains("norm") {
        let isVariance = name.hasSuffix("running_var")
        let count = network.tensors[name]!.count
        let values = (position..<position + count).map { n in
            isVariance
                ? Float(0.5 + random.uniform(n)) : Float(0.3 * random.normal(n)) + (name.hasSuffix("weight") ? 1 : 0)
        }
        position += count
        if network.parameters[name] != nil {
            network.parameters[name]?.values = values
        } else {
            network.buffers[name]?.values = values
        }
    }
}

import Platform

/// The last 1 x 1 convolution with its activation: from channel blocks to N C H W.
struct BlockedHead: Sendable {
    enum Activation: Sendable { case none, sigmoid, softmax }

    let inBlocks: Int
    let outChannels: Int
    let plane: Int
    let batch: Int
    let activation: Activation

    private var depth: Int { inBlocks * ChannelBlocks.width }

    /// Weights [out][in], each row filled up to whole blocks.
    static func packed(_ weight: [Float], inChannels: Int, outChannels: Int) -> [Float] {
        let depth = ChannelBlocks.blocks(of: inChannels) * ChannelBlocks.width
        var result = [Float](repeating: 0, count: outChannels * depth)
        for out in 0..<outChannels {
            for channel in 0..<inChannels { result[out * depth + channel] = weight[out * inChannels + channel] }
        }
        return result
    }

    /// Places that are worked on together: their logits, 1 KiB a class, stay in the first-level cache until they are activated.
    private static let chunk = 256

    func forward(
        _ source: UnsafePointer<Float>,
        weights: UnsafePointer<Float>,
        bias: [Float],
        _ target: UnsafeMutablePointer<Float>,
        threads: Int
    ) {
        nonisolated(unsafe) let (source, weights, target) = (source, weights, target)
        let chunks = (plane + BlockedHead.chunk - 1) / BlockedHead.chunk
        parallelFor(batch * chunks, threads: threads, rangesPerThread: rangesPerThread) { range in
            let logits = Scratch(count: outChannels * BlockedHead.chunk)
            for item in range {
                let sample = item / chunks
                let start = item % chunks * BlockedHead.chunk
                let count = min(BlockedHead.chunk, plane - start)
                let x = source + (sample * inBlocks * plane + start) * ChannelBlocks.width
                for out in 0..<outChannels {
                    sum(x, weights + out * depth, bias[out], logits.pointer + out * BlockedHead.chunk, count: count)
                }
                activate(logits.pointer)
                for out in 0..<outChannels {
                    (target + (sample * outChannels + out) * plane + start)
                        .update(from: logits.pointer + out * BlockedHead.chunk, count: count)
                }
            }
        }
    }

    @inline(__always)
    private func sum(
        _ x: UnsafePointer<Float>,
        _ weights: UnsafePointer<Float>,
        _ bias: Float,
        _ logits: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        for place in 0..<count {
            var sum = SIMD8<Float>()
            for block in 0..<inBlocks {
                sum.addProduct(
                    load8(x + (block * plane + place) * ChannelBlocks.width),
                    load8(weights + block * ChannelBlocks.width)
                )
            }
            logits[place] = sum.sum() + bias
        }
    }

    private func activate(_ logits: UnsafeMutablePointer<Float>) {
        let chunk = BlockedHead.chunk
        switch activation {
        case .none: break
        case .sigmoid:
            for n in stride(from: 0, to: outChannels * chunk, by: 8) {
                store8(1 / (1 + exponential(-load8(logits + n))), logits + n)
            }
        case .softmax:
            for n in stride(from: 0, to: chunk, by: 8) {
                var largest = load8(logits + n)
                for out in 1..<max(1, outChannels) { largest = maximum(largest, load8(logits + out * chunk + n)) }
                var sum = SIMD8<Float>()
                for out in 0..<outChannels {
                    let value = exponential(load8(logits + out * chunk + n) - largest)
                    store8(value, logits + out * chunk + n)
                    sum += value
                }
                for out in 0..<outChannels {
                    store8(load8(logits + out * chunk + n) / sum, logits + out * chunk + n)
                }
            }
        }
    }
}

/// e^x of eight numbers within two units in the last place: e^x = 2^n e^r with |r| <= ln 2 / 2 and a polynomial for
/// e^r (Moshier, Cephes, expf). Limits keep the result a normal number: beyond them it stays at about 1e-38 or 2e38.
@inline(__always)
package func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
    typealias Vector = SIMD8<Float>
    let x = maximum(minimum(x, Vector(repeating: 88)), Vector(repeating: -87.3))
    // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits.
    let magic = Vector(repeating: 12_582_912)
    let shifted = magic.addingProduct(x, Vector(repeating: 1.442_695_04))
    let n = shifted - magic
    // ln 2 in two parts, the first with few digits, so that the products are exact.
    let r = x.addingProduct(n, Vector(repeating: -0.693_359_375)).addingProduct(n, Vector(repeating: 2.121_944_4e-4))
    var p = Vector(repeating: 1.987_569_1e-4)
    for c: Float in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = Vector(repeating: c).addingProduct(p, r)
    }
    let e = (r + 1).addingProduct(p, r * r)
    let power = (unsafeBitCast(shifted, to: SIMD8<Int32>.self) &+ 127) &<< 23
    return e * unsafeBitCast(power, to: Vector.self)
}

import Platform

/// Memory of one value for the life of a session, with room behind it for whole vectors.
final class ValueMemory {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        pointer = alignedFloats(count + 32)
    }

    convenience init(copying values: [Float]) {
        self.init(count: values.count)
        copy(values)
    }

    deinit { pointer.deallocate() }

    var array: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    func reset() { pointer.update(repeating: 0, count: count) }

    func copy(_ values: [Float]) { pointer.update(from: values, count: count) }
}

/// Memory that operators work in, one after the other. It grows to the largest wish and is kept: asking the system for
/// it anew in every step would cost as much as a layer. Not zero at first. One owner at a time.
package final class Workspace {
    /// What a region is for; an operator that uses two of them has both.
    package enum Region: Int, CaseIterable { case input, output, weights, sums }

    private var regions = Region.allCases.map { _ in ValueMemory(count: 0) }

    package init() {}

    func floats(_ count: Int, for region: Region) -> UnsafeMutablePointer<Float> {
        if regions[region.rawValue].count < count { regions[region.rawValue] = ValueMemory(count: count) }
        return regions[region.rawValue].pointer
    }
}

/// Values that are worth a second thread: 64 KiB, some microseconds of work, as long as it takes to wake one.
let fewestSharedValues = 16_384

/// Cuts long arrays over threads; short ones are not worth it.
func forEachRange(_ count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
    parallelFor(count, threads: count < fewestSharedValues ? 1 : threads, body)
}

/// Pieces that a batch is cut into at least where sums are made piece by piece and then added in their order. The result
/// depends on their number, so that is the same on any number of threads: enough for eight.
let fewestPieces = 8

/// Pieces of each sample.
func pieces(ofSampleIn batch: Int) -> Int { max(1, fewestPieces / batch) }

/// y = x
func copyValues(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int, threads: Int) {
    nonisolated(unsafe) let (x, y) = (x, y)
    forEachRange(count, threads: threads) { range in
        (y + range.lowerBound).update(from: x + range.lowerBound, count: range.count)
    }
}

/// y = 0
func clearValues(_ y: UnsafeMutablePointer<Float>, count: Int, threads: Int) {
    nonisolated(unsafe) let y = y
    forEachRange(count, threads: threads) { range in
        (y + range.lowerBound).update(repeating: 0, count: range.count)
    }
}

/// y += x
func addValues(_ x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int, threads: Int) {
    nonisolated(unsafe) let (x, y) = (x, y)
    forEachRange(count, threads: threads) { range in
        for n in range { y[n] += x[n] }
    }
}

/// Adds the parts of a sum in their order, so that the number of threads does not matter.
func addInOrder(_ parts: UnsafePointer<Float>, parts count: Int, size: Int, to total: UnsafeMutablePointer<Float>) {
    for part in 0..<count {
        for n in 0..<size { total[n] += parts[part * size + n] }
    }
}

/// For sums of single precision vectors: in chunks of 1024, so that no lane runs over more than 128 terms.
@inline(__always)
func forEachChunk(_ count: Int, _ body: (_ start: Int, _ vectors: Int, _ tail: Range<Int>) -> Void) {
    var start = 0
    while start < count {
        let end = min(count, start + 1024)
        let vectors = (end - start) / 8
        body(start, vectors, start + 8 * vectors..<end)
        start = end
    }
}

@inline(__always)
func chunkedSum(_ count: Int, _ part: (_ start: Int, _ vectors: Int, _ tail: Range<Int>) -> Double) -> Double {
    var total = 0.0
    forEachChunk(count) { start, vectors, tail in total += part(start, vectors, tail) }
    return total
}

func sum(_ x: UnsafePointer<Float>, count: Int) -> Double {
    chunkedSum(count) { start, vectors, tail in
        var lanes = SIMD8<Float>()
        for v in 0..<vectors { lanes += load8(x + start + 8 * v) }
        return Double(lanes.sum()) + tail.reduce(0) { $0 + Double(x[$1]) }
    }
}

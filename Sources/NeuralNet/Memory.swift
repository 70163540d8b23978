import Platform

/// Memory of one value for the life of a session, with room behind it for whole vectors.
final class ValueMemory {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = count
        pointer = .allocate(capacity: count + 32)
        pointer.initialize(repeating: 0, count: count + 32)
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

/// Memory of one thread for the length of one parallel region.
struct Scratch: ~Copyable {
    let pointer: UnsafeMutablePointer<Float>

    init(count: Int) {
        pointer = .allocate(capacity: count + 32)
        pointer.initialize(repeating: 0, count: count + 32)
    }

    deinit { pointer.deallocate() }
}

/// Gives values that live at the same time different places in one block of memory.
struct MemoryPlan: Sendable {
    /// First float of each value; those without a life have 0.
    let offsets: [Int]
    let total: Int

    /// First fit, the largest first: a value takes the lowest gap that no value alive at the same time overlaps.
    ///
    /// - Parameters:
    ///   - lives: first and last moment at which each value is read or written; nil when it never is.
    ///   - counts: floats of each value.
    init(lives: [ClosedRange<Int>?], counts: [Int]) {
        var offsets = [Int](repeating: 0, count: counts.count)
        var placed: [(life: ClosedRange<Int>, range: Range<Int>)] = []
        for value in counts.indices.sorted(by: { (counts[$0], $1) > (counts[$1], $0) }) {
            guard let life = lives[value] else { continue }
            let taken = placed.filter { $0.life.overlaps(life) }.map(\.range)
                .sorted { $0.lowerBound < $1.lowerBound }
            // Kernels may read one vector past a plane: keep values a cache line apart.
            let length = (counts[value] + 15) & ~15
            var offset = 0
            for range in taken where offset + length > range.lowerBound { offset = max(offset, range.upperBound) }
            offsets[value] = offset
            placed.append((life, offset..<offset + length))
        }
        self.offsets = offsets
        total = placed.map(\.range.upperBound).max() ?? 0
    }
}

/// Cuts long arrays over threads; short ones are not worth it.
func forEachRange(_ count: Int, threads: Int, _ body: @Sendable (Range<Int>) -> Void) {
    parallelFor(count, threads: count < 16384 ? 1 : threads, body)
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

@inline(__always)
func load8(_ pointer: UnsafePointer<Float>) -> SIMD8<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD8<Float>.self)
}

@inline(__always)
func store8(_ value: SIMD8<Float>, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: SIMD8<Float>.self)
}

@inline(__always)
func storeUpTo8(_ value: SIMD8<Float>, _ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
    if count >= 8 {
        store8(value, pointer)
    } else {
        for lane in 0..<count { pointer[lane] = value[lane] }
    }
}

/// Sums of single precision vectors in chunks of 1024, so that no lane runs over more than 128 terms.
@inline(__always)
func chunkedSum(_ count: Int, _ part: (_ start: Int, _ vectors: Int, _ tail: Range<Int>) -> Double) -> Double {
    var total = 0.0
    var start = 0
    while start < count {
        let end = min(count, start + 1024)
        let vectors = (end - start) / 8
        total += part(start, vectors, start + 8 * vectors..<end)
        start = end
    }
    return total
}

func sum(_ x: UnsafePointer<Float>, count: Int) -> Double {
    chunkedSum(count) { start, vectors, tail in
        var lanes = SIMD8<Float>()
        for v in 0..<vectors { lanes += load8(x + start + 8 * v) }
        return Double(lanes.sum()) + tail.reduce(0) { $0 + Double(x[$1]) }
    }
}

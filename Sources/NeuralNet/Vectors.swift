import Platform

// Vectors of eight floats, one register of AVX2, and the memory that kernels work in.

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

/// Eight pairs of neighbours: the first of each, and the second.
@inline(__always)
func load8Pairs(_ pointer: UnsafePointer<Float>) -> (SIMD8<Float>, SIMD8<Float>) {
    let (a, b) = (load8(pointer), load8(pointer + 8))
    return (
        SIMD8(a[0], a[2], a[4], a[6], b[0], b[2], b[4], b[6]),
        SIMD8(a[1], a[3], a[5], a[7], b[1], b[3], b[5], b[7])
    )
}

/// The way back.
@inline(__always)
func store8Pairs(_ first: SIMD8<Float>, _ second: SIMD8<Float>, _ pointer: UnsafeMutablePointer<Float>) {
    let (a, b) = (first, second)
    store8(SIMD8(a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]), pointer)
    store8(SIMD8(a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]), pointer + 8)
}

/// The larger of each pair: one instruction, where the standard library's `pointwiseMax` goes lane by lane. A NaN in
/// `a` stays.
@inline(__always)
func maximum(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> SIMD8<Float> { a.replacing(with: b, where: b .> a) }

/// The smaller of each pair. A NaN in `a` stays.
@inline(__always)
func minimum(_ a: SIMD8<Float>, _ b: SIMD8<Float>) -> SIMD8<Float> { a.replacing(with: b, where: b .< a) }

/// Memory for the length of one scope, zero at first, on a cache line. It lives to the end of the scope, as values
/// that cannot be copied do; an object could be gone after its last mention.
package struct Scratch: ~Copyable {
    package let pointer: UnsafeMutablePointer<Float>

    package init(count: Int) {
        pointer = alignedFloats(count + 32)
    }

    /// Not zero at first, for what is written before it is read.
    init(uninitialized count: Int) {
        pointer = unwrittenFloats(count + 32)
    }

    package init(_ values: [Float]) {
        self.init(count: values.count)
        values.withUnsafeBufferPointer { pointer.update(from: $0.baseAddress!, count: values.count) }
    }

    deinit { pointer.deallocate() }
}

/// Zeros from a cache line on: vectors never straddle two lines.
func alignedFloats(_ count: Int) -> UnsafeMutablePointer<Float> {
    let pointer = unwrittenFloats(count)
    pointer.initialize(repeating: 0, count: count)
    return pointer
}

/// Large arrays lie in large pages: the planes of a layer lie far apart, and walking through many of them at once needs more
/// small pages than the processor keeps the places of.
private func unwrittenFloats(_ count: Int) -> UnsafeMutablePointer<Float> {
    let (bytes, largePage) = (count * MemoryLayout<Float>.stride, 2 << 20)
    let isLarge = bytes >= 2 * largePage
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: isLarge ? largePage : 64)
    if isLarge { preferLargePages(UnsafeMutableRawBufferPointer(start: memory, count: bytes)) }
    return memory.bindMemory(to: Float.self, capacity: count)
}

import Glibc
import Platform

/// The values of a volume, one after the other: in memory of their own, or in a mapped file, of which only a part need be
/// resident (`VolumeMemory`). A copy shares them until one of the two is changed.
///
/// It is public, though no product offers it: the compiler specialises a collection of another module only if its conformance
/// is, and a `package` one took a hundred times as long (Swift 6.3).
public struct Voxels<Element: BitwiseCopyable & Sendable>: RandomAccessCollection, MutableCollection,
    @unchecked Sendable
{
    @usableFromInline var memory: VoxelBlock<Element>
    @usableFromInline var base: UnsafeMutablePointer<Element>
    /// Values, all of the volume's.
    public let count: Int

    /// The first value's place.
    @inlinable public var startIndex: Int { 0 }
    /// The place behind the last value.
    @inlinable public var endIndex: Int { count }

    /// The value at `i + ni * (j + nj * k)`.
    ///
    /// - Precondition: the place is one of the volume's.
    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < count, "voxel outside of the volume")
            // The pointer does not hold the memory, which must not go with its last use before this one.
            defer { _fixLifetime(memory) }
            return base[index]
        }
        @inline(__always) set {
            precondition(index >= 0 && index < count, "voxel outside of the volume")
            makeUnique()
            defer { _fixLifetime(memory) }
            base[index] = newValue
        }
    }

    @usableFromInline init(_ memory: VoxelBlock<Element>) {
        self.memory = memory
        base = memory.elements.baseAddress!
        count = memory.elements.count
    }

    /// Memory that `fill` initialises wholly.
    package init<Failure: Error>(
        count: Int,
        filledBy fill: (UnsafeMutableBufferPointer<Element>) throws(Failure) -> Void
    ) throws(Failure) {
        let memory = VoxelBlock<Element>(count: count)
        try fill(memory.elements)
        self.init(memory)
    }

    package init(repeating element: Element, count: Int) {
        // Zeros come from the kernel, page by page, to the thread that first writes there.
        if Swift.withUnsafeBytes(of: element, { $0.allSatisfy { $0 == 0 } }) {
            self.init(VoxelBlock(zeros: count))
        } else {
            self.init(count: count) { $0.initialize(repeating: element) }
        }
    }

    package init(_ array: [Element]) {
        self.init(count: array.count) { _ = $0.initialize(from: array) }
    }

    /// Values of a file that was mapped.
    init(_ file: MappedFile) { self.init(VoxelBlock(file)) }

    /// Gives this copy memory of its own before it is changed.
    @inlinable @inline(__always)
    mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&memory) || !memory.isWritable { copy() }
    }

    @usableFromInline
    mutating func copy() {
        let own = VoxelBlock<Element>(count: count)
        // As this is about to be replaced, its last use would else be the look at where its elements lie.
        let former = memory
        _ = own.elements.initialize(from: UnsafeBufferPointer(former.elements))
        self = Voxels(own)
        _fixLifetime(former)
    }

    @inlinable
    package func withUnsafeBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { _fixLifetime(memory) }
        return try body(UnsafeBufferPointer(start: base, count: count))
    }

    @inlinable
    package mutating func withUnsafeMutableBufferPointer<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        makeUnique()
        defer { _fixLifetime(memory) }
        return try body(UnsafeMutableBufferPointer(start: base, count: count))
    }

    /// Always called: the values lie one after the other.
    @inlinable
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<Element>) throws -> Result
    ) rethrows -> Result? {
        defer { _fixLifetime(memory) }
        return try body(UnsafeBufferPointer(start: base, count: count))
    }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withUnsafeBufferPointer { try body(UnsafeRawBufferPointer($0)) }
    }

    /// The pages of the file, for work on it by pointer.
    package var pages: VoxelPages<Element> { VoxelPages(file: memory.file) }

    /// Counts values that were read or written, so that pages of a file are given back; nothing for memory of its own.
    package func touched(_ count: Int) { pages.touched(count) }

    /// Gives back all pages of a file.
    package func release() { memory.file?.release() }
}

/// The pages of voxels in a file; of voxels in ordinary memory nothing is given back.
package struct VoxelPages<Element>: Sendable {
    fileprivate let file: MappedFile?

    /// Counts values that were read or written.
    package func touched(_ count: Int) { file?.touched(count * MemoryLayout<Element>.stride) }

    package func release() { file?.release() }
}

extension Voxels: Equatable where Element: Equatable {
    /// The same values in the same order.
    public static func == (a: Voxels, b: Voxels) -> Bool { a.elementsEqual(b) }
    package static func == (a: Voxels, b: [Element]) -> Bool { a.elementsEqual(b) }
}

/// Memory of elements, freed with its last user.
@usableFromInline
final class VoxelBlock<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    @usableFromInline let elements: UnsafeMutableBufferPointer<Element>
    @usableFromInline let isWritable: Bool
    let file: MappedFile?

    /// Uninitialised.
    convenience init(count: Int) { self.init(owning: malloc(max(1, count * MemoryLayout<Element>.stride)), count) }

    convenience init(zeros count: Int) { self.init(owning: calloc(max(1, count), MemoryLayout<Element>.stride), count) }

    private init(owning memory: UnsafeMutableRawPointer?, _ count: Int) {
        guard let memory else { fatalError("out of memory") }
        elements = UnsafeMutableBufferPointer(start: memory.bindMemory(to: Element.self, capacity: count), count: count)
        isWritable = true
        file = nil
    }

    init(_ file: MappedFile) {
        self.file = file
        isWritable = file.isWritable
        elements = file.bytes.bindMemory(to: Element.self)
    }

    deinit {
        if file == nil { free(elements.baseAddress) }
    }
}

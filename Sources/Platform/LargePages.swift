import Glibc

/// Asks the kernel to lay memory that was not touched yet in pages of 2 MiB instead of 4 KiB: of a large array every first
/// touch of a page is an interruption, and these cost more than many a pass over it. What the kernel cannot do it leaves,
/// and nothing else changes (madvise(2), MADV_HUGEPAGE).
package func preferLargePages(_ memory: UnsafeMutableRawBufferPointer) {
    let size = 2 << 20
    guard let base = memory.baseAddress else { return }
    // Whole large pages alone: what lies beside the array belongs to others.
    let first = base.alignedUp(toMultipleOf: size)
    let count = (base + memory.count).alignedDown(toMultipleOf: size) - first
    if count > 0 { madvise(first, count, MADV_HUGEPAGE) }
}

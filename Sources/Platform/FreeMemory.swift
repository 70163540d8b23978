import Glibc

/// Gives memory that was freed back to the system; the allocator keeps it otherwise, for work that may not come.
package func releaseFreeMemory() { _ = trim?(0) }

/// malloc_trim(3), which Glibc's module leaves out; nil with another C library.
private let trim = dlsym(nil, "malloc_trim").map { unsafeBitCast($0, to: (@convention(c) (Int) -> Int32).self) }

import Glibc

/// What the processor can do.
package enum CPUFeatures {
    /// The network's kernels are compiled for AVX2 and FMA; without them they would stop at an illegal instruction.
    package static var hasAVX2AndFMA: Bool {
        guard let text = flags() else { return false }
        return text.contains("avx2") && text.contains("fma")
    }

    /// The flags of the first processor, from /proc/cpuinfo; the kernel lists only what it enabled.
    private static func flags() -> Set<Substring>? {
        guard let file = fopen("/proc/cpuinfo", "re") else { return nil }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let start = line {
            let text = String(cString: start)
            if text.hasPrefix("flags") { return Set(text.split(whereSeparator: { $0 == " " || $0 == "\n" })) }
        }
        return nil
    }
}

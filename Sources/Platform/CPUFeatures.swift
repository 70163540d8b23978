internal import CLinux
import Glibc

/// What the processor can do.
package enum CPUFeatures {
    /// The network's kernels are compiled for AVX2 and FMA; without them they would stop at an illegal instruction.
    /// Asked of the processor itself: under an emulator /proc/cpuinfo tells of the machine below.
    package static var hasAVX2AndFMA: Bool { linux_cpu_has_avx2_and_fma() != 0 }

    /// Ends a program with status 69 (`EX_UNAVAILABLE`, sysexits.h) and a text on standard error where they are missing.
    /// To be called before anything else.
    package static func require() {
        guard !hasAVX2AndFMA else { return }
        let text = "contourd needs a processor with AVX2 and FMA (Intel Haswell or AMD Excavator, or later).\n"
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(69)
    }
}

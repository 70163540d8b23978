internal import CLinux

/// What the processor can do.
package enum CPUFeatures {
    /// The network's kernels are compiled for AVX2 and FMA; without them they would stop at an illegal instruction.
    /// Asked of the processor itself: under an emulator /proc/cpuinfo tells of the machine below.
    package static var hasAVX2AndFMA: Bool { linux_cpu_has_avx2_and_fma() != 0 }
}

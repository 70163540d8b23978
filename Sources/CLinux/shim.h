// Linux calls that Swift's Glibc module leaves out.
#pragma once
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// pipe2(2) hides behind _GNU_SOURCE, which a module cannot set for itself.
static inline int linux_pipe_cloexec(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

// fcntl(2) is variadic, and F_SETLEASE hides likewise.
static inline int linux_take_read_lease(int file) { return fcntl(file, 1024, F_RDLCK); }
static inline int linux_return_lease(int file) { return fcntl(file, 1024, F_UNLCK); }

// prctl(2) with PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL.
static inline int linux_clear_ambient_capabilities(void) { return prctl(47, 4, 0, 0, 0); }

// CPUID, and whether the kernel keeps the wide registers (XGETBV).
static inline int linux_cpu_has_avx2_and_fma(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// Whether everything that was printed has reached its place; stdout is a variable that Swift does not let us touch.
static inline int linux_is_output_complete(void) {
    const int failed = ferror(stdout);
    return fflush(stdout) == 0 && !failed;
}

// The mount that a path lies on (statx(2)); 0 where the kernel does not tell, -1 with errno. glibc has it with _GNU_SOURCE only.
static inline long long linux_mount_id(const char *path) {
    struct statx status;
    if (syscall(SYS_statx, AT_FDCWD, path, 0, STATX_MNT_ID, &status) != 0) return -1;
    return status.stx_mask & STATX_MNT_ID ? (long long)status.stx_mnt_id : 0;
}

// Tells the processor that a loop only waits.
static inline void linux_pause(void) { __builtin_ia32_pause(); }

static inline int linux_thread(void) { return (int)syscall(SYS_gettid); }

// The processor that the calling thread is on; -1 where the kernel does not tell.
static inline int linux_processor(void) {
    unsigned processor = 0;
    return syscall(SYS_getcpu, &processor, NULL, NULL) == 0 ? (int)processor : -1;
}

// Lets a thread of this process run wherever the caller may (sched_setaffinity(2)), but for one processor. Does nothing
// where none would be left, or where a sandbox forbids it.
static inline void linux_keep_off_processor(int thread, int processor) {
    enum { bits = 8 * sizeof(unsigned long) };
    unsigned long allowed[8192 / bits];
    const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof allowed, allowed);
    if (bytes <= 0 || processor < 0 || processor >= 8 * bytes) return;
    allowed[processor / bits] &= ~(1UL << processor % bits);
    syscall(SYS_sched_setaffinity, thread, bytes, allowed);
}

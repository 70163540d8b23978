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

// Linux calls that Swift's Glibc module leaves out.
#pragma once
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

// pipe2(2) hides behind _GNU_SOURCE, which a module cannot set for itself.
static inline int linux_pipe_cloexec(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

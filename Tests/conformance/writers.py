#!/usr/bin/env python
"""A program that goes on writing to a file after contourd has taken it by a rename, where the kernel does not tell who has
a file open (contourd runs on a library that denies it leases, as for files of others without CAP_LEASE). Whatever moment
it writes at, nothing is contoured with half of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import product
from checks import Checks
from shares import Service, compiler, series

DENIED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

static int pass(const char *name, int file, int command, void *argument) {
    int (*next)(int, int, ...) = dlsym(RTLD_NEXT, name);
    if (command == F_SETLEASE) {
        errno = EACCES;
        return -1;
    }
    return next(file, command, argument);
}
int fcntl(int file, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return pass("fcntl", file, command, argument);
}
int fcntl64(int file, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return pass("fcntl64", file, command, argument);
}
"""


class Writer:
    """Holds one image of a scan open: its pixels are zeros until `finish`."""

    def __init__(self, ct, folder):
        images = sorted(os.listdir(ct))
        self.name = images[len(images) // 2]
        with open(f"{ct}/{self.name}", "rb") as file:
            self.bytes = file.read()
        os.makedirs(folder)
        self.file = os.open(f"{folder}/{self.name}", os.O_RDWR | os.O_CREAT)
        half = len(self.bytes) // 2
        os.pwrite(self.file, self.bytes[:half], 0)
        os.ftruncate(self.file, len(self.bytes))
        for image in images:
            if image != self.name:
                shutil.copy(f"{ct}/{image}", f"{folder}/{image}")

    def finish(self):
        os.pwrite(self.file, self.bytes, 0)
        os.close(self.file)


def same_mask(one, other):
    with open(f"{one}/labels.nii.gz", "rb") as a, open(f"{other}/labels.nii.gz", "rb") as b:
        return a.read() == b.read()


def before_sealing(checks, service, ct, truth):
    """It goes on while the series waits for more."""
    writer = Writer(ct, f"{service.base}/inbox/before")
    taken = service.until(lambda: os.listdir(f"{service.base}/inbox/before") == [], 30)
    checks.check("a file that looks finished is taken where nobody tells that it is open", taken)
    writer.finish()
    result = f"{service.base}/outbox/{series(ct)}"
    came = service.until(lambda: os.path.exists(f"{result}/rtstruct.dcm"), 120)
    checks.check("written to before the series starts: it is read again, and the journal says so",
                 came and "was written to after it was taken; it was read again" in service.log(), service.log()[-2000:])
    checks.check("and the contours are those of the whole scan", came and same_mask(result, truth))


def after_sealing(checks, service, ct, truth):
    """It goes on when the run is queued already."""
    def ask(*arguments):
        return product.must(product.contourctl(*arguments, "--config", f"{service.base}/contourd.toml"))

    ask("pause")
    writer = Writer(ct, f"{service.base}/inbox/after")
    queued = service.until(lambda: "queued" in ask("list").stdout, 60)
    checks.check("the run is queued", queued, service.log()[-2000:])
    writer.finish()
    ask("resume")
    refusal = f"{service.base}/outbox/{series(ct)}.refused"
    came = service.until(lambda: os.path.exists(f"{refusal}/REFUSED.txt"), 60)
    if not checks.check("written to after that: it is refused", came, service.log()[-2000:]):
        return
    text = open(f"{refusal}/REFUSED.txt", encoding="utf-8").read()
    number = text.split("Why: File ")[-1].split(" ")[0]
    checks.check("the refusal names the file by its number and says what to do",
                 "E_FILE_CHANGED" in text and number.isdigit() and f"file {number}" in text and "contourctl retry" in text, text)
    command = text.split("contourctl retry ")[1].split(".")[0].split()[0]
    ask("retry", command)
    result = f"{service.base}/outbox/{series(ct)}-r2"
    came = service.until(lambda: os.path.exists(f"{result}/rtstruct.dcm"), 120)
    checks.check("what it says helps: the whole scan is contoured as revision 2", came and same_mask(result, truth),
                 service.log()[-2000:])


def main():
    checks = Checks()
    if not product.has_model() or compiler() is None:
        checks.skip("nobody writes: needs a lung model, and a C compiler for the library below contourd")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        with open(f"{base}/denied.c", "w", encoding="utf-8") as file:
            file.write(DENIED)
        subprocess.run([compiler(), "-shared", "-fPIC", "-O1", "-o", f"{base}/denied.so", f"{base}/denied.c", "-ldl"], check=True)
        for seed, case in ((1, before_sealing), (2, after_sealing)):
            ct, _ = product.phantom(f"{base}/phantom-{seed}", "--seed", str(seed), *product.COARSE_GRID)
            product.must(product.contourctl("run", ct, "--output", f"{base}/direct"))
            os.makedirs(f"{base}/{seed}")
            service = Service(f"{base}/{seed}", quiet_seconds=3.0, environment={"LD_PRELOAD": f"{base}/denied.so"})
            try:
                case(checks, service, ct, f"{base}/direct/{series(ct)}")
            finally:
                service.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""An inbox on a file system whose changes the kernel does not see: contourd lists it, and uses no inotify event.

Twice: on a real FUSE mount (bindfs), written to from behind, as another machine would; and everywhere with a library
below contourd that answers statfs(2) as NFS does and lets no inotify watch see the inbox.

And one that is unmounted while contourd runs, lazily, which no event tells either."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pydicom

import product
from checks import Checks

SETTINGS = """
[folders]
state = "{0}/state"
inbox = "{0}/inbox"
outbox = "{0}/outbox"
[inbox]
settle_seconds = 0.4
scan_seconds = 3600.0
poll_seconds = {1}
polling = "{2}"
[series]
quiet_seconds = {3}
[outbox]
minimum_free_mb = 0
[control]
socket = "{0}/control.sock"
group = ""
"""

NFS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

static int is_share(const char *path) {
    const char *share = getenv("SHARE");
    return share && strncmp(path, share, strlen(share)) == 0;
}
int statfs(const char *path, struct statfs *status) {
    int (*next)(const char *, struct statfs *) = dlsym(RTLD_NEXT, "statfs");
    int result = next(path, status);
    if (result == 0 && is_share(path)) status->f_type = 0x6969;
    return result;
}
int fstatfs(int file, struct statfs *status) {
    int (*next)(int, struct statfs *) = dlsym(RTLD_NEXT, "fstatfs");
    int result = next(file, status);
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (result == 0 && readlink(link, path, sizeof path - 1) > 0 && is_share(path)) status->f_type = 0x6969;
    return result;
}
int inotify_add_watch(int file, const char *path, uint32_t mask) {
    int (*next)(int, const char *, uint32_t) = dlsym(RTLD_NEXT, "inotify_add_watch");
    return next(file, is_share(path) ? getenv("DECOY") : path, mask);
}
"""


class Service:
    def __init__(self, base, poll_seconds=0.5, polling="auto", environment=None, quiet_seconds=1.0):
        self.base = base
        with open(f"{base}/contourd.toml", "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(base, poll_seconds, polling, quiet_seconds))
        for name in ("inbox", "outbox", "state"):
            os.makedirs(f"{base}/{name}", exist_ok=True)
        with open(f"{base}/log", "wb") as log:
            self.process = subprocess.Popen(
                [f"{product.BINARIES}/contourd", "--config", f"{base}/contourd.toml"], stdout=log, stderr=log,
                env={**os.environ, **(environment or {})})
        self.until(lambda: "is ready" in self.log(), 60)

    def log(self):
        with open(f"{self.base}/log", encoding="utf-8") as file:
            return file.read()

    def until(self, holds, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if holds():
                return True
            time.sleep(0.1)
        return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def drop(ct, folder):
    os.makedirs(folder)
    for image in sorted(os.listdir(ct)):
        shutil.copy(f"{ct}/{image}", f"{folder}/{image}")


def series(ct):
    return pydicom.dcmread(f"{ct}/{sorted(os.listdir(ct))[0]}", stop_before_pixels=True).SeriesInstanceUID


def goes_through(checks, what, service, ct, drop_into):
    """Dropped while the service runs, taken, contoured; the originals are gone."""
    checks.check(f"{what}: it says that the inbox is listed", "the inbox is listed every 0.5 s" in service.log(), service.log())
    drop(ct, drop_into)
    result = f"{service.base}/outbox/{series(ct)}"
    came = service.until(lambda: os.path.exists(f"{result}/rtstruct.dcm"), 240)
    checks.check(f"{what}: what is dropped is contoured", came, service.log()[-2000:])
    checks.check(f"{what}: and taken out of the inbox", os.listdir(drop_into) == [], os.listdir(drop_into))


def on_fuse(checks, base, ct):
    if not (os.path.exists("/dev/fuse") and os.geteuid() == 0 and product.has_tool("bindfs")):
        checks.skip("an inbox on a FUSE mount: needs root, /dev/fuse and bindfs")
        return
    os.makedirs(f"{base}/behind")
    os.makedirs(f"{base}/inbox")
    mounted = subprocess.run(["bindfs", f"{base}/behind", f"{base}/inbox"], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        checks.skip(f"an inbox on a FUSE mount: bindfs: {mounted.stderr.strip()}")
        return
    try:
        service = Service(base)
        try:
            goes_through(checks, "on a FUSE mount written to from behind", service, ct, f"{base}/behind/scan")
        finally:
            service.stop()
    finally:
        subprocess.run(["umount", f"{base}/inbox"], check=False)


def compiler():
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def as_on_nfs(checks, base, ct):
    if compiler() is None:
        checks.skip("an inbox as on NFS: there is no C compiler for the library below contourd")
        return
    with open(f"{base}/nfs.c", "w", encoding="utf-8") as file:
        file.write(NFS)
    subprocess.run([compiler(), "-shared", "-fPIC", "-O1", "-o", f"{base}/nfs.so", f"{base}/nfs.c", "-ldl"], check=True)
    os.makedirs(f"{base}/decoy")
    environment = {"LD_PRELOAD": f"{base}/nfs.so", "SHARE": f"{base}/inbox", "DECOY": f"{base}/decoy"}
    # Without polling nothing is noticed: this is what makes the rest of the test worth something.
    service = Service(base, polling="never", environment=environment)
    time.sleep(2)  # a start looks twice
    drop(ct, f"{base}/inbox/first")
    time.sleep(6)
    checks.check("as on NFS, without polling: nothing is noticed", len(os.listdir(f"{base}/inbox/first")) == len(os.listdir(ct)))
    service.stop()
    shutil.rmtree(f"{base}/inbox/first")
    service = Service(base, environment=environment)
    try:
        goes_through(checks, "as on NFS", service, ct, f"{base}/inbox/scan")
    finally:
        service.stop()


def unmounted(checks, base, ct):
    inbox = f"{base}/inbox"
    os.makedirs(inbox)
    mount = ["mount", "-t", "tmpfs", "share", inbox]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        checks.skip("an inbox that is unmounted: needs root that may mount")
        return
    missed = "the inbox lies on another file system than before"
    service = Service(base)
    try:
        subprocess.run(["umount", "-l", inbox], check=True)
        checks.check("unmounted lazily, the inbox is missed", service.until(lambda: missed in service.log(), 30), service.log())
        drop(ct, f"{inbox}/below")
        time.sleep(4)
        status = product.contourctl("status", "--config", f"{base}/contourd.toml").stdout
        checks.check("contourctl status says so", "nothing new is TAKEN: E_INBOX" in status, status)
        checks.check("what lies below its mount point is not taken", len(os.listdir(f"{inbox}/below")) == len(os.listdir(ct)))
        subprocess.run(mount, check=True)
        drop(ct, f"{inbox}/scan")
        came = service.until(lambda: os.path.exists(f"{base}/outbox/{series(ct)}/rtstruct.dcm"), 240)
        checks.check("mounted again, it is taken from", came, service.log()[-2000:])
        checks.check("and the journal told it once", service.log().count(missed) == 1, service.log())
        subprocess.run(["umount", "-l", inbox], check=True)
        service.until(lambda: service.log().count(missed) == 2, 30)
        service.process.send_signal(signal.SIGHUP)
        taken = service.until(lambda: os.listdir(f"{inbox}/below") == [], 60)
        checks.check("after a reload the folder that lies there is the inbox", taken, service.log()[-2000:])
    finally:
        service.stop()
        subprocess.run(["umount", inbox], capture_output=True, check=False)


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("there is no lung model: no inbox can be tried")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        ct, _ = product.phantom(f"{base}/phantom", *product.COARSE_GRID)
        for name, case in (("fuse", on_fuse), ("nfs", as_on_nfs), ("unmounted", unmounted)):
            os.makedirs(f"{base}/{name}")
            case(checks, f"{base}/{name}", ct)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""The clock of the machine is set by an hour back or a day forward while a series waits for its last image. contourd runs
on a library that moves the clock of the wall alone, as settimeofday(2) would, without touching this machine's."""

import datetime
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import product
from checks import Checks
from shares import Service, compiler, series

CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long offset(void) {
    const char *path = getenv("CLOCK_OFFSET");
    FILE *file = path ? fopen(path, "re") : NULL;
    long seconds = 0;
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*next)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = next(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    int (*next)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int result = next(now, zone);
    if (result == 0) now->tv_sec += offset();
    return result;
}
time_t time(time_t *now) {
    struct timeval precise;
    gettimeofday(&precise, NULL);
    if (now) *now = precise.tv_sec;
    return precise.tv_sec;
}
"""


def set_clock(checks, base, ct, seconds):
    what = f"the clock goes {'forward by a day' if seconds > 0 else 'back by an hour'}"
    with open(f"{base}/offset", "w", encoding="utf-8") as file:
        file.write("0")
    with open(f"{base}/clock.c", "w", encoding="utf-8") as file:
        file.write(CLOCK)
    subprocess.run([compiler(), "-shared", "-fPIC", "-O1", "-o", f"{base}/clock.so", f"{base}/clock.c", "-ldl"], check=True)
    environment = {"LD_PRELOAD": f"{base}/clock.so", "CLOCK_OFFSET": f"{base}/offset"}
    images = sorted(os.listdir(ct))
    late = images[len(images) // 2]
    service = Service(base, environment=environment)
    try:
        os.makedirs(f"{base}/inbox/scan")
        for image in images:
            if image != late:
                shutil.copy(f"{ct}/{image}", f"{base}/inbox/scan/{image}")
        if not checks.check(f"{what}: before, the series waits for a missing slice",
                            service.until(lambda: "missing slices" in service.log(), 60), service.log()):
            return
        with open(f"{base}/offset.new", "w", encoding="utf-8") as file:
            file.write(str(seconds))
        os.rename(f"{base}/offset.new", f"{base}/offset")
        told = service.log()
        time.sleep(5)
        checks.check(f"{what}: the series does not give up", "is taken although" not in service.log(), service.log()[len(told):])
        shutil.copy(f"{ct}/{late}", f"{base}/inbox/late")
        came = service.until(lambda: os.path.exists(f"{base}/outbox/{series(ct)}/rtstruct.dcm"), 120)
        checks.check(f"{what}: the slice comes, and the series is contoured whole", came
                     and f"is complete: {len(images)} images" in service.log(), service.log()[-2000:])
        report = json.load(open(f"{base}/outbox/{series(ct)}/report.json", encoding="utf-8")) if came else {"createdAt": ""}
        queued = datetime.datetime.fromisoformat(report["createdAt"].replace("Z", "+00:00")).timestamp() if came else 0
        checks.check(f"{what}: contourd saw it", abs(queued - time.time() - seconds) < 120, report["createdAt"])
    finally:
        service.stop()


def main():
    checks = Checks()
    if not product.has_model() or compiler() is None:
        checks.skip("the clock is not set: needs a lung model, and a C compiler for the library below contourd")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        ct, _ = product.phantom(f"{base}/phantom", *product.COARSE_GRID)
        for seconds in (-3600, 86400):
            os.makedirs(f"{base}/{seconds}")
            set_clock(checks, f"{base}/{seconds}", ct, seconds)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""A series that was refused is repaired as its REFUSED.txt tells: by sending it again. With the real daemon."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import pydicom

import product
from checks import Checks
from damaged import edited, slice_path

SETTINGS = """
[folders]
state = "{scratch}/state"
inbox = "{scratch}/inbox"
outbox = "{scratch}/outbox"
[inbox]
settle_seconds = 0.2
[series]
quiet_seconds = 1
incomplete_after_seconds = 5
[outbox]
minimum_free_mb = 0
[control]
socket = "{scratch}/control.sock"
group = ""
"""
PATIENCE = 120  # seconds


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("no model is installed: no series is sent again")
        checks.finish()
    with tempfile.TemporaryDirectory() as scratch, Service(scratch) as service:
        corrected_images(checks, service, f"{scratch}/1")
        changed_duplicate(checks, service, f"{scratch}/2")
    checks.finish()


class Service:
    """contourd with folders of its own."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.inbox, self.outbox = f"{scratch}/inbox", f"{scratch}/outbox"
        self.settings = f"{scratch}/contourd.toml"

    def __enter__(self):
        with open(self.settings, "w") as file:
            file.write(SETTINGS.format(scratch=self.scratch))
        self.start()
        return self

    def start(self):
        with open(f"{self.scratch}/log", "a") as log:
            self.process = subprocess.Popen(
                [f"{product.BINARIES}/contourd", "--config", self.settings], stderr=log, stdin=subprocess.DEVNULL)

    def kill_and_start(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def send(self, folder, name):
        """The folder appears in the inbox whole."""
        shutil.copytree(folder, f"{self.inbox}/.{name}")
        os.rename(f"{self.inbox}/.{name}", f"{self.inbox}/{name}")

    def result(self, name):
        """A folder of the outbox, as soon as it is there; None when it does not come."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if os.path.exists(f"{self.outbox}/{name}/report.json"):
                return f"{self.outbox}/{name}"
            time.sleep(0.05)
        return None

    def log(self):
        with open(f"{self.scratch}/log") as file:
            return file.read()[-2000:]

    def states(self):
        """Of the files of the latest series, as `contourctl show` lists them."""
        listed = product.must(product.contourctl("list", "--json", "--config", self.settings))
        number = max(one["number"] for one in json.loads(listed.stdout))
        shown = product.must(product.contourctl("show", str(number), "--json", "--config", self.settings))
        return [one["state"] for one in json.loads(shown.stdout)["instances"]]


def uid_of(folder):
    return pydicom.dcmread(slice_path(folder, 0), stop_before_pixels=True).SeriesInstanceUID


def code(result):
    with open(f"{result}/report.json") as file:
        return json.load(file).get("fault", {}).get("code")


def without_rescale(image):
    del image.RescaleSlope
    del image.RescaleIntercept


def corrected_images(checks, service, scratch):
    """Stored values without Rescale Slope and Intercept, then the originals: the same UIDs, other bytes."""
    images, _ = product.phantom(scratch, *product.COARSE_GRID, "--slices", "12", "--without-truth", "--seed", "31")
    bad, uid = f"{scratch}/bad", uid_of(images)
    shutil.copytree(images, bad)
    for number in range(12):
        edited(slice_path(bad, number), without_rescale)
    service.send(bad, "bad")
    refused = service.result(f"{uid}.refused")
    if not checks.check("a series without Rescale is refused", refused and code(refused) == "E_NOT_HU", service.log()):
        return
    service.send(images, "corrected")
    # Kills while the images are taken, replaced and set aside.
    moments = random.Random(7)
    for _ in range(6):
        time.sleep(moments.uniform(0.05, 0.9))
        service.kill_and_start()
    delivered = service.result(f"{uid}-r2")
    checks.check("its corrected images, sent again, are delivered as revision 2, however often the service is killed",
                 delivered and os.path.exists(f"{delivered}/rtstruct.dcm"), service.log())
    states = service.states()
    checks.check("the former images are kept in quarantine, the corrected ones are used",
                 [states.count("quarantined"), states.count("image")] == [12, 12], states)
    service.send(bad, "bad again")
    told = files_refused(service)
    checks.check("after the delivery other contents are set aside, and the outbox says what to do",
                 told and "E_CONFLICTING_INSTANCES" in told and "What to do:" in told, told or service.log())


def files_refused(service):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for name in os.listdir(service.outbox):
            if name.startswith("files-") and os.path.exists(f"{service.outbox}/{name}/REFUSED.txt"):
                with open(f"{service.outbox}/{name}/REFUSED.txt") as file:
                    return file.read()
        time.sleep(0.05)
    return None


def changed_duplicate(checks, service, scratch):
    """A series with one image in two versions, then the whole series from one source."""
    images, _ = product.phantom(scratch, *product.COARSE_GRID, "--slices", "12", "--without-truth", "--seed", "32")
    both, uid = f"{scratch}/both", uid_of(images)
    shutil.copytree(images, both)
    shutil.copyfile(slice_path(both, 5), f"{both}/again")

    def other_pixels(image):
        image.PixelData = bytes(len(image.PixelData))

    edited(f"{both}/again", other_pixels)
    concerned = pydicom.dcmread(f"{both}/again", stop_before_pixels=True).SOPInstanceUID
    service.send(both, "both")
    refused = service.result(f"{uid}.refused")
    if not checks.check("a series with an image in two versions is refused, as contourctl run does",
                        refused and code(refused) == "E_CONFLICTING_INSTANCES", service.log()):
        return
    with open(f"{refused}/REFUSED.txt") as file:
        text = file.read()
    checks.check("the refusal names the image and says what to do",
                 concerned in text and "What to do: Send the series again, complete and from one source." in text, text)
    service.send(images, "whole")
    delivered = service.result(f"{uid}-r2")
    checks.check("sent again whole it is delivered as revision 2",
                 delivered and os.path.exists(f"{delivered}/rtstruct.dcm"), service.log())
    states = service.states()
    checks.check("the version that was not confirmed stays in quarantine",
                 [states.count("quarantined"), states.count("image")] == [1, 12], states)


if __name__ == "__main__":
    sys.exit(main())

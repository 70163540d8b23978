#!/usr/bin/env python
"""A phantom damaged in one way each: `run` and `explain` say the same of it, and nothing is left out in silence."""

import json
import os
import shutil
import sys
import tempfile

import pydicom

import product
from checks import Checks


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("no model is installed: damaged series are not tried")
        checks.finish()
    with tempfile.TemporaryDirectory() as scratch:
        images, _ = product.phantom(f"{scratch}/phantom", *product.COARSE_GRID, "--slices", "12", "--without-truth")
        for number, (what, damage, status, code) in enumerate(DAMAGES):
            folder = f"{scratch}/{number}"
            shutil.copytree(images, folder)
            damage(folder)
            says_so(checks, what, folder, status, code)
    checks.finish()


def says_so(checks, what, folder, status, code):
    run = product.contourctl("run", folder, "--output", f"{folder}-result", "--json")
    plain = product.contourctl("run", folder, "--output", f"{folder}-result")
    explain = product.contourctl("explain", folder, "--json")
    checks.check(f"{what}: run and explain end with {status}",
                 [run.status, plain.status, explain.status] == [status] * 3, [run.status, plain.status, explain.status])
    outcomes = json.loads(run.stdout)["outcomes"] if run.stdout else []
    results = [one["output"] for one in outcomes if one.get("output")]
    checks.check(f"{what}: there is one result or one refusal", len(results) == 1, outcomes)
    if code is None:
        return
    reports = "".join(open(f"{result}/report.json").read() for result in results)
    checks.check(f"{what}: run says {code} in JSON or in its report", code in run.stdout + reports, run.stdout)
    checks.check(f"{what}: explain says {code}", code in explain.stdout, explain.stdout)
    if code.startswith("E_"):
        checks.check(f"{what}: run says {code} to a person", code in plain.stderr, plain.stderr)


def slice_path(folder, number):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))[number]


def edited(path, edit):
    image = pydicom.dcmread(path)
    edit(image)
    image.save_as(path)


def without_promise(folder):
    """Headers that do not tell how many slices there are: many scanners write such."""
    for name in os.listdir(folder):
        edited(f"{folder}/{name}", lambda image: image.pop("ImagesInAcquisition", None))


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 500)


def last_is_cut(folder):
    without_promise(folder)
    cut(slice_path(folder, -1))


def other_patient(folder):
    def edit(image):
        image.PatientID = "SOMEBODY ELSE"

    edited(slice_path(folder, 5), edit)


def other_pixels(folder):
    shutil.copyfile(slice_path(folder, 5), f"{folder}/again.dcm")

    def edit(image):
        image.PixelData = bytes(len(image.PixelData))

    edited(f"{folder}/again.dcm", edit)


DAMAGES = [
    ("a whole series", lambda folder: None, 0, None),
    ("a cut last slice that headers promise", lambda folder: cut(slice_path(folder, -1)), 65, "E_MISSING_END_SLICES"),
    ("a cut last slice that nothing promises", last_is_cut, 0, "E_TRUNCATED"),
    ("a missing slice", lambda folder: os.remove(slice_path(folder, 5)), 65, "E_MISSING_SLICE"),
    ("a slice of another patient", other_patient, 65, "E_SEVERAL_PATIENTS"),
    ("a slice twice", lambda folder: shutil.copyfile(slice_path(folder, 5), f"{folder}/again.dcm"), 0,
     "W_REPEATED_INSTANCES"),
    ("a slice twice with other pixels", other_pixels, 65, "E_CONFLICTING_INSTANCES"),
]

if __name__ == "__main__":
    sys.exit(main())

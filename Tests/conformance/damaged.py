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
        folder = f"{scratch}/interleaved"
        shutil.copytree(images, folder)
        another_scan_in_between(folder)
        is_divided(checks, folder)
        what_is_no_reference_is_refused(checks, images, scratch)
    checks.finish()


def is_divided(checks, folder):
    """Two scans in each other are two results, named after the parts."""
    run = product.contourctl("run", folder, "--output", f"{folder}-result", "--json")
    outcomes = json.loads(run.stdout)["outcomes"] if run.stdout else []
    names = sorted(os.path.basename(one["output"])[-3:] for one in outcomes if one.get("output"))
    checks.check("another scan in between gives two results", run.status == 0 and names == ["-s1", "-s2"], run)
    reports = [json.load(open(f"{one['output']}/report.json")) for one in outcomes if one.get("output")]
    checks.check("each of them has the slices of one scan", [one["series"]["images"] for one in reports] == [12, 12],
                 [one["series"] for one in reports])


def what_is_no_reference_is_refused(checks, images, scratch):
    """A CT, and a folder of CT, are no reference, alone or beside one."""
    one = slice_path(images, 0)
    os.makedirs(f"{scratch}/empty", exist_ok=True)
    for what, path in {"a CT image": one, "a folder of CT": images, "an empty folder": f"{scratch}/empty"}.items():
        run = product.contourctl("run", images, "--output", f"{scratch}/unreferenced", "--reference", path)
        checks.check(f"{what} as reference is an error that names it",
                     run.status == 65 and "no reference" in run.stderr and path in run.stderr, run.stderr)


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


def last_is_a_stump(size):
    """Not even its series is left."""
    def change(folder):
        without_promise(folder)
        os.truncate(slice_path(folder, -1), size)

    return change


def other_patient(folder):
    def edit(image):
        image.PatientID = "SOMEBODY ELSE"

    edited(slice_path(folder, 5), edit)


def other_pixels(folder):
    shutil.copyfile(slice_path(folder, 5), f"{folder}/again.dcm")

    def edit(image):
        image.PixelData = bytes(len(image.PixelData))

    edited(f"{folder}/again.dcm", edit)


def all_of(change):
    """The same change to every slice; it is given the slice's number too."""
    def damage(folder):
        for number, name in enumerate(sorted(os.listdir(folder))):
            edited(f"{folder}/{name}", lambda image, number=number: change(image, number))

    return damage


def another_scan_in_between(folder):
    """Every slice again, half a spacing higher and of the next acquisition."""
    without_promise(folder)
    for number, name in enumerate(sorted(os.listdir(folder))):
        image = pydicom.dcmread(f"{folder}/{name}")
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"{image.SOPInstanceUID[:50]}.99"
        image.AcquisitionNumber = 2
        image.ImagePositionPatient[2] = float(image.ImagePositionPatient[2]) + 4
        image.save_as(f"{folder}/second-{number}.dcm")


def most_are_missing(folder):
    without_promise(folder)
    for number in (9, 6, 3, 1):
        os.remove(slice_path(folder, number))


def named(*values):
    def change(image, _):
        image.ImageType = ["DERIVED", "SECONDARY", *values]

    return all_of(change)


def other_acquisition_amid(image, number):
    image.AcquisitionNumber = 2 if number == 6 else 1
    image.pop("ImagesInAcquisition", None)


def step_and_shoot(image, number):
    image.AcquisitionNumber = number + 1
    image.AcquisitionTime = f"12{number:02d}00"
    image.pop("ImagesInAcquisition", None)


DAMAGES = [
    ("most slices missing, the others in no order", most_are_missing, 65, "E_MISSING_SLICE"),
    ("a slice of another acquisition amid", all_of(other_acquisition_amid), 65, "E_INTERLEAVED"),
    ("an acquisition for each slice", all_of(step_and_shoot), 0, None),
    ("MIP slabs", named("AXIAL", "MIP"), 65, "E_PROJECTION"),
    ("MinIP slabs", named("REFORMATTED", "MIN IP"), 65, "E_PROJECTION"),
    ("an iodine map", named("AXIAL", "IODINE"), 65, "E_NOT_HU"),
    ("a monoenergetic reconstruction", named("AXIAL", "MONO_40KEV"), 0, "W_SPECTRAL"),
    ("a reformat", named("REFORMATTED", "AVERAGE"), 0, None),
    ("a whole series", lambda folder: None, 0, None),
    ("a cut last slice that headers promise", lambda folder: cut(slice_path(folder, -1)), 65, "E_MISSING_END_SLICES"),
    ("a cut last slice that nothing promises", last_is_cut, 65, "E_DAMAGED_IMAGES"),
    ("a last slice of which little is left", last_is_a_stump(500), 0, "W_FILES_NOT_READ"),
    ("a last slice cut in its meta information", last_is_a_stump(200), 0, "W_FILES_NOT_READ"),
    ("a last slice of which nothing came", last_is_a_stump(0), 0, "W_FILES_NOT_READ"),
    ("a missing slice", lambda folder: os.remove(slice_path(folder, 5)), 65, "E_MISSING_SLICE"),
    ("a slice of another patient", other_patient, 65, "E_SEVERAL_PATIENTS"),
    ("a slice twice", lambda folder: shutil.copyfile(slice_path(folder, 5), f"{folder}/again.dcm"), 0,
     "W_REPEATED_INSTANCES"),
    ("a slice twice with other pixels", other_pixels, 65, "E_CONFLICTING_INSTANCES"),
]

if __name__ == "__main__":
    sys.exit(main())

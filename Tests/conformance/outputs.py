#!/usr/bin/env python
"""The folder that contourd delivers, read by others: on a phantom, and on real CTs where the shared data is there.

`outputs.py [CASE ...]`: phantom, or the name of a folder in data/ct of the shared data.
"""

import glob
import json
import os
import sys
import tempfile
from pathlib import Path

import pydicom
from pydicom.datadict import keyword_for_tag

import dicomobject
import nifti
import product
import reports
import segmentation_checks
import structureset_checks
from checks import Checks
from ct import CT

REAL = ["cptac_pda_00189", "itkelastix_00"]
BIG = {"itkelastix_00"}

#: Attributes that may differ between two runs: they tell when a run was made.
MOMENTS = {
    "InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime", "StructureSetDate", "StructureSetTime",
    "ContentDate", "ContentTime",
}


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("no model is installed: the folders that contourd delivers are not checked")
        checks.finish()
    tools = [tool for tool in ("dciodvfy", "plastimatch") if product.has_tool(tool)]
    for tool in {"dciodvfy", "plastimatch"} - set(tools):
        checks.skip(f"{tool} is not installed: its checks of delivered folders are left out")
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[1:] or ["phantom", *REAL]:
            if name == "phantom":
                images, _ = product.phantom(f"{scratch}/phantom-images", "--orientation=-x+y-z", *product.SMALL_GRID)
                give_a_name(images)
            else:
                images = product.shared("ct", name)
            if images is None:
                checks.skip(f"CONTOURD_SHARED holds no data/ct/{name}: its result is not checked")
            else:
                case(checks, f"result of {name}", images, f"{scratch}/{name}", tools, name not in BIG)
    checks.finish()


def give_a_name(images):
    """A patient whose name is no other word, in a character set that is not UTF-8."""
    for name in os.listdir(images):
        image = pydicom.dcmread(f"{images}/{name}")
        image.SpecificCharacterSet = "ISO_IR 100"
        image.PatientName = "Grünwäldner^Zoë^Ångström^Dr."
        image.PatientID, image.PatientBirthDate, image.PatientSex = "QX 48213/7", "19480229", "F"
        image.ReferringPhysicianName = "Überfellner^Jörg"
        image.AccessionNumber, image.StudyID = "ACC77120", "S-9931"
        image.save_as(f"{images}/{name}")


def case(checks, what, images, scratch, tools, small):
    """All checks of one CT; a big one is run once and read by two other programs each instead of three or four."""
    os.makedirs(scratch)
    folder = delivered(checks, what, images, f"{scratch}/out", "--threads", "2")
    if folder is None:
        return
    ct = CT(images)
    checks.check(f"{what}: the folder is named after the series",
                 os.path.basename(folder) == ct.first.SeriesInstanceUID)
    labels = own_labels()
    names = sorted(os.path.basename(path)[: -len(".nii.gz")] for path in glob.glob(f"{folder}/*.nii.gz"))
    names.remove("labels")
    expected = {"rtstruct.dcm", "seg.dcm", "labels.nii.gz", "report.json", "report.html"}
    expected |= {f"{name}.nii.gz" for name in names}
    checks.check(f"{what}: the folder holds what the documentation says",
                 set(os.listdir(folder)) == expected and set(names) > set(labels), sorted(os.listdir(folder)))
    masks = nifti.check(checks, what, folder, names, ct)
    nifti.check_on_pixels(checks, what, masks["Lung_L"] | masks["Lung_R"], ct)
    reports.check(checks, what, folder, ct, masks, labels)
    plain = CT(ct.uncompressed(f"{scratch}/uncompressed"))
    holes = structureset_checks.enclosed(masks)
    structureset_checks.check(checks, what, f"{folder}/rtstruct.dcm", plain, masks, holes, scratch, tools, small)
    segmentation_checks.check(checks, what, f"{folder}/seg.dcm", plain, masks, holes, scratch, tools, small)
    if small:
        again = delivered(checks, what, images, f"{scratch}/again", "--threads", "1")
        if again is not None:
            same_result(checks, f"{what}: a run with one thread and one with two", folder, again)


def delivered(checks, what, images, output, *options):
    done = product.contourctl("run", images, "--output", output, "--json", *options)
    told = f"{done.status}: {done.stdout} {done.stderr}"
    if not checks.check(f"{what}: contourctl run ends well", done.status == 0, told):
        return None
    outcomes = json.loads(done.stdout)["outcomes"]
    if not checks.check(f"{what}: one series is delivered", len(outcomes) == 1 and outcomes[0].get("output"), outcomes):
        return None
    checks.check(f"{what}: nothing but the result is left in the output folder",
                 os.listdir(output) == [os.path.basename(outcomes[0]["output"])], os.listdir(output))
    return outcomes[0]["output"]


def own_labels():
    """Structure -> label of the model that is used, from its own description."""
    models = json.loads(product.must(product.contourctl("models", "--json")).stdout)
    model = next(one for one in models if one["isChosen"])
    with open(os.path.join(model["directory"], "model.json")) as file:
        return {roi["name"]: roi["label"] for roi in json.load(file)["rois"]}


def same_result(checks, what, first, second):
    """Two results of one CT: the same files, but for the moments in DICOM and report.json."""
    names = sorted(set(os.listdir(first)) | set(os.listdir(second)))
    for name in names:
        left, right = (Path(folder, name).read_bytes() for folder in (first, second))
        if name.endswith(".nii.gz"):
            checks.check(f"{what} give the same bytes of {name}", left == right)
        elif name.endswith(".dcm"):
            places = list(dicomobject.differing(*(pydicom.dcmread(f"{folder}/{name}") for folder in (first, second))))
            keywords = {keyword_for_tag(place.strip("()").replace(",", "")) or place for place in places}
            checks.check(f"{what} give the same {name} but for its dates", keywords <= MOMENTS, sorted(keywords))
            checks.check(f"{what} give {name} of one size", len(left) == len(right), (len(left), len(right)))
    one, other = reports.read(first), reports.read(second)
    differing = {key for key in set(one) | set(other) if one.get(key) != other.get(key)}
    checks.check(f"{what} give the same report.json but for moments", differing <= {"createdAt", "stages", "files"},
                 differing)
    changed = {name for name in one["files"] if one["files"][name] != other["files"].get(name)}
    checks.check(f"{what} give the same digests but for DICOM", changed <= {"rtstruct.dcm", "seg.dcm"}, changed)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""The folder that contourd delivers, read by others: on a phantom, and on real CTs where the shared data is there."""

import glob
import json
import os
import sys
import tempfile
from pathlib import Path

import pydicom

import dicomobject
import nifti
import product
import reports
import segmentation_checks
import structureset_checks
from checks import Checks
from ct import CT

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
        images, _ = product.phantom(f"{scratch}/phantom", "--orientation=-x+y-z", *product.SMALL_GRID)
        case(checks, "result of a phantom", images, f"{scratch}/phantom-result", tools, small=True)
        for name, small in [("cptac_pda_00189", True), ("itkelastix_00", False)]:
            images = product.shared("ct", name)
            if images is None:
                checks.skip(f"CONTOURD_SHARED holds no data/ct/{name}: its result is not checked")
            else:
                case(checks, f"result of {name}", images, f"{scratch}/{name}", tools, small)
    checks.finish()


def case(checks, what, images, scratch, tools, small):
    """All checks of one CT; a big one is run once and read by two other programs each instead of three or four."""
    os.makedirs(scratch)
    folder = delivered(checks, what, images, f"{scratch}/out", "--threads", "2")
    if folder is None:
        return
    ct = CT(images)
    checks.check(f"{what}: the folder is named after the series", os.path.basename(folder) == ct.first.SeriesInstanceUID)
    labels = own_labels()
    names = sorted(os.path.basename(path)[: -len(".nii.gz")] for path in glob.glob(f"{folder}/*.nii.gz"))
    names.remove("labels")
    expected = {"rtstruct.dcm", "seg.dcm", "labels.nii.gz", "report.json", "report.html"} | {f"{n}.nii.gz" for n in names}
    checks.check(f"{what}: the folder holds what the documentation says",
                 set(os.listdir(folder)) == expected and set(names) > set(labels), sorted(os.listdir(folder)))
    masks = nifti.check(checks, what, folder, names, ct)
    reports.check(checks, what, folder, ct, masks, labels)
    plain = CT(ct.uncompressed(f"{scratch}/uncompressed"))
    structureset_checks.check(checks, what, f"{folder}/rtstruct.dcm", plain, masks, scratch, tools, small)
    segmentation_checks.check(checks, what, f"{folder}/seg.dcm", plain, masks, scratch, tools, small)
    if small:
        again = delivered(checks, what, images, f"{scratch}/again", "--threads", "1")
        if again is not None:
            same_result(checks, f"{what}: a run with one thread and one with two", folder, again)


def delivered(checks, what, images, output, *options):
    done = product.contourctl("run", images, "--output", output, "--json", *options)
    if not checks.check(f"{what}: contourctl run ends well", done.status == 0, f"{done.status}: {done.stdout} {done.stderr}"):
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
            keywords = {pydicom.datadict.keyword_for_tag(place.strip("()").replace(",", "")) or place for place in places}
            checks.check(f"{what} give the same {name} but for its dates", keywords <= MOMENTS, sorted(keywords))
            checks.check(f"{what} give {name} of one size", len(left) == len(right), f"{len(left)} and {len(right)} bytes")
    one, other = reports.read(first), reports.read(second)
    differing = {key for key in set(one) | set(other) if one.get(key) != other.get(key)}
    checks.check(f"{what} give the same report.json but for moments", differing <= {"createdAt", "stages", "files"}, differing)
    changed = {name for name in one["files"] if one["files"][name] != other["files"].get(name)}
    checks.check(f"{what} give the same digests but for DICOM", changed <= {"rtstruct.dcm", "seg.dcm"}, changed)


if __name__ == "__main__":
    sys.exit(main())

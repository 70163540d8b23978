#!/usr/bin/env python
"""References in every form: which structure of theirs is scored against which of ours, and that nothing is guessed."""

import json
import os
import sys
import tempfile

import nibabel
import numpy as np
import pydicom

import product
import reports
from checks import Checks
from outputs import delivered

LUNGS = ["Lung_L", "Lung_R"]


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        images, truth = product.phantom(f"{scratch}/phantom", *product.COARSE_GRID)
        every_form_gives_the_same_scores(checks, images, truth)
        a_missed_structure_counts(checks, truth, scratch)
        contours_off_the_slices_are_told(checks, images, truth, scratch)
        if product.has_model():
            masks_beside_a_run(checks, images, truth, scratch)
        else:
            checks.skip("no model is installed: references of a run are not tried")
    checks.finish()


def evaluate(reference, prediction, *options):
    done = product.contourctl("evaluate", "--reference", reference, "--prediction", prediction, "--json", *options)
    return json.loads(done.stdout) if done.status == 0 else {"structures": [], "failure": done.stderr}


def scores(evaluation):
    return {one["name"]: {key: one[key] for key in one if key != "name"} for one in evaluation["structures"]}


def every_form_gives_the_same_scores(checks, images, truth):
    """The truth as contours, segments and masks is one truth."""
    forms = {"the folder of masks": truth, "the Segmentation": f"{truth}/seg.dcm",
             "the RT Structure Set": f"{truth}/rtstruct.dcm"}
    against_masks = {form: scores(evaluate(path, truth, "--ct", images)) for form, path in forms.items()}
    for form, found in against_masks.items():
        checks.check(f"{form} and the masks hold the same structures", len(found) == 7, sorted(found))
        checks.none(f"{form} equals the masks",
                    (f"{name}: {one['dice']}" for name, one in found.items() if one["dice"] != 1))


def a_missed_structure_counts(checks, truth, scratch):
    """A prediction without a voxel is a miss of everything, in a mask of its own as in a label map."""
    image = nibabel.load(f"{truth}/Lung_L.nii.gz")
    left = np.asarray(image.dataobj) > 0
    right = np.asarray(nibabel.load(f"{truth}/Lung_R.nii.gz").dataobj) > 0
    maps = {"both": left * 1 + right * 2, "left alone": left * 1, "nothing": left * 0}
    for name, values in maps.items():
        nibabel.save(nibabel.Nifti1Image(values.astype(np.uint8), image.affine), f"{scratch}/{name}.nii.gz")
    labels = ["--label", "Lung_L=1", "--label", "Lung_R=2"]
    for name, expected in {"left alone": [1, 0], "nothing": [0, 0]}.items():
        found = scores(evaluate(f"{scratch}/both.nii.gz", f"{scratch}/{name}.nii.gz", *labels))
        checks.check(f"a label map with {name} is scored for both lungs",
                     [found.get(lung, {}).get("dice") for lung in LUNGS] == expected, found)
    os.mkdir(f"{scratch}/missed")
    nibabel.save(nibabel.Nifti1Image(np.zeros(left.shape, np.uint8), image.affine), f"{scratch}/missed/Lung_L.nii.gz")
    found = scores(evaluate(truth, f"{scratch}/missed")).get("Lung_L", {})
    checks.check("a mask without a voxel is scored with Dice 0 and no distances",
                 found.get("dice") == 0 and found.get("hausdorff_95_mm", 0) is None, found)


def contours_off_the_slices_are_told(checks, images, truth, scratch):
    """Contours 1.5 mm above their slices, and two slices without any: both are told, of that structure alone."""
    reference = pydicom.dcmread(f"{truth}/rtstruct.dcm")
    numbers = {roi.ROIName: roi.ROINumber for roi in reference.StructureSetROISequence}
    for roi in reference.ROIContourSequence:
        if roi.ReferencedROINumber == numbers["Heart"]:
            for contour in roi.ContourSequence:
                points = [float(value) for value in contour.ContourData]
                points[2::3] = [z + 1.5 for z in points[2::3]]
                contour.ContourData = [f"{value:.4f}" for value in points]
            moved = len(roi.ContourSequence)
        if roi.ReferencedROINumber == numbers["Lung_R"]:
            heights = sorted({float(contour.ContourData[2]) for contour in roi.ContourSequence})
            gap = heights[5:7]
            roi.ContourSequence = [c for c in roi.ContourSequence if float(c.ContourData[2]) not in gap]
    reference.save_as(f"{scratch}/off.dcm")
    found = evaluate(f"{scratch}/off.dcm", f"{truth}/seg.dcm", "--ct", images).get("findings", [])
    checks.check("contours between slices are told, with their number and distance",
                 [one for one in found if one.startswith(f"Heart: {moved} contours") and "up to 1.5 mm" in one], found)
    checks.check("slices that the reference skips are told",
                 [one for one in found if one.startswith("Lung_R: the reference skips 2 slices")], found)
    checks.check("nothing else is told but that the other structures are the same on both sides",
                 len(found) == 3 and "Lung_L" in found[-1] and "both sides have the same contours" in found[-1], found)


def masks_beside_a_run(checks, images, truth, scratch):
    lungs = [f"{truth}/{name}.nii.gz" for name in LUNGS]
    folder = delivered(checks, "a run with two masks as reference", images, f"{scratch}/two",
                       *(word for path in lungs for word in ("--reference", path)))
    evaluation = reports.read(folder).get("evaluation", {}) if folder else {}
    found = scores(evaluation) if evaluation else {}
    expected = scores(evaluate(truth, folder, "--ct", images)) if folder else {}
    checks.check("both masks are scored, and their union, which neither file is", sorted(found) == [*LUNGS, "Lungs"],
                 sorted(found))
    checks.check("the report says what that union was made from", evaluation.get("derived")
                 == [{"name": "Lungs", "side": "reference", "members": LUNGS}], evaluation.get("derived"))
    checks.none("the report's scores are those of contourctl evaluate",
                (f"{name}: {one} and {expected.get(name)}" for name, one in found.items() if one != expected.get(name)))
    folder = delivered(checks, "a run with another organ as reference", images, f"{scratch}/other",
                       "--reference", f"{truth}/SpinalCord.nii.gz")
    report = reports.read(folder) if folder else {"findings": []}
    checks.check(
        "a mask of another organ is scored against nothing, and the report says so",
        not report.get("evaluation", {}).get("structures")
        and "W_REFERENCE_UNMATCHED" in [finding["code"] for finding in report["findings"]], report.get("evaluation"))


if __name__ == "__main__":
    sys.exit(main())

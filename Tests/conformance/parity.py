#!/usr/bin/env python
"""`contourctl evaluate` on two folders of cases against google-deepmind/surface-distance: thousands of pairs of masks.

    parity.py [COUNT]   numbered pairs (Tests/Fixtures/metrics/pairs.py); default 2000
"""

import json
import math
import os
import pathlib
import sys
import tempfile

import nibabel
import numpy as np
import surface_distance
from scipy import ndimage

import product
from checks import Checks

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Fixtures" / "metrics"))
from pairs import pair  # noqa: E402

np.Inf, np.NaN = np.inf, np.nan  # the published code was written for NumPy 1

RELATIVE = 1e-9
TOLERANCES = ["0.5", "1", "2"]
FIRST = 10_001  # the golden file of the Swift tests has the numbers before


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        cases = dict(numbered(count, scratch)) | dict(real(checks, scratch))
        done = product.contourctl(
            "evaluate", "--reference", f"{scratch}/reference", "--prediction", f"{scratch}/prediction", "--label",
            "Structure=1", "--json", *[f"--tolerance={t}" for t in TOLERANCES])
        if checks.check("evaluate scores two folders of cases", done.status == 0, f"{done.status}: {done.stderr[-500:]}"):
            compare(checks, json.loads(done.stdout), cases)
    checks.finish()


def numbered(count, scratch):
    for number in range(FIRST, FIRST + count):
        reference, prediction, spacing = pair(number)
        yield f"{number}", save(f"{number}", reference, prediction, spacing, scratch)


def real(checks, scratch):
    """Draft lung masks of real CTs against themselves eroded, shifted, and each side against the other."""
    folder = os.path.join(os.environ.get("CONTOURD_SHARED", ""), "data", "drafts")
    if not os.path.isdir(folder):
        checks.skip("no masks of real CTs (CONTOURD_SHARED)")
        return
    for file in sorted(os.listdir(folder))[:3]:
        image = nibabel.load(f"{folder}/{file}")
        mask = np.ascontiguousarray((np.asarray(image.dataobj) > 0).T[:, ::2, ::2])
        spacing = [float(v) for v in image.header.get_zooms()[::-1]]
        spacing[1:] = [2 * spacing[1], 2 * spacing[2]]
        name = file.split("_lungs")[0]
        others = {"eroded": ndimage.binary_erosion(mask), "shifted": np.roll(mask, (1, -2, 3), (0, 1, 2)),
                  "smoothed": ndimage.gaussian_filter(mask.astype(float), 1.5) > 0.5}
        for what, other in others.items():
            yield f"{name}-{what}", save(f"{name}-{what}", mask, other, spacing, scratch)


def save(name, reference, prediction, spacing, scratch):
    for side, mask in (("reference", reference), ("prediction", prediction)):
        os.makedirs(f"{scratch}/{side}/{name}")
        affine = np.diag([*spacing[::-1], 1.0])
        image = nibabel.Nifti1Image(np.ascontiguousarray(mask.T, np.uint8), affine)
        nibabel.save(image, f"{scratch}/{side}/{name}/Structure.nii")
    return reference, prediction, [float(v) for v in image.header.get_zooms()[::-1]]


def compare(checks, answer, cases):
    checks.check("every case is scored", {c["case"] for c in answer["cases"]} == set(cases), len(answer["cases"]))
    offenders = []
    for case in answer["cases"]:
        reference, prediction, spacing = cases[case["case"]]
        expected = published(reference, prediction, spacing)
        found = scores(case["structures"][0])
        offenders += [f"{case['case']}: {key} is {found[key]}, published {value}"
                      for key, value in expected.items() if not same(found[key], value)]
    numbers = len(answer["cases"]) * len(expected)
    checks.none(f"all {numbers} scores of {len(answer['cases'])} pairs are the published ones within {RELATIVE}", offenders)
    means = {}
    for key in ("surface_dice_1_mm", "hausdorff_95_mm"):
        values = [scores(c["structures"][0])[key] for c in answer["cases"]]
        values = [v for v in values if v is not None]
        means[key] = (np.mean(values), np.median(values), *np.percentile(values, [25, 75]), len(values))
        summary = answer["summary"][0]["measures"][key]
        got = [summary[k] for k in ("mean", "median", "quartile_1", "quartile_3", "n")]
        checks.check(f"the summary of {key} is NumPy's", np.allclose(got, means[key], rtol=1e-12), f"{got}, {means[key]}")


def same(value, expected):
    if expected is None or value is None:
        return value is expected
    return math.isclose(value, expected, rel_tol=RELATIVE, abs_tol=1e-12)


def scores(found):
    values = {f"surface_dice_{t}_mm": found["surface_dice"][t] for t in TOLERANCES}
    for t in TOLERANCES:
        values[f"overlap_reference_{t}"] = found["surface_overlap_reference"][t]
        values[f"overlap_prediction_{t}"] = found["surface_overlap_prediction"][t]
    for key in ("dice", "hausdorff_95_mm", "hausdorff_100_mm"):
        values[key] = found[key]
    values["average_0"] = found["average_distance_reference_to_prediction_mm"]
    values["average_1"] = found["average_distance_prediction_to_reference_mm"]
    return values


def published(a, b, spacing):
    distances = surface_distance.compute_surface_distances(a, b, spacing)
    values = {}
    for t in TOLERANCES:
        # A float32 says 0.4 mm as 0.4000000060: five voxels are within 2 mm all the same.
        within = float(t) * (1 + np.finfo(np.float32).eps)
        values[f"surface_dice_{t}_mm"] = surface_distance.compute_surface_dice_at_tolerance(distances, within)
        overlap = surface_distance.compute_surface_overlap_at_tolerance(distances, within)
        values[f"overlap_reference_{t}"], values[f"overlap_prediction_{t}"] = overlap
    values["dice"] = surface_distance.compute_dice_coefficient(a, b)
    values["hausdorff_95_mm"] = surface_distance.compute_robust_hausdorff(distances, 95)
    values["hausdorff_100_mm"] = surface_distance.compute_robust_hausdorff(distances, 100)
    values["average_0"], values["average_1"] = surface_distance.compute_average_surface_distance(distances)
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}


if __name__ == "__main__":
    with np.errstate(invalid="ignore"):  # the published code divides 0 by 0 for empty masks
        sys.exit(main())

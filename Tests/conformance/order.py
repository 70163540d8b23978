#!/usr/bin/env python
"""The result does not depend on how files are called or ordered, nor on how the scanner laid out its pictures."""

import os
import random
import shutil
import sys
import tempfile

import numpy as np

import product
from checks import Checks
from ct import CT, centroid, dice
from nifti import by_nibabel
from outputs import delivered, same_result

NESTED = "random names in nested folders"


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("no model is installed: the order of files is not tried")
        checks.finish()
    with tempfile.TemporaryDirectory() as scratch:
        images, _ = product.phantom(f"{scratch}/phantom", *product.COARSE_GRID)
        kinds = {"reversed names": reversed_names, NESTED: random_names}
        files_in_any_order(checks, "phantom", images, f"{scratch}/phantom-order", kinds)
        every_orientation(checks, scratch)
        real = product.shared("ct", "cptac_pda_00189")
        if real is None:
            checks.skip("CONTOURD_SHARED holds no data/ct/cptac_pda_00189: the order of its files is not tried")
        else:
            files_in_any_order(checks, "cptac_pda_00189", real, f"{scratch}/real-order", {NESTED: random_names})
    checks.finish()


def files_in_any_order(checks, what, images, scratch, kinds):
    os.makedirs(scratch)
    first = delivered(checks, f"{what} as it came", images, f"{scratch}/first")
    for kind, names in kinds.items():
        folder = f"{scratch}/{kind}"
        paths = CT(images).paths
        for path, name in zip(paths, names(len(paths))):
            os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
            shutil.copyfile(path, f"{folder}/{name}")
        again = delivered(checks, f"{what} with {kind}", folder, f"{scratch}/{kind} result")
        if first and again:
            same_result(checks, f"{what}: its own order and {kind}", first, again)


def reversed_names(count):
    """The last slice comes first in every listing."""
    return [f"{count - k:05}.dcm" for k in range(count)]


def random_names(count):
    """No ending, no order, several folders: as a browser or an archive leaves them."""
    source = random.Random(20240101)
    numbers = source.sample(range(10**8), count)
    return [f"{'abc'[number % 3]}/{number:x}/IM{number}" for number in numbers]


def every_orientation(checks, scratch):
    """One person in all eight orientations: the network sees the same, so that the lungs come out the same."""
    volumes = {}
    for orientation in product.ORIENTATIONS:
        what = f"result of the phantom {orientation}"
        images, truth = product.phantom(
            f"{scratch}/{orientation}", f"--orientation={orientation}", *product.COARSE_GRID)
        folder = delivered(checks, what, images, f"{scratch}/{orientation}-result")
        if folder is None:
            continue
        ct = CT(images)
        masks = {}
        for name in ("Lung_L", "Lung_R"):
            if not checks.check(f"{what}: there is a {name}", os.path.isfile(f"{folder}/{name}.nii.gz")):
                return
            masks[name], _ = by_nibabel(f"{folder}/{name}.nii.gz", ct)
            real, _ = by_nibabel(f"{truth}/{name}.nii.gz", ct)
            value = dice(masks[name], real)
            checks.check(f"{what}: {name} is the phantom's", value > 0.95, f"Dice {value:.4f}")
            volumes.setdefault(name, []).append(int(masks[name].sum()))
        sides = [centroid(ct, masks[name])[0] for name in ("Lung_L", "Lung_R")]
        checks.check(f"{what}: Lung_L is on the patient's left", sides[0] > sides[1], sides)
    for name, counts in volumes.items():
        spread = (max(counts) - min(counts)) / np.mean(counts)
        checks.check(f"the volume of {name} is the same in all orientations to 1 %", spread < 0.01, counts)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""All eight axial orientations of an asymmetric phantom with holes: what contourd writes means the same to others."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import dicomobject
import nifti
import product
import segmentation_checks
import structureset_checks
from checks import Checks
from ct import CT, centroid

STRUCTURES = ["Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord", "Body", "Body-Lungs"]


def main():
    checks = Checks()
    tools = [tool for tool in ("dciodvfy", "plastimatch") if product.has_tool(tool)]
    for tool in {"dciodvfy", "plastimatch"} - set(tools):
        checks.skip(f"{tool} is not installed: its checks of the phantoms are left out")
    with tempfile.TemporaryDirectory() as scratch:
        for orientation in product.ORIENTATIONS:
            orientation_holds(checks, orientation, f"{scratch}/{orientation}", tools)
    checks.finish()


def orientation_holds(checks, orientation, folder, tools):
    what = f"phantom {orientation}"
    images, truth = product.phantom(folder, f"--orientation={orientation}", *product.SMALL_GRID)
    ct = CT(images)
    signs = [float(sign + "1") for sign in (orientation[0], orientation[2])]
    checks.check(f"{what}: the CT is oriented as asked for",
                 np.allclose([*ct.row, *ct.column], [signs[0], 0, 0, 0, signs[1], 0]))
    if "dciodvfy" in tools:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(dicomobject.dciodvfy_errors, ct.paths))
        checks.none(f"{what}: dciodvfy finds no error in the CT", (error for errors in found for error in errors))
    masks = nifti.check(checks, what, truth, STRUCTURES, ct)
    nifti.check_on_pixels(checks, what, masks["Lung_L"] | masks["Lung_R"], ct)
    heart, cord = centroid(ct, masks["Heart"]), centroid(ct, masks["SpinalCord"])
    checks.check(f"{what}: the heart is left of and in front of the cord", heart[0] > cord[0] and heart[1] < cord[1])
    holes = structureset_checks.enclosed(masks)
    checks.check(f"{what}: the body without lungs has holes", holes["Body-Lungs"].sum() > 10_000)
    structureset_checks.check(checks, what, f"{truth}/rtstruct.dcm", ct, masks, holes, folder, tools)
    segmentation_checks.check(checks, what, f"{truth}/seg.dcm", ct, masks, holes, folder, tools)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""`contourctl evaluate` against google-deepmind/surface-distance, number by number."""

import itertools
import json
import math
import os
import sys
import tempfile

import nibabel
import numpy as np
import surface_distance
from scipy import ndimage
from scipy.spatial.transform import Rotation

import product
from checks import Checks

np.Inf, np.NaN = np.inf, np.nan  # the published code was written for NumPy 1

RELATIVE = 1e-9
TOLERANCES = [1, 2, 3]


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, reference, prediction, affine) in enumerate(cases(scratch)):
            compare(checks, name, reference, prediction, affine, f"{scratch}/{number}")
    checks.finish()


def cases(scratch):
    """(name, reference, prediction, affine): arrays indexed as nibabel does, i first."""
    _, truth = product.phantom(f"{scratch}/phantom", "--orientation=+x-y+z", *product.SMALL_GRID)
    image = nibabel.load(f"{truth}/Lung_L.nii.gz")
    lung = np.asarray(image.dataobj) > 0
    cord = np.asarray(nibabel.load(f"{truth}/SpinalCord.nii.gz").dataobj) > 0
    anisotropic = np.diag([-0.9765625, -1.25, 3.0, 1])
    thin = np.diag([0.5, 0.5, 5.0, 1])
    grids = [
        ("the phantom's spacing", image.affine), ("3 x 1.25 x 0.98 mm", anisotropic),
        ("turned, 3.6 x 1.2 x 0.7 mm", turned((0.7, 1.2, 3.6)))]
    for spacing, affine in grids:
        yield f"the same lung, {spacing}", lung, lung, affine
        for shift in [(1, 0, 0), (0, 2, 0), (0, 0, 1), (-2, 1, -1)]:
            yield f"a lung shifted by {shift} voxels, {spacing}", lung, np.roll(lung, shift, (0, 1, 2)), affine
        yield f"an eroded lung, {spacing}", lung, ndimage.binary_erosion(lung), affine
        yield f"a dilated lung, {spacing}", lung, ndimage.binary_dilation(lung, iterations=2), affine
    yield "a cord without its last slices", cord, cord & (np.cumsum(cord, 2) < 20), anisotropic
    yield "lung against cord, far apart", lung, cord, anisotropic
    yield from on_the_border(anisotropic)
    yield from few_voxels(thin)
    yield from noise()


def turned(spacing):
    """A grid that lies obliquely: its columns of float32 have the spacing as their length but for rounding."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [7, -11, 20], degrees=True).as_matrix() * spacing
    return affine


def on_the_border(affine):
    """Structures that touch the border of the grid, where a crop is easily one voxel too small."""
    whole = np.ones((7, 6, 5), bool)
    for axis, end in itertools.product(range(3), (0, -1)):
        half = whole.copy()
        half[tuple(end if n == axis else slice(None) for n in range(3))] = False
        yield f"the whole grid, and without the {end} end of axis {axis}", whole, half, affine
    corner = np.zeros((9, 8, 7), bool)
    corner[:4, :4, :3] = True
    yield "corner against opposite corner", corner, corner[::-1, ::-1, ::-1], affine


def few_voxels(affine):
    empty = np.zeros((9, 8, 7), bool)
    one, other = empty.copy(), empty.copy()
    one[4, 3, 2] = True
    other[4, 4, 2] = other[2, 4, 4] = True
    yield "one voxel against itself", one, one, affine
    yield "one voxel against two others", one, other, affine
    yield "an empty prediction", one, empty, affine
    yield "an empty reference", empty, one, affine
    yield "two empty masks", empty, empty, affine


def noise():
    """Every neighbourhood of eight voxels occurs in noise."""
    random = np.random.default_rng(20240101)
    for spacing in [(1, 1, 1), (0.75, 2.0, 3.5), (4.0, 0.5, 1.0)]:
        a, b = random.random((2, 14, 13, 12)) < 0.4
        yield f"noise with spacing {spacing}", a, b, np.diag([*spacing, 1.0])


def compare(checks, name, reference, prediction, affine, folder):
    sides = {}
    for side, mask in (("reference", reference), ("prediction", prediction)):
        os.makedirs(f"{folder}/{side}")
        sides[side] = f"{folder}/{side}/Structure.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(mask, np.uint8), affine), sides[side])
    done = product.contourctl(
        "evaluate", "--reference", sides["reference"], "--prediction", sides["prediction"], "--label", "Structure=1",
        "--json")
    if not checks.check(f"evaluate scores {name}", done.status == 0, f"{done.status}: {done.stderr}"):
        return
    found = json.loads(done.stdout)["structures"][0]
    for key, (value, expected) in scores(found, published(reference, prediction, sides["reference"])).items():
        same = value is None if expected is None else value is not None and math.isclose(
            value, expected, rel_tol=RELATIVE, abs_tol=1e-12)
        checks.check(f"{key} of {name} is the published one", same, f"{value}, published {expected}")


def scores(found, expected):
    """Pairs of (ours, published) by name."""
    pairs = {f"surface Dice at {t} mm": (found["surface_dice"][str(t)], expected[t]) for t in TOLERANCES}
    for key in ("dice", "hausdorff_95_mm", "mean_surface_distance_mm", "volume_reference_ml", "volume_prediction_ml"):
        pairs[key] = (found[key], expected[key])
    return pairs


def published(reference, prediction, path):
    """DeepMind's numbers. Arrays go in slice by slice (k, j, i), as their readers give them; undefined is None."""
    spacing = [float(v) for v in nibabel.load(path).header.get_zooms()[::-1]]
    a, b = reference.T, prediction.T
    voxel_ml = math.prod(spacing) / 1000
    expected = {"volume_reference_ml": a.sum() * voxel_ml, "volume_prediction_ml": b.sum() * voxel_ml}
    expected["dice"] = defined(surface_distance.compute_dice_coefficient(a, b))
    distances = surface_distance.compute_surface_distances(a, b, spacing)
    for tolerance in TOLERANCES:
        expected[tolerance] = defined(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))
    expected["hausdorff_95_mm"] = defined(surface_distance.compute_robust_hausdorff(distances, 95))
    averages = [defined(v) for v in surface_distance.compute_average_surface_distance(distances)]
    expected["mean_surface_distance_mm"] = None if None in averages else sum(averages) / 2
    return expected


def defined(value):
    """NaN and infinity are what contourd calls undefined."""
    return float(value) if np.isfinite(value) else None


if __name__ == "__main__":
    with np.errstate(invalid="ignore"):  # the published code divides 0 by 0 for empty masks
        sys.exit(main())

"""Writes the golden files of the metrics tests with google-deepmind/surface-distance, seeded.

Run: python make_goldens.py  (needs numpy, scipy and surface-distance of Tests/conformance/requirements*.txt)

Arrays are [z][y][x] and spacings (dz, dy, dx), as that library expects. Masks are written as the lengths of
alternating runs in memory order, zeros first.
"""
import json
import pathlib

import numpy as np
import surface_distance as sd
from scipy import ndimage
from surface_distance.lookup_tables import (
    create_table_neighbour_code_to_contour_length,
    create_table_neighbour_code_to_surface_area,
)

from pairs import pair

np.Inf, np.NaN = np.inf, np.nan  # the published code was written for NumPy 1

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240611)
SHAPE = (9, 11, 12)
SPACINGS = [(1, 1, 1), (3, 0.6, 0.6), (2.5, 1.2, 0.7), (1.2, 0.6, 0.4)]


def runs(mask):
    flat = mask.ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return lengths if flat[0] == 0 else [0] + lengths


def noise(sigma):
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE), sigma, mode="constant")
    return field / field.std()


def blob(centre, radii):
    grid = np.indices(SHAPE).T
    return ((((grid - centre) / radii) ** 2).sum(-1) <= 1).T


def empty():
    return np.zeros(SHAPE, bool)


def voxel(*index):
    mask = empty()
    mask[index] = True
    return mask


def sheet(axis, at):
    mask = empty()
    box = [slice(2, -2)] * 3
    box[axis] = at
    mask[tuple(box)] = True
    return mask


def pairs():
    for _ in range(4):
        base = noise(1.6)
        yield "blobs", base > 0.8, base + 0.4 * noise(1.0) > 0.8
    a = blob((0, 1, 11), (4, 5, 4))
    yield "border corner", a, np.roll(a, 1, axis=1) & blob((0, 2, 11), (4, 5, 4))
    yield "whole grid", np.ones(SHAPE, bool), blob((4, 5, 6), (4, 5, 5))
    yield "one voxel, apart", voxel(4, 5, 6), voxel(6, 5, 3)
    yield "one voxel, the same", voxel(4, 5, 6), voxel(4, 5, 6)
    yield "one voxel at the border", voxel(0, 0, 0), voxel(8, 10, 11)
    yield "one voxel and a blob", voxel(4, 5, 6), blob((4, 5, 5), (3, 4, 4))
    for axis in range(3):
        yield f"sheets across axis {axis}", sheet(axis, 3), sheet(axis, 5)
    yield "disjoint", blob((2, 2, 3), (2, 2, 2.5)), blob((6, 8, 8), (2, 2.2, 3))
    yield "several against one", blob((2, 2, 3), (2, 2, 2)) | blob((6, 8, 8), (2, 2, 3)), blob((6, 8, 7), (2, 2, 3))
    yield "nested", blob((4, 5, 5.5), (4, 5, 5.5)), blob((4, 5, 6), (2, 2.5, 2))
    yield "nested with a cavity", blob((4, 5, 5.5), (4, 5, 5)) & ~blob((4, 5, 5), (1.5, 2, 2)), blob((4, 5, 5.5), (4, 5, 5))
    yield "speckle", rng.random(SHAPE) < 0.3, rng.random(SHAPE) < 0.3


def scores(name, spacing, a, b):
    d = sd.compute_surface_distances(a, b, spacing)
    average = sd.compute_average_surface_distance(d)
    return {
        "name": name,
        "spacing": list(spacing),
        "reference": runs(a),
        "prediction": runs(b),
        "surfaceDice": [float(sd.compute_surface_dice_at_tolerance(d, t)) for t in (1, 2, 3)],
        "overlap": [float(x) for x in sd.compute_surface_overlap_at_tolerance(d, 1)],
        "hausdorff95": float(sd.compute_robust_hausdorff(d, 95)),
        "hausdorff100": float(sd.compute_robust_hausdorff(d, 100)),
        "averages": [float(x) for x in average],
        "dice": float(sd.compute_dice_coefficient(a, b)),
    }


def defined(value):
    """Twelve digits; NaN and infinity are what contourd calls undefined."""
    return float(f"{value:.12g}") if np.isfinite(value) else None


def parity(number):
    """Scores of a numbered pair, in the order of `keys` in parity.json. A single slice is scored in its plane."""
    a, b, spacing = pair(number)
    flat = a.shape[0] == 1
    d = sd.compute_surface_distances(*((a[0], b[0], spacing[1:]) if flat else (a, b, spacing)))
    values = [sd.compute_surface_dice_at_tolerance(d, t) for t in (0, 1, 2.5)]
    values += sd.compute_surface_overlap_at_tolerance(d, 1)
    values += [sd.compute_robust_hausdorff(d, p) for p in (50, 95, 100)]
    values += sd.compute_average_surface_distance(d)
    values += [sd.compute_dice_coefficient(a, b), (a & b).sum() / (a | b).sum() if (a | b).any() else np.nan]
    values += [added_path(a, b, spacing, t) for t in (0, 1)]
    values.append(shift(a, b, spacing))
    return [defined(v) for v in values]


def added_path(a, b, spacing, tolerance):
    """Pixels of the reference's contour farther than the tolerance from the prediction's, slice by slice, mm."""
    count = 0
    for one, other in zip(a, b):
        mine, theirs = outline(one), outline(other)
        if theirs.any():
            count += (mine & (ndimage.distance_transform_edt(~theirs, sampling=spacing[1:]) > tolerance)).sum()
        else:
            count += mine.sum()
    return count * (spacing[1] + spacing[2]) / 2


def outline(slice_):
    return slice_ & ~ndimage.binary_erosion(slice_)


def shift(a, b, spacing):
    if not (a.any() and b.any()):
        return np.nan
    step = (np.array(ndimage.center_of_mass(b)) - np.array(ndimage.center_of_mass(a))) * spacing
    return np.linalg.norm(step)


PARITY_KEYS = [
    "surfaceDice0", "surfaceDice1", "surfaceDice2.5", "overlapReference", "overlapPrediction", "hausdorff50",
    "hausdorff95", "hausdorff100", "averageReference", "averagePrediction", "dice", "jaccard", "path0", "path1", "shift",
]


def main():
    cases = [scores(name, s, a, b) for s in SPACINGS for name, a, b in pairs()]
    text = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    (HERE / "surfaces.json").write_text(f'{{"shape":{json.dumps(SHAPE)},"cases":[\n{text}\n]}}\n')
    tables = [
        {
            "spacing": list(s),
            "areas": [float(x) for x in create_table_neighbour_code_to_surface_area(s)],
            "lengths": [float(x) for x in create_table_neighbour_code_to_contour_length(s[1:])],
        }
        for s in [(1, 1, 1), (3, 0.9, 0.9), (2.5, 1.2, 0.7)]
    ]
    (HERE / "surfels.json").write_text(json.dumps(tables, separators=(",", ":")) + "\n")
    with np.errstate(invalid="ignore"):
        rows = [parity(number) for number in range(1, 1 + 1200)]
    text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "parity.json").write_text(f'{{"keys":{json.dumps(PARITY_KEYS)},"rows":[\n{text}\n]}}\n')
    print(len(cases), "pairs of shapes,", len(rows), "numbered pairs")


main()

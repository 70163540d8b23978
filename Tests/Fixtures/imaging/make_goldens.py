"""Writes the golden files of the imaging tests with SimpleITK and SciPy, seeded.

Run: python make_goldens.py  (numpy 2.4.6, scipy 1.17.1, SimpleITK 2.5.7)

Voxels are listed with i fastest, then j, then k; geometries are LPS mm, directions one vector per axis. The source
of the resampling is a formula that the tests repeat, so that only results are stored. No sample lies on a tie of
nearest neighbour or on the border of the picture, where implementations may differ.
"""
import json
import pathlib

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20240612)
AXES = np.eye(3)


def write(name, value):
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in value)
    (HERE / name).write_text(f"[\n{text}\n]\n")


# --- Resampling

def source_voxels(size):
    k, j, i = np.meshgrid(*(np.arange(n) for n in reversed(size)), indexing="ij")
    return ((i * 7 + j * 13 + k * 29 + i * j % 5) % 101 * 10 - 400).astype(np.int16)


def geometry(size, origin, spacing, directions):
    return {
        "size": list(size), "origin": [float(x) for x in origin], "spacing": [float(x) for x in spacing],
        "directions": [[float(x) for x in d] for d in directions],
    }


def image(g, voxels=None):
    picture = sitk.GetImageFromArray(voxels) if voxels is not None else sitk.Image(g["size"], sitk.sitkInt16)
    picture.SetOrigin(g["origin"])
    picture.SetSpacing(g["spacing"])
    picture.SetDirection(np.array(g["directions"]).T.ravel().tolist())  # columns are the axes
    return picture


def resampling():
    turned = Rotation.from_euler("zyx", [17, -23, 40], degrees=True).as_matrix()
    tilted = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    sources = {
        "axial": geometry((9, 8, 7), (-11.5, 3.25, -40), (1.3, 0.9, 2.5), AXES),
        "flipped": geometry((9, 8, 7), (20, -30, 15), (0.8, 1.1, 3), [-AXES[0], AXES[1], -AXES[2]]),
        "permuted": geometry((9, 8, 7), (5, 6, 7), (1.2, 2.1, 0.9), [AXES[1], AXES[2], AXES[0]]),
        "oblique": geometry((9, 8, 7), (1, -2, 3), (1.1, 1.4, 1.9), turned.T),
    }
    for name, source in sources.items():
        voxels = source_voxels(source["size"])
        picture = image(source, voxels)
        middle = np.array(picture.TransformContinuousIndexToPhysicalPoint([3.83, 3.61, 2.91]))
        for target_name, directions, spacing in [
            ("same axes, coarser", np.array(source["directions"]), np.array(source["spacing"]) * 1.37),
            ("same axes, finer", np.array(source["directions"]), np.array(source["spacing"]) * 0.61),
            ("patient axes", AXES, (1.07, 1.31, 1.73)),
            ("left-handed", [AXES[0], AXES[1], -AXES[2]], (1.63, 0.97, 2.21)),
            ("oblique", tilted.T, (1.49, 1.19, 1.03)),
        ]:
            size = (6, 5, 7)
            directions = np.array(directions)
            corner = middle - sum(directions[a] * spacing[a] * (size[a] - 1) / 2 for a in range(3))
            target = geometry(size, corner, spacing, directions)
            grid = image(target)
            linear = sitk.Resample(picture, grid, sitk.Transform(), sitk.sitkLinear, -3000.0, sitk.sitkFloat64)
            nearest = sitk.Resample(picture, grid, sitk.Transform(), sitk.sitkNearestNeighbor, -3000.0)
            yield {
                "name": f"{name} to {target_name}", "source": source, "target": target,
                "linear": [round(float(x), 4) for x in sitk.GetArrayFromImage(linear).ravel()],
                "nearest": sitk.GetArrayFromImage(nearest).ravel().tolist(),
            }


# --- Masks

def runs(mask):
    flat = mask.ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return lengths if flat[0] == 0 else [0] + lengths


def numbered(labels):
    """Numbers by falling size; of equal ones the piece that comes first in memory."""
    flat = labels.ravel()
    sizes = np.bincount(flat)[1:]
    first = [int(np.flatnonzero(flat == n + 1)[0]) for n in range(len(sizes))]
    order = sorted(range(len(sizes)), key=lambda n: (-sizes[n], first[n]))
    table = np.zeros(len(sizes) + 1, int)
    for place, n in enumerate(order):
        table[n + 1] = place + 1
    return table[flat].tolist(), [int(sizes[n]) for n in order]


def components():
    shape = (6, 7, 9)
    masks = [("empty", np.zeros(shape, bool)), ("full", np.ones(shape, bool))]
    masks += [(f"speckle {p}", rng.random(shape) < p) for p in (0.1, 0.25, 0.4, 0.6)]
    for n in range(3):
        masks.append((f"blobs {n}", ndimage.gaussian_filter(rng.standard_normal(shape), 0.8) > 0.15))
    diagonal = np.zeros(shape, bool)
    for n in range(6):
        diagonal[n, n, n] = True
    masks.append(("diagonal", diagonal))
    snake = np.zeros(shape, bool)
    snake[::2] = True
    snake[1::4, 0, 0] = True
    snake[3::4, -1, -1] = True
    masks.append(("snake through the slices", snake))
    for name, mask in masks:
        for neighbours, structure in [(6, ndimage.generate_binary_structure(3, 1)), (26, np.ones((3, 3, 3)))]:
            labels, _ = ndimage.label(mask, structure)
            numbers, sizes = numbered(labels)
            yield {
                "name": name, "size": list(reversed(shape)), "mask": runs(mask), "neighbours": neighbours,
                "numbers": numbers, "sizes": sizes,
            }


def distances():
    shape = (5, 7, 8)
    for spacing in [(1, 1, 1), (3, 0.6, 0.6), (2.5, 1.2, 0.7), (0.4, 5, 1.1)]:
        single = np.zeros(shape, bool)
        single[4, 0, 7] = True
        pair = np.zeros(shape, bool)
        pair[0, 0, 0] = pair[2, 5, 3] = True
        sheet = np.zeros(shape, bool)
        sheet[:, 3, :] = True
        for name, mask in [
            ("one voxel", single), ("two voxels", pair), ("sheet", sheet), ("full", np.ones(shape, bool)),
            ("few", rng.random(shape) < 0.02), ("many", rng.random(shape) < 0.2),
        ]:
            yield {
                "name": name, "size": list(reversed(shape)), "spacing": [float(x) for x in reversed(spacing)],
                "mask": runs(mask),
                "distances": ndimage.distance_transform_edt(~mask, sampling=spacing).ravel().tolist(),
            }


write("resampling.json", resampling())
write("components.json", components())
write("distances.json", distances())

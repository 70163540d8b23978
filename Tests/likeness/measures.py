"""What a CT looks like in numbers. The same rules find the same places in real and in generated CTs.

Air, fat, soft tissue, bone, liver and blood are found by thresholds around masks that both kinds of CT have: the body
(above -300 HU, largest part, filled) and the lungs (reviewed label maps, or the generator's truth).

Of heart, aorta, spinal cord and esophagus the real CTs have no masks. There circles are measured that were set by
hand, by looking, without a clinician (regions.json), near the middle of the organ; in the phantoms circles of about the
same size in the middle of the true organ, in random slices.
"""

import numpy
from scipy import ndimage

import reading

STEPS = (1.0, 2.0, 4.0)
#: Radius in mm of the circles in the organs of a phantom: the usual one of regions.json; of the esophagus, which is
#: flat in the phantoms, that of the flat places there.
RADII = {"heart": 30, "aorta": 8, "spinal cord": 2.5, "esophagus": 3}
CIRCLES = 3


def measure(ct, seed=0):
    """Name -> number; what a CT does not show is left out."""
    random = numpy.random.default_rng(seed)
    body = body_mask(ct.hu)
    found = {}
    found.update(lung_values(ct))
    tissues = tissue_masks(ct, body)
    for name, mask in tissues.items():
        values = ct.hu[mask]
        if values.size > 400:
            found[f"{name}, mean HU"] = float(values.mean())
            found[f"{name}, spread HU"] = float(values.std())
    found.update(organ_values(ct, body, seed))
    bone = ct.hu[body & (ct.hu > 250)]
    if bone.size > 400:
        found["bone above 250 HU, median HU"] = float(numpy.median(bone))
        found["bone above 250 HU, 95th percentile HU"] = float(numpy.percentile(bone, 95))
        found["bone above 250 HU, % of the body"] = 100 * bone.size / max(1, int(body.sum()))
    found.update(noise(ct, tissues, random))
    found.update(edges(ct, body, random))
    return found


def body_mask(hu):
    mask = numpy.zeros(hu.shape, bool)
    for index, plane in enumerate(hu):
        parts, count = ndimage.label(ndimage.binary_opening(plane > -300, iterations=2))
        if count:
            sizes = ndimage.sum_labels(numpy.ones_like(parts), parts, range(1, count + 1))
            mask[index] = ndimage.binary_fill_holes(parts == 1 + int(numpy.argmax(sizes)))
    return mask


def lung_values(ct):
    values = ct.hu[ct.lungs > 0]
    values = values[values > -1100]
    if values.size < 5000:
        return {}
    low, median, high, dense = numpy.percentile(values, [5, 50, 75, 95])
    return {
        "lung, median HU": float(median),
        "lung, 5th percentile HU": float(low),
        "lung, 75th percentile HU": float(high),
        "lung, 95th percentile HU": float(dense),
        "lung, % above -500 HU": 100 * float((values > -500).mean()),
        "lung, spread below -600 HU": float(values[values < -600].std()),
    }


def eroded(mask, mm, spacing):
    """In the plane only, by whole pixels."""
    count = max(1, round(mm / spacing[1]))
    return ndimage.binary_erosion(mask, structure=numpy.ones((1, 3, 3)), iterations=count)


def tissue_masks(ct, body):
    """Places deep inside one tissue."""
    smooth = ndimage.gaussian_filter(ct.hu, (0, 1.5 / ct.spacing[1], 1.5 / ct.spacing[2]))
    outside_lungs = body & ~ndimage.binary_dilation(ct.lungs > 0, numpy.ones((1, 3, 3)), iterations=3)
    fat = eroded(outside_lungs & (smooth > -135) & (smooth < -70), 2, ct.spacing)
    soft = eroded(outside_lungs & (smooth > 10) & (smooth < 90), 2.5, ct.spacing)
    masks = {"fat": fat, "soft tissue": soft}
    liver = under_right_lung(ct, smooth)
    if liver is not None:
        masks["under the right dome (liver)"] = liver
    air = trachea(ct, smooth, body)
    if air is not None:
        masks["trachea"] = air
    return masks


def under_right_lung(ct, smooth):
    """15 to 35 mm under the lowest voxel of the right lung, soft tissue only: the liver."""
    right = ct.lungs == 2
    columns = right.any(axis=0)
    lowest = numpy.argmax(right, axis=0)
    columns = eroded(columns[None], 15, ct.spacing)[0]
    mask = numpy.zeros(right.shape, bool)
    for mm in numpy.arange(15, 36, max(1.0, ct.spacing[0])):
        slices = lowest - int(round(mm / ct.spacing[0]))
        ok = columns & (slices >= 0)
        rows, cols = numpy.nonzero(ok)
        mask[slices[ok], rows, cols] = True
    mask &= (smooth > 0) & (smooth < 200)
    mask = eroded(mask, 2, ct.spacing)
    return mask if mask.sum() > 400 else None


def trachea(ct, smooth, body):
    """Air in the middle third between the outer edges of the lungs that is no lung."""
    if not (ct.lungs == 1).any() or not (ct.lungs == 2).any():
        return None
    lungs = ct.lungs > 0
    columns = numpy.nonzero(lungs.any(axis=(0, 1)))[0]
    left, right = columns[0], columns[-1]
    middle = numpy.zeros(ct.hu.shape, bool)
    middle[:, :, left + (right - left) * 2 // 5:left + (right - left) * 3 // 5] = True
    heights = numpy.nonzero(lungs.any(axis=(1, 2)))[0]
    upper = heights[0] + (heights[-1] - heights[0]) * 2 // 3
    middle[:upper] = False
    air = eroded(middle & body & (smooth < -850) & ~lungs, 2, ct.spacing)
    return air if air.sum() > 100 else None


def organ_values(ct, body, seed):
    """Of all voxels of an organ's circles; in the esophagus air counts."""
    # A generator of its own: other organs must not change where the noise and the edges are measured.
    random = numpy.random.default_rng(seed)
    found = {}
    for value, name in enumerate(reading.ORGANS, 1):
        places = ct.places.get(name, [])
        if ct.organs is not None:
            # The truth goes on in the padding around a round picture.
            places = middle_places((ct.organs == value) & body, RADII[name], ct.spacing, random)
        if places:
            values = numpy.concatenate([circle(ct, place) for place in places])
            found[f"{name}, mean HU"] = float(values.mean())
            found[f"{name}, spread HU"] = float(values.std())
    return found


def middle_places(mask, radius, spacing, random):
    """The deepest places of a mask in random slices; none where fewer than `CIRCLES` slices have room for a circle."""
    places = []
    for index in random.permutation(numpy.nonzero(mask.any(axis=(1, 2)))[0]):
        # The padding makes the picture's border an edge.
        depth = ndimage.distance_transform_edt(numpy.pad(mask[index], 1), sampling=spacing[1:])[1:-1, 1:-1]
        row, column = numpy.unravel_index(numpy.argmax(depth), depth.shape)
        # A margin of 1 mm keeps off the edge, which the scanner blurs.
        if depth[row, column] > radius + 1:
            places.append({"slice": index, "column": column, "row": row, "radius_mm": radius})
        if len(places) == CIRCLES:
            return places
    return []


def circle(ct, place):
    """The voxels whose middle lies in a circle."""
    plane = ct.hu[place["slice"]]
    rows, columns = numpy.ogrid[:plane.shape[0], :plane.shape[1]]
    down, across = (rows - place["row"]) * ct.spacing[1], (columns - place["column"]) * ct.spacing[2]
    return plane[down ** 2 + across ** 2 <= place["radius_mm"] ** 2]


def noise(ct, tissues, random):
    """Noise in the most even squares of soft tissue: standard deviation and autocorrelation in the plane."""
    side = max(8, round(12 / ct.spacing[1]))
    places = numpy.argwhere(tissues["soft tissue"])
    if len(places) < 1000:
        return {}
    patches = []
    for k, j, i in places[random.integers(0, len(places), 4000)]:
        patch = ct.hu[k, j:j + side, i:i + side]
        if patch.shape != (side, side) or patch.min() < -150 or patch.max() > 300:
            continue
        patches.append(detrended(patch))
    if len(patches) < 40:
        return {}
    patches.sort(key=lambda patch: patch.std())
    even = patches[: max(20, len(patches) // 10)]
    found = {"noise in soft tissue, HU": float(numpy.median([patch.std() for patch in even]))}
    for step in STEPS:
        found[f"noise, autocorrelation at {step:g} mm"] = float(
            numpy.median([correlation(patch, step / ct.spacing[1]) for patch in even]))
    return found


def detrended(patch):
    rows, columns = numpy.indices(patch.shape)
    basis = numpy.stack([numpy.ones(patch.size), rows.ravel(), columns.ravel()], axis=1)
    fit, *_ = numpy.linalg.lstsq(basis, patch.ravel(), rcond=None)
    return patch - (basis @ fit).reshape(patch.shape)


def correlation(patch, lag):
    """Mean of the autocorrelation along rows and columns at a lag in pixels, linear between whole ones."""
    def whole(n):
        if n == 0:
            return 1.0
        pairs = [(patch[:, n:], patch[:, :-n]), (patch[n:], patch[:-n])]
        return sum(float((a * b).mean()) for a, b in pairs) / 2 / float(patch.var())
    low = int(lag)
    return whole(low) + (lag - low) * (whole(low + 1) - whole(low))


def edges(ct, body, random):
    """Distance over which an edge rises from 20 to 80 %, mm: lung to chest wall, and air to skin."""
    found = {}
    walls = [width for width in profiles(ct, ct.lungs > 0, random, (-950, -700), (-140, 120)) if width is not None]
    if len(walls) > 30:
        found["edge lung to wall, 20 to 80 %, mm"] = float(numpy.median(walls))
    skin = [width for width in profiles(ct, ~body, random, (-1100, -940), (-200, 100)) if width is not None]
    if len(skin) > 30:
        found["edge air to skin, 20 to 80 %, mm"] = float(numpy.median(skin))
    return found


def profiles(ct, dark, random, low_range, high_range):
    """Widths of edges of a dark region, along the gradient of the smoothed picture in the plane."""
    border = dark & ~ndimage.binary_erosion(dark, numpy.ones((1, 3, 3)))
    border[:, :12] = border[:, -12:] = False
    border[:, :, :12] = border[:, :, -12:] = False
    places = numpy.argwhere(border)
    if len(places) < 200:
        return
    steps = numpy.arange(-7, 7.01, 0.25)
    for k, j, i in places[random.integers(0, len(places), 900)]:
        square = ndimage.gaussian_filter(ct.hu[k, j - 10:j + 11, i - 10:i + 11], 1.5)
        gj, gi = square[11, 10] - square[9, 10], square[10, 11] - square[10, 9]
        size = float(numpy.hypot(gj, gi))
        if size < 60:
            continue
        rows = j + steps * gj / size / ct.spacing[1]
        cols = i + steps * gi / size / ct.spacing[2]
        line = ndimage.map_coordinates(ct.hu[k], [rows, cols], order=1, mode="nearest")
        yield width(line, steps, low_range, high_range)


def width(line, steps, low_range, high_range):
    low, high = float(numpy.median(line[:14])), float(numpy.median(line[-10:]))
    near = float(numpy.median(line[32:38]))
    if not low_range[0] < low < low_range[1] or not high_range[0] < near < high_range[1] or high < low + 400:
        return None
    part = (line - low) / (near - low)
    middle = int(numpy.argmin(numpy.abs(steps)))
    above = numpy.nonzero(part[middle - 12:middle + 13] > 0.8)[0]
    below = numpy.nonzero(part[middle - 12:middle + 13] < 0.2)[0]
    if not len(above) or not len(below) or above[0] <= below[-1] and below[-1] - above[0] > 4:
        return None
    upper = above[0]
    lower = max((n for n in below if n < upper), default=None)
    return None if lower is None else (upper - lower) * 0.25

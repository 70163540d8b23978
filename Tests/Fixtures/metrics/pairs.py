"""Pairs of masks that a number names: the same ones that RandomPair of Tests/MetricsTests makes.

Only whole numbers are used, so both languages get the same voxels: noise, ellipsoids, boxes, sheets, single voxels and
nothing at all, the same, shifted, nested, disjoint, touching the border, on even and very uneven grids.
"""
import numpy as np

MASK = (1 << 64) - 1


class SplitMix:
    """Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % bound


def pair(number):
    """(reference, prediction, spacing): arrays [k][j][i], spacing (dk, dj, di) in mm."""
    random = SplitMix(number)
    shape = tuple(reversed([3 + random.below(14), 3 + random.below(12), 1 + random.below(9)]))
    spacing = tuple(reversed([(200 + random.below(3800)) / 1000 for _ in range(3)]))
    reference = shape_of(random.below(10), random, shape)
    kind = random.below(8)
    if kind == 0:
        prediction = reference.copy()
    elif kind <= 2:
        prediction = shifted(reference, random)
    elif kind == 3:
        prediction = reference ^ noise(random, shape, 1)
    elif kind == 4:
        prediction = reference & shape_of(1 + random.below(2), random, shape)
    else:
        prediction = shape_of(random.below(10), random, shape)
    return reference, prediction, spacing


def shape_of(kind, random, shape):
    if kind == 0:
        return noise(random, shape, 2 + random.below(12))
    if kind <= 4:
        mask = np.zeros(shape, bool)
        for _ in range(1 + random.below(3)):
            mask |= ellipsoid(random, shape)
        return mask
    if kind <= 6:
        return box(random, shape)
    mask = np.zeros(shape, bool)
    place = tuple(reversed([random.below(n) for n in reversed(shape)]))
    if kind == 7:
        axis = random.below(3)
        mask[tuple(place[n] if n == 2 - axis else slice(None) for n in range(3))] = True
    elif kind == 8:
        mask[place] = True
    return mask


def noise(random, shape, sixteenths):
    flat = [random.below(16) < sixteenths for _ in range(shape[0] * shape[1] * shape[2])]
    return np.array(flat, bool).reshape(shape)


def ellipsoid(random, shape):
    centre = [random.below(n) for n in reversed(shape)]
    radii = [1 + random.below(n) for n in reversed(shape)]
    k, j, i = np.indices(shape)
    a, b, c = (int(r) ** 2 for r in radii)
    return (i - centre[0]) ** 2 * b * c + (j - centre[1]) ** 2 * a * c + (k - centre[2]) ** 2 * a * b <= a * b * c


def box(random, shape):
    mask = np.zeros(shape, bool)
    ranges = []
    for n in reversed(shape):
        first = random.below(n)
        ranges.append(slice(first, first + 1 + random.below(n - first)))
    mask[tuple(reversed(ranges))] = True
    return mask


def shifted(mask, random):
    """By up to two voxels along each axis; what leaves the grid is lost."""
    steps = [random.below(5) - 2 for _ in range(3)]
    result = np.zeros_like(mask)
    source, target = [], []
    for step, n in zip(reversed(steps), mask.shape):
        source.append(slice(max(0, -step), max(0, min(n, n - step))))
        target.append(slice(max(0, step), max(0, min(n, n + step))))
    result[tuple(target)] = mask[tuple(source)]
    return result

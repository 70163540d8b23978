"""An RT Structure Set filled by three programs that are not contourd: plastimatch, rt-utils, and the few lines of
PS3.3 C.8.8.6 here."""

import glob
import logging
import os
import subprocess

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from rt_utils import RTStruct


def rois(dataset):
    """ROI name -> its item of the ROI Contour Sequence."""
    numbers = {int(item.ROINumber): str(item.ROIName) for item in dataset.StructureSetROISequence}
    return {numbers[int(item.ReferencedROINumber)]: item for item in dataset.ROIContourSequence}


def by_the_standard(dataset, ct, name, rule="even-odd"):
    """Voxels whose centre is inside the contours of a ROI.

    The contours of one slice are combined by exclusive or ("even-odd"), or by the winding number ("winding"), which
    some systems use: a keyhole whose hole turns the other way round gives the same answer in both.
    """
    crossings = np.zeros(ct.shape, np.int32)
    for contour in rois(dataset)[name].ContourSequence:
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        k, _ = ct.slice_at(points[0])
        x, y = ct.in_plane(points, k)
        _add_crossings(crossings[k], x, y, 1 if rule == "even-odd" else None)
    counted = np.cumsum(crossings, axis=2)
    return counted % 2 == 1 if rule == "even-odd" else counted != 0


def _add_crossings(plane, x, y, weight):
    """Adds, at the first voxel to the right of every edge, how often a ray from the left has crossed it."""
    rows, columns = plane.shape
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    for n in np.flatnonzero(y != y2):
        low, high = min(y[n], y2[n]), max(y[n], y2[n])
        # Half-open, so that a row through a corner is crossed once.
        js = np.arange(max(0, int(np.ceil(low))), min(rows, int(np.ceil(high))))
        at = x[n] + (js - y[n]) / (y2[n] - y[n]) * (x2[n] - x[n])
        first = np.maximum(0, np.floor(at).astype(int) + 1)
        inside = first < columns
        np.add.at(plane, (js[inside], first[inside]), weight or (1 if y2[n] > y[n] else -1))


#: rt-utils rounds contours to whole pixels and paints them with their border. On a grid three times as fine the
#: contours along voxel edges still pass every old voxel centre by a whole fine pixel, so that its answer is exact.
FINER = 3


def by_rt_utils(path, ct, names):
    """Masks of rt-utils.

    Its reader (1.2.7) takes Rows for Columns and the first value of Pixel Spacing for that along a row. So it gets
    square pictures that reach over the CT's, and the two spacings in the order in which it takes them.
    """
    side = FINER * max(ct.shape[1:])
    pictures = []
    for k, header in enumerate(ct.headers):
        picture = Dataset()
        picture.SOPInstanceUID = header.SOPInstanceUID
        picture.ImageOrientationPatient = header.ImageOrientationPatient
        picture.PixelSpacing = [float(v) / FINER for v in reversed(header.PixelSpacing)]
        centre_to_centre = (FINER - 1) / 2 / FINER
        picture.ImagePositionPatient = list(ct.positions[k] - centre_to_centre * (ct.step_i + ct.step_j))
        picture.Rows = picture.Columns = side
        pictures.append(picture)
    structures = RTStruct(pictures, pydicom.dcmread(path))
    start = FINER // 2
    masks = {}
    for name in names:
        fine = structures.get_roi_mask_by_name(name)
        coarse = fine[start::FINER, start::FINER][: ct.shape[1], : ct.shape[2]]
        masks[name] = np.moveaxis(coarse, 2, 0)
    return masks


def by_plastimatch(path, ct, folder):
    """Masks of plastimatch on the grid that it makes of the CT, read by nibabel."""
    os.makedirs(folder)
    subprocess.run(
        ["plastimatch", "convert", "--input", path, "--referenced-ct", ct.folder, "--output-prefix", folder,
         "--prefix-format", "nii.gz"],
        check=True, capture_output=True, timeout=120)
    masks = {}
    for file in glob.glob(f"{folder}/*.nii.gz"):
        name = os.path.basename(file)[: -len(".nii.gz")]
        image = nibabel.load(file)
        masks[name], _ = ct.mask_from(np.asarray(image.dataobj) > 0, np.diag([-1, -1, 1, 1]) @ image.affine)
    return masks


logging.getLogger("pydicom").setLevel(logging.ERROR)

"""Every sentence that must hold for an RT Structure Set of contourd, read by others."""

import math

import numpy as np
import pydicom
from scipy import ndimage

import dicomobject
import structureset
from ct import centroid, dice

SAME = 0.995


def check(checks, what, path, ct, masks, holes, scratch, tools, thorough=True):
    """`masks`: name -> mask as the NIfTI files hold it; `holes`: theirs. `thorough` adds the slower readers."""
    dataset = pydicom.dcmread(path)
    if "dciodvfy" in tools:
        checks.none(f"{what}: dciodvfy finds no error in rtstruct.dcm", dicomobject.dciodvfy_errors(path))
    dicomobject.belongs_to(checks, f"{what}, rtstruct.dcm", path, dataset, ct)
    _header(checks, what, dataset, ct, set(masks))
    _contours(checks, what, dataset, ct)
    readers = {
        "the even-odd rule of PS3.3": lambda: {n: structureset.by_the_standard(dataset, ct, n) for n in masks},
        "the winding number": lambda: {n: structureset.by_the_standard(dataset, ct, n, "winding") for n in masks},
    }
    if thorough:
        readers["rt-utils"] = lambda: structureset.by_rt_utils(path, ct, list(masks))
    if "plastimatch" in tools:
        readers["plastimatch"] = lambda: structureset.by_plastimatch(path, ct, f"{scratch}/plastimatch")
    for reader, read in readers.items():
        sentence = f"{what}: {reader} fills the contours"
        agree(checks, sentence, checks.reading(sentence, read), masks, holes, ct)


def agree(checks, reading, found, masks, holes, ct):
    """Another reader's masks against ours: voxels, holes, sides. None: it read nothing, and that was told."""
    if found is None:
        return
    checks.check(f"{reading}: every structure is there", set(found) == set(masks), f"{sorted(found)}")
    for name in set(found) & set(masks):
        value = dice(found[name], masks[name])
        checks.check(f"{reading} as {name}.nii.gz has them", value >= SAME, f"Dice {value:.5f}")
        if name in holes:
            filled = found[name][holes[name]].mean()
            checks.check(f"{reading}: the holes of {name} stay holes", filled <= 1 - SAME, f"{filled:.1%} are filled")
    if {"Lung_L", "Lung_R"} <= set(found):
        left, right = (centroid(ct, found[name])[0] for name in ("Lung_L", "Lung_R"))
        checks.check(f"{reading}: Lung_L is on the patient's left", left > right, f"x {left:.1f} and {right:.1f} mm")


def enclosed(masks):
    """Background that a structure surrounds within a slice, for those that have some."""
    holes = {}
    for name, mask in masks.items():
        hole = np.stack([ndimage.binary_fill_holes(plane) & ~plane for plane in mask])
        if hole.any():
            holes[name] = hole
    return holes


def _header(checks, what, dataset, ct, names):
    checks.check(f"{what}: Structure Set Label has at most 16 characters", 0 < len(dataset.StructureSetLabel) <= 16)
    checks.check(f"{what}: it is unapproved", dataset.ApprovalStatus == "UNAPPROVED")
    rois = dataset.StructureSetROISequence
    numbers = [int(roi.ROINumber) for roi in rois]
    roi_names = [roi.ROIName for roi in rois]
    checks.check(f"{what}: the ROIs are the structures of the NIfTI files", set(roi_names) == names, sorted(roi_names))
    checks.none(f"{what}: ROI names have at most 16 characters", (n for n in roi_names if not 0 < len(n) <= 16))
    checks.check(
        f"{what}: ROI names and numbers are unique",
        len(set(roi_names)) == len(roi_names) and len(set(numbers)) == len(numbers))
    checks.check(
        f"{what}: every ROI has its contours and its observation once",
        sorted(int(i.ReferencedROINumber) for i in dataset.ROIContourSequence) == sorted(numbers)
        and sorted(int(i.ReferencedROINumber) for i in dataset.RTROIObservationsSequence) == sorted(numbers))
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    study = frame.RTReferencedStudySequence[0]
    series = study.RTReferencedSeriesSequence[0]
    checks.check(
        f"{what}: Frame of Reference, study and series referred to are those of the CT",
        {frame.FrameOfReferenceUID, *(roi.ReferencedFrameOfReferenceUID for roi in rois)}
        == {ct.first.FrameOfReferenceUID}
        and study.ReferencedSOPInstanceUID == ct.first.StudyInstanceUID
        and series.SeriesInstanceUID == ct.first.SeriesInstanceUID)
    checks.check(
        f"{what}: it lists every image of the CT once",
        sorted(image.ReferencedSOPInstanceUID for image in series.ContourImageSequence) == sorted(ct.uids))


def _contours(checks, what, dataset, ct):
    short, wrong_count, wrong_type, wrong_image, off_plane, flat = [], [], [], [], [], []
    for name, item in structureset.rois(dataset).items():
        for n, contour in enumerate(item.ContourSequence):
            where = f"{name} contour {n + 1}"
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            if len(np.unique(points, axis=0)) < 3:
                short.append(where)
                continue
            if int(contour.NumberOfContourPoints) != len(points):
                wrong_count.append(where)
            if contour.ContourGeometricType != "CLOSED_PLANAR":
                wrong_type.append(f"{where}: {contour.ContourGeometricType}")
            k, _ = ct.slice_at(points[0])
            if max(abs(points @ ct.normal - ct.depths[k])) > 0.01:
                off_plane.append(where)
            images = [image.ReferencedSOPInstanceUID for image in contour.ContourImageSequence]
            if images != [ct.uids[k]]:
                wrong_image.append(where)
            x, y = ct.in_plane(points, k)
            if math.isclose(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)), 0, abs_tol=1e-3):
                flat.append(where)
    checks.none(f"{what}: no contour has fewer than three different points", short)
    checks.none(f"{what}: Number of Contour Points is right", wrong_count)
    checks.none(f"{what}: all contours are CLOSED_PLANAR", wrong_type)
    checks.none(f"{what}: all points of a contour lie in the plane of one CT image", off_plane)
    checks.none(f"{what}: every contour refers to the image in whose plane it lies", wrong_image)
    checks.none(f"{what}: no contour is without area", flat)

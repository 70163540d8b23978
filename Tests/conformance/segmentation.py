"""A DICOM Segmentation decoded by three programs that are not contourd: highdicom, dcmqi, and pydicom with the bits
taken apart here."""

import glob
import json
import os
import subprocess
import sys

import highdicom
import nibabel
import numpy as np

#: The command of the pip package dcmqi, beside the interpreter.
DCMQI = os.path.join(os.path.dirname(sys.executable), "segimage2itkimage")


def segments(dataset):
    """Segment number -> label."""
    return {int(item.SegmentNumber): str(item.SegmentLabel) for item in dataset.SegmentSequence}


def by_pydicom(dataset, ct):
    """Masks from Pixel Data and the position of each frame alone (PS3.5 8.1.1, PS3.3 C.7.6.16.2.3)."""
    plane = dataset.Rows * dataset.Columns
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    names = segments(dataset)
    masks = {name: np.zeros(ct.shape, bool) for name in names.values()}
    for n, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        name = names[int(groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber)]
        position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        k = int(np.argmin(np.abs(ct.positions - position).sum(axis=1)))
        masks[name][k] |= bits[n * plane : (n + 1) * plane].reshape(dataset.Rows, dataset.Columns).astype(bool)
    return masks


def by_highdicom_references(path, ct):
    """Masks by the CT image that each frame says it was derived from."""
    segmentation = highdicom.seg.segread(path)
    names = segments(segmentation)
    pixels = segmentation.get_pixels_by_source_instance(
        ct.uids, segment_numbers=sorted(names), assert_missing_frames_are_empty=True)
    return {names[number]: pixels[..., n] > 0 for n, number in enumerate(sorted(names))}


def by_highdicom_volume(path, ct):
    """Masks by the place of the frames in patient space."""
    segmentation = highdicom.seg.segread(path)
    names = segments(segmentation)
    volume = segmentation.get_volume(segment_numbers=sorted(names), combine_segments=False)
    # highdicom's axes are slice, row, column.
    affine = volume.affine[:, [2, 1, 0, 3]]
    return {
        names[number]: ct.mask_from(np.transpose(volume.array[..., n] > 0, (2, 1, 0)), affine)[0]
        for n, number in enumerate(sorted(names))
    }


def by_dcmqi(path, ct, folder):
    """Masks of dcmqi's segimage2itkimage, read by nibabel."""
    os.makedirs(folder)
    subprocess.run(
        [DCMQI, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nii", "--prefix", "s"],
        check=True, capture_output=True, timeout=120)
    with open(f"{folder}/s-meta.json") as file:
        attributes = json.load(file)["segmentAttributes"]
    names = {one["labelID"]: one["SegmentLabel"] for group in attributes for one in group}
    masks = {}
    for file in glob.glob(f"{folder}/s-*.nii.gz"):
        number = int(os.path.basename(file)[len("s-") : -len(".nii.gz")])
        image = nibabel.load(file)
        masks[names[number]], _ = ct.mask_from(np.asarray(image.dataobj) > 0, np.diag([-1, -1, 1, 1]) @ image.affine)
    return masks

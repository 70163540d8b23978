"""NIfTI masks read by nibabel and by SimpleITK, and whether their voxels lie where the CT's pixels lie."""

from itertools import combinations

import nibabel
import numpy as np
import SimpleITK

#: A header holds 32-bit numbers; half a micrometre in a thousand millimetres is what they can tell.
NEAR_MM = 1e-3

MIRRORED = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]


def by_nibabel(path, ct):
    image = nibabel.load(path)
    # NIfTI's patient axes are RAS, DICOM's LPS.
    return ct.mask_from(np.asarray(image.dataobj) > 0, np.diag([-1, -1, 1, 1]) @ image.affine)


def by_simpleitk(path, ct):
    image = SimpleITK.ReadImage(path)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return ct.mask_from(np.transpose(SimpleITK.GetArrayFromImage(image) > 0, (2, 1, 0)), affine)


def check(checks, what, folder, names, ct):
    """Checks the masks of a folder and returns them (by nibabel) on the grid of the CT."""
    masks = {}
    for name in names:
        path = f"{folder}/{name}.nii.gz"
        masks[name], far = by_nibabel(path, ct)
        other, far_itk = by_simpleitk(path, ct)
        checks.check(
            f"{what}: nibabel and SimpleITK find the voxels of {name}.nii.gz at those of the CT",
            max(far, far_itk) < NEAR_MM and (masks[name] == other).all(), f"{far} and {far_itk} mm away")
        image = nibabel.load(path)
        qform, sform = image.get_qform(coded=True), image.get_sform(coded=True)
        checks.check(
            f"{what}: both affines of {name}.nii.gz agree and its grid is the whole CT",
            qform[1] > 0 and sform[1] > 0 and np.allclose(qform[0], sform[0], atol=NEAR_MM)
            and tuple(image.shape) == ct.shape[::-1], f"{image.shape} {qform} {sform}")
    return masks


def check_on_pixels(checks, what, lungs, ct):
    """The lungs fit the pixels as pydicom decodes them, and no mirror image of them does."""
    aerated = ct.hounsfield() < -500
    inside = aerated[lungs].mean()
    mirrored = max(aerated[np.flip(lungs, axes)].mean() for axes in MIRRORED)
    checks.check(
        f"{what}: the lungs lie on lung, and mirrored they would not", inside > 0.8 and inside > mirrored + 0.01,
        f"{inside:.3f} of the voxels, mirrored {mirrored:.3f}")

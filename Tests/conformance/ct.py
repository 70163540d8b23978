"""A CT Series as pydicom sees it: the grid on which every outside reading is compared. Coordinates are LPS mm."""

import os

import numpy as np
import pydicom


class CT:
    """Slices sorted along row x column; arrays are indexed [k, j, i] (slice, row, column)."""

    def __init__(self, folder, series=None):
        self.folder = folder
        headers = {}
        for root, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(root, name)
                header = pydicom.dcmread(path, stop_before_pixels=True)
                if header.Modality == "CT" and series in (None, header.SeriesInstanceUID):
                    headers[path] = header
        self.row = np.array(next(iter(headers.values())).ImageOrientationPatient[:3], float)
        self.column = np.array(next(iter(headers.values())).ImageOrientationPatient[3:], float)
        self.normal = np.cross(self.row, self.column)
        order = sorted(headers, key=lambda path: self.normal @ np.array(headers[path].ImagePositionPatient, float))
        self.paths = order
        self.headers = [headers[path] for path in order]
        self.first = self.headers[0]
        self.uids = [header.SOPInstanceUID for header in self.headers]
        self.positions = np.array([header.ImagePositionPatient for header in self.headers], float)
        between_rows, between_columns = (float(v) for v in self.first.PixelSpacing)
        self.step_i = self.row * between_columns
        self.step_j = self.column * between_rows
        self.shape = (len(order), int(self.first.Rows), int(self.first.Columns))
        self.depths = self.positions @ self.normal

    @property
    def spacing_k(self):
        return (self.depths[-1] - self.depths[0]) / (len(self.depths) - 1)

    def patient_points(self, k, j, i):
        """LPS mm of voxel centres."""
        k, j, i = (np.asarray(v) for v in (k, j, i))
        return self.positions[k] + i[..., None] * self.step_i + j[..., None] * self.step_j

    def slice_at(self, point):
        """The slice whose plane is nearest to a point, and the distance to it."""
        distances = np.abs(self.depths - np.dot(self.normal, point))
        k = int(np.argmin(distances))
        return k, float(distances[k])

    def in_plane(self, points, k):
        """Column and row index (not whole numbers) of LPS points in the plane of slice k."""
        offset = np.asarray(points, float) - self.positions[k]
        return offset @ self.step_i / (self.step_i @ self.step_i), offset @ self.step_j / (self.step_j @ self.step_j)

    def affine_lps(self):
        """From (i, j, k) to LPS mm."""
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1] = self.step_i, self.step_j
        affine[:3, 2] = self.normal * self.spacing_k
        affine[:3, 3] = self.positions[0]
        return affine

    def hounsfield(self):
        volume = np.zeros(self.shape, np.float32)
        for k, path in enumerate(self.paths):
            image = pydicom.dcmread(path)
            volume[k] = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        return volume

    def uncompressed(self, folder):
        """A folder with the same images in a transfer syntax that every tool reads."""
        if not self.first.file_meta.TransferSyntaxUID.is_compressed:
            return self.folder
        os.makedirs(folder)
        for k, path in enumerate(self.paths):
            image = pydicom.dcmread(path)
            image.decompress(generate_instance_uid=False)
            image.save_as(f"{folder}/{k:04}.dcm")
        return folder

    def mask_from(self, array_ijk, affine_lps):
        """A mask of another reader, with its affine to LPS, on this grid.

        Returns the mask and the largest distance in mm between a voxel centre there and the nearest one here; a voxel
        without a partner here is an error.
        """
        inside = np.argwhere(array_ijk)
        mask = np.zeros(self.shape, bool)
        if not len(inside):
            return mask, 0.0
        points = inside @ affine_lps[:3, :3].T + affine_lps[:3, 3]
        back = np.linalg.inv(self.affine_lps())
        index = np.rint(points @ back[:3, :3].T + back[:3, 3]).astype(int)
        if (index < 0).any() or (index >= np.array(self.shape[::-1])).any():
            raise ValueError("voxels lie outside the CT")
        i, j, k = index.T
        mask[k, j, i] = True
        return mask, float(np.abs(self.patient_points(k, j, i) - points).max())


def dice(a, b):
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def centroid(ct, mask):
    k, j, i = np.nonzero(mask)
    return ct.patient_points(k, j, i).mean(axis=0)

"""Writes small NIfTI files with nibabel, and what nibabel says of them: golden.json.

Run: python make_goldens.py  (numpy 2.4.6, nibabel 5.4.2)

`affine` maps voxel indices to RAS mm; `values` are scaled and listed with i fastest.
"""
import gzip
import io
import json
import pathlib

import nibabel as nib
import numpy as np

HERE = pathlib.Path(__file__).parent
SHAPE = (5, 4, 3)
rng = np.random.default_rng(20240613)


def turned(spacing, angles=(20, -35, 50), origin=(-30.5, 12.25, 7.0), left_handed=False):
    a, b, c = np.radians(angles)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    axes = x @ y @ z
    if left_handed:
        axes[:, 2] *= -1
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = origin
    return affine


def values(dtype):
    if dtype.startswith("float"):
        return (rng.standard_normal(SHAPE) * 1000).astype(dtype)
    info = np.iinfo(dtype)
    data = rng.integers(max(info.min, -(1 << 23)), min(info.max, 1 << 23), SHAPE, endpoint=True).astype(dtype)
    data[0, 0, 0], data[-1, -1, -1] = max(info.min, -(1 << 23)), min(info.max, 1 << 23)
    return data


def image(dtype, sform=None, qform=None, big_endian=False, scaling=None, shape=SHAPE):
    data = values(dtype).reshape(shape)
    header = nib.Nifti1Header(endianness=">" if big_endian else "<")
    header.set_data_dtype(dtype)
    picture = nib.Nifti1Image(data, sform if sform is not None else qform, header)
    picture.set_qform(qform, 1 if qform is not None else 0)
    picture.set_sform(sform, 1 if sform is not None else 0)
    picture.header.set_xyzt_units("mm")
    if scaling:
        picture.header.set_slope_inter(*scaling)
    return picture


def file_bytes(picture, scaling, compressed):
    raw = bytearray(picture.to_bytes())
    if scaling:
        # Stored values stay as they are, the header scales them: nibabel would scale them itself.
        order = ">" if picture.header.endianness == ">" else "<"
        raw[112:120] = np.array(scaling, dtype=order + "f4").tobytes()
    if not compressed:
        return bytes(raw)
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(bytes(raw))
    return buffer.getvalue()


CASES = {
    "uint8_sform.nii.gz": dict(dtype="uint8", sform=turned((0.9, 1.1, 2.5))),
    "int16_qform.nii": dict(dtype="int16", qform=turned((0.9, 1.1, 2.5))),
    "int16_qform_left_handed.nii.gz": dict(dtype="int16", qform=turned((1.3, 0.7, 3), left_handed=True)),
    "float32_sform_wins.nii": dict(dtype="float32", sform=turned((2, 2, 4)), qform=turned((2, 2, 4), (0, 0, 90))),
    "int16_big_endian.nii": dict(dtype="int16", sform=turned((1, 1.5, 2)), big_endian=True),
    "float32_big_endian_qform.nii.gz": dict(dtype="float32", qform=turned((1, 1.5, 2)), big_endian=True),
    "int16_scaled.nii.gz": dict(dtype="int16", sform=turned((1, 1, 1)), scaling=(0.5, -1024)),
    "uint8_scaled_big_endian.nii": dict(dtype="uint8", sform=turned((1, 1, 1)), scaling=(-2, 7), big_endian=True),
    "uint16_sform.nii": dict(dtype="uint16", sform=turned((1, 2, 3), left_handed=True)),
    "int8_sform.nii": dict(dtype="int8", sform=turned((1, 2, 3))),
    "int32_big_endian.nii.gz": dict(dtype="int32", sform=turned((1, 2, 3)), big_endian=True),
    "float64_sform.nii.gz": dict(dtype="float64", sform=turned((1, 2, 3))),
    "float64_big_endian.nii.gz": dict(dtype="float64", sform=turned((1, 2, 3)), big_endian=True),
    "uint8_four_dimensions_of_one.nii": dict(dtype="uint8", sform=turned((1, 2, 3)), shape=SHAPE + (1,)),
}


def main():
    goldens = []
    for name, case in CASES.items():
        scaling = case.pop("scaling", None)
        picture = image(**case)
        (HERE / name).write_bytes(file_bytes(picture, scaling, name.endswith(".gz")))
        read = nib.load(HERE / name)
        data = read.get_fdata(dtype=np.float64)
        goldens.append({
            "file": name, "affine": read.affine.tolist(), "shape": list(SHAPE),
            "values": data.ravel(order="F").tolist(),
        })
    text = ",\n".join(json.dumps(one, separators=(",", ":")) for one in goldens)
    (HERE / "golden.json").write_text(f"[\n{text}\n]\n")


main()

"""Makes the small DICOM files and golden numbers of this folder.

Run by hand with pydicom, numpy and SimpleITK; the results are committed, the CT pixels are not:

    python make_fixtures.py ../../../../shared/data

Versions used: see golden.json.
"""
import json
import os
import sys
import uuid
import zlib

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

HERE = os.path.dirname(os.path.abspath(__file__))
AIR = -1000


def base(syntax=ExplicitVRLittleEndian):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    ds.SOPInstanceUID = "1.2.3"
    ds.StudyInstanceUID = "1.2.4"
    ds.SeriesInstanceUID = "1.2.5"
    return ds


def save(ds, name):
    ds.save_as(os.path.join(HERE, name), enforce_file_format=True)


def character_sets():
    for name, charset, text in [
        ("latin1", "ISO_IR 100", "Müller^Jürgen"),
        ("utf8", "ISO_IR 192", "Łukasz^Żółć"),
        ("japanese", ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("korean", ["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("katakana", ["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("chinese", "GB18030", "Wang^XiaoDong=王^小东"),
        ("cyrillic", "ISO_IR 144", "Люкceмбypг"),
    ]:
        ds = base()
        ds.SpecificCharacterSet = charset
        ds.PatientName = text
        item = Dataset()
        item.PatientName = text
        ds.ReferencedPatientSequence = Sequence([item])
        save(ds, f"charset_{name}.dcm")


def values():
    for name, syntax in [("explicit", ExplicitVRLittleEndian), ("implicit", ImplicitVRLittleEndian)]:
        ds = base(syntax)
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.PatientID = " leading and trailing "
        ds.Rows = 65535
        ds.ImagePositionPatient = ["-1.5", "2e-3", "+3"]
        ds.add_new(0x00189219, "SS", [-5, 7])
        ds.add_new(0x00186020, "SL", -70000)
        ds.add_new(0x00189073, "FD", 0.1)
        ds.add_new(0x00189306, "FD", [1.5, -2.5])
        ds.add_new(0x00209165, "AT", 0x00200032)
        ds.add_new(0x00104000, "LT", "one \\ backslash")
        ds.add_new(0x00290010, "LO", "CONTOURD TEST")
        ds.add_new(0x00291010, "OB", b"\x01\x02\x03\x04")
        inner = Dataset()
        inner.CodeValue = "39607008"
        outer = Dataset()
        outer.ConceptCodeSequence = Sequence([inner, Dataset()])
        ds.AnatomicRegionSequence = Sequence([outer])
        save(ds, f"values_{name}.dcm")


def read_slice(path):
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    image = sitk.ReadImage(path)
    hu = np.rint(sitk.GetArrayFromImage(image)[0].astype(np.float64))
    slope, intercept = float(ds.RescaleSlope), float(ds.RescaleIntercept)
    stored = np.rint((hu - intercept) / slope).astype(np.int64)
    if "PixelPaddingValue" in ds:
        padding = int(ds.PixelPaddingValue)
        if ds.PixelRepresentation == 1 and padding > 32767:
            padding -= 65536
        hu[stored == padding] = AIR
    hu[hu < -2000] = AIR
    return ds, np.clip(hu, -32768, 32767).astype("<i2")


def golden_series(folder, data):
    series = {}
    for name in sorted(os.listdir(os.path.join(data, folder))):
        path = os.path.join(data, folder, name)
        if os.path.isdir(path):
            continue
        uid = pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID
        series.setdefault(uid, []).append(path)
    for uid, paths in sorted(series.items()):
        slices = [read_slice(path) for path in paths]
        iop = np.array(slices[0][0].ImageOrientationPatient, float)
        row, column = iop[:3], iop[3:]
        normal = np.cross(row, column)
        slices.sort(key=lambda s: np.dot(np.array(s[0].ImagePositionPatient, float), normal))
        first, last = (np.array(slices[at][0].ImagePositionPatient, float) for at in (0, -1))
        spacing = slices[0][0].PixelSpacing
        yield {
            "folder": folder,
            "series": uid,
            "dimensions": [int(slices[0][0].Columns), int(slices[0][0].Rows), len(slices)],
            "origin": first.tolist(),
            "spacing": [float(spacing[1]), float(spacing[0]), float(np.dot(last - first, normal) / (len(slices) - 1))],
            "crc32": zlib.crc32(b"".join(s[1].tobytes() for s in slices)),
            "instances": [str(s[0].SOPInstanceUID) for s in (slices[0], slices[-1])],
        }


def golden_pixels(data):
    """CRC-32 of stored values as Int32, of files that SimpleITK decodes."""
    result = {}
    root = os.path.join(data, "awkward")
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                ds = pydicom.dcmread(path, stop_before_pixels=True)
                if ds.get("SamplesPerPixel") != 1 or ds.get("BitsAllocated") not in (8, 16):
                    continue
                image = sitk.ReadImage(path)
            except Exception:
                continue
            if image.GetNumberOfComponentsPerPixel() != 1:
                continue
            values = sitk.GetArrayFromImage(image).reshape(-1, int(ds.Rows), int(ds.Columns))[0].astype(np.float64)
            slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
            if "SharedFunctionalGroupsSequence" in ds:
                groups = ds.SharedFunctionalGroupsSequence[0]
                transform = groups.get("PixelValueTransformationSequence")
                if transform:
                    slope, intercept = float(transform[0].RescaleSlope), float(transform[0].RescaleIntercept)
            stored = np.rint((values - intercept) / slope).astype("<i4")
            result[os.path.relpath(path, data)] = zlib.crc32(stored.tobytes())
    return result


def main():
    data = sys.argv[1]
    character_sets()
    values()
    folders = ["acrin_flt_001", "cmb_crc_01068", "cptac_pda_00189", "itkelastix_00", "LIDC-IDRI-0003",
               "lungfcp_01_0001", "Lung_Dx-A0001/kernel_B", "Lung_Dx-A0001/kernel_L", "Lung_Dx-A0002", "rider_0117"]
    namespace = uuid.UUID("4b1d0e86-5d0b-4c7e-9a53-c0d70042d001")
    golden = {
        "versions": {"pydicom": pydicom.__version__, "SimpleITK": sitk.__version__, "numpy": np.__version__},
        "series": [g for folder in folders for g in golden_series("ct/" + folder, data)],
        "pixels": golden_pixels(data),
        "uids": [{"parts": parts, "uid": "2.25.%d" % uuid.uuid5(
            namespace, "".join("%d:%s," % (len(p.encode()), p) for p in parts)).int}
            for parts in [[], [""], ["a", "bc"], ["ab", "c"], ["Łódź", "1.2.3"], ["x" * 200]]],
    }
    with open(os.path.join(HERE, "golden.json"), "w") as file:
        json.dump(golden, file, indent=1, sort_keys=True)
        file.write("\n")


if __name__ == "__main__":
    main()

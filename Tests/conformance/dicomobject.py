"""What every DICOM object of contourd must keep: value lengths, patient and study of the CT, dciodvfy."""

import subprocess

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement

#: Longest value in bytes (PS3.5 6.2); characters for texts, which are ASCII in what is measured here.
LONGEST = {"AE": 16, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "SH": 16, "UI": 64, "DA": 8, "TM": 14, "DT": 26, "AS": 4}

#: Patient and General Study module: a product is of the same patient and study as its CT, to the letter.
COPIED = [
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName",
]

#: The one attribute that pydicom must understand to read the others.
SPECIFIC_CHARACTER_SET = 0x00080005


def raw_values(dataset, place=""):
    """Every value as (place, VR, bytes) before pydicom makes anything of it: for a data set that was just read."""
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        where = f"{place}{tag}"
        vr = raw.VR or dictionary_VR(tag)
        if vr == "SQ":
            for item in dataset[tag].value:
                yield from raw_values(item, where + "/")
        elif isinstance(raw, RawDataElement):
            yield where, vr, raw.value or b""
        elif raw.value and tag != SPECIFIC_CHARACTER_SET:
            raise TypeError(f"{where} was converted already")


def too_long(path):
    for place, vr, value in raw_values(pydicom.dcmread(path)):
        if vr not in LONGEST:
            continue
        for one in value.split(b"\\"):
            # One byte of padding makes the length even; it belongs to the value's 16 bytes only within.
            if len(one.rstrip(b" \0")) > LONGEST[vr]:
                yield f"{place} {vr} {one!r}"


def dciodvfy_errors(path):
    """Lines that begin with Error; a tool that recognises no IOD is an error too."""
    done = subprocess.run(
        ["dciodvfy", path], capture_output=True, text=True, timeout=120, errors="replace", check=False)
    lines = (done.stdout + done.stderr).splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    recognised = {"RTStructureSet", "Segmentation", "CTImage"} & {line.strip() for line in lines}
    if done.returncode < 0 or not recognised:
        errors.append("dciodvfy did not recognise the object: " + " ".join(lines[:2]))
    return errors


def belongs_to(checks, what, path, dataset, ct):
    """Checks of identity that hold for every product of a CT."""
    checks.none(f"{what}: no value is longer than its VR allows", too_long(path))
    checks.none(
        f"{what}: patient and study are those of the CT, to the letter",
        (f"{name} is {dataset.get(name)!r}, not {ct.first.get(name)!r}" for name in COPIED
         if str(dataset.get(name, "")) != str(ct.first.get(name, "") if ct.first.get(name) is not None else "")))
    checks.check(
        f"{what}: it has a series and an instance of its own",
        dataset.SeriesInstanceUID != ct.first.SeriesInstanceUID and dataset.SOPInstanceUID not in ct.uids)
    checks.check(
        f"{what}: file meta information names the object",
        dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        and dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID)


def differing(a, b, place=""):
    """Places of the attributes in which two data sets differ."""
    for tag in sorted(set(a.keys()) | set(b.keys())):
        where = f"{place}{tag}"
        if tag not in a or tag not in b:
            yield where
        elif a[tag].VR == "SQ" and b[tag].VR == "SQ" and len(a[tag].value) == len(b[tag].value):
            for n, (left, right) in enumerate(zip(a[tag].value, b[tag].value)):
                yield from differing(left, right, f"{where}[{n}]/")
        elif a[tag].value != b[tag].value:
            yield where

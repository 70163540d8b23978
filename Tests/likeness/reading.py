"""CT volumes for the measurements of likeness: real ones with their label maps and places in organs, generated ones
with their organs."""

import json
import os
import pathlib
import subprocess
from dataclasses import dataclass, field

import nibabel
import numpy
import pydicom

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LABELS = ROOT / "Tests/Fixtures/labels"
REGIONS = pathlib.Path(__file__).resolve().parent / "regions.json"

#: Real CTs of the shared data: folder below data/ct, number of slices of the series, label map.
REAL = [
    ("itkelastix_00", 141, "ITKElastix_itkelastix_00"),
    ("Lung_Dx-A0001/kernel_B", 64, "Lung-PET-CT-Dx_Lung_Dx-A0001"),
    ("Lung_Dx-A0001/kernel_L", 64, "Lung-PET-CT-Dx_Lung_Dx-A0001"),
    ("Lung_Dx-A0002", 30, "Lung-PET-CT-Dx_Lung_Dx-A0002"),
    ("LIDC-IDRI-0003", 140, "LIDC-IDRI_LIDC-IDRI-0003"),
    ("cmb_crc_01068", 100, "CMB-CRC_cmb_crc_01068"),
    ("lungfcp_01_0001", 98, "Lung-Fused-CT-Pathology_lungfcp_01_0001"),
    ("rider_0117", 95, "RIDER-Pilot_rider_0117"),
    ("cptac_pda_00189", 35, "CPTAC-PDA_cptac_pda_00189"),
    ("acrin_flt_001", 99, "ACRIN-FLT-Breast_acrin_flt_001_A"),
    ("acrin_flt_001", 31, "ACRIN-FLT-Breast_acrin_flt_001_B"),
]

#: Organs measured by places inside them: what each consists of in the truth of a phantom.
ORGANS = {
    "heart": ("heart", "myocardium"),
    "aorta": ("aorta",),
    "spinal cord": ("spinalCord",),
    "esophagus": ("esophagus", "esophagealAir"),
}


@dataclass
class CT:
    """`hu` and `lungs` are indexed slice (feet first), row (front first), column (patient's right first); `lungs` is
    1 left, 2 right. `spacing` is that of slices, rows and columns, mm.

    Of the organs a real CT has `places`, circles by organ as regions.json describes them, a generated one has `organs`:
    indexed like `hu`, 1 and so on in the order of `ORGANS`."""

    name: str
    hu: numpy.ndarray
    lungs: numpy.ndarray
    spacing: tuple
    places: dict = field(default_factory=dict)
    organs: numpy.ndarray | None = None


def series(folder):
    """Series below a folder: lists of data sets sorted from feet to head."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file():
            item = pydicom.dcmread(path, force=False)
            found.setdefault(item.SeriesInstanceUID, []).append(item)
    for items in found.values():
        items.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    return list(found.values())


def volume(items):
    """HU in the order of `CT`, and the spacing; only for axial pictures, whatever their signs."""
    planes = [
        item.pixel_array.astype(numpy.float32) * float(item.RescaleSlope) + float(item.RescaleIntercept)
        for item in items
    ]
    hu = numpy.stack(planes)
    first = items[0]
    across, down = numpy.array(first.ImageOrientationPatient, float).reshape(2, 3)
    if across[0] < 0:
        hu = hu[:, :, ::-1]
    if down[1] < 0:
        hu = hu[:, ::-1]
    heights = [float(item.ImagePositionPatient[2]) for item in items]
    rows, columns = (float(value) for value in first.PixelSpacing)
    distance = float(numpy.median(numpy.diff(heights))) if len(items) > 1 else float(first.SliceThickness)
    return hu, (distance, rows, columns), (across[0] < 0, down[1] < 0)


def real(shared):
    """Every real CT that is there, one after the other."""
    regions = json.loads(REGIONS.read_text())["cases"]
    for folder, count, labels in REAL:
        path = pathlib.Path(shared, "data/ct", folder)
        if not path.is_dir():
            continue
        for items in series(path):
            if len(items) == count:
                hu, spacing, _ = volume(items)
                lungs = numpy.asarray(nibabel.load(LABELS / f"{labels}_lungs.nii.gz").dataobj).transpose(2, 1, 0)
                name = f"{folder} ({count})"
                yield CT(name, hu, lungs, spacing, places=regions.get(name, {}))


def generated(binaries, work, seeds, *arguments):
    """CTs of `contourctl phantom`, made below `work` where they are not there yet."""
    for seed in seeds:
        folder = pathlib.Path(work, f"phantom-{seed}")
        if not (folder / "truth/Lung_R.nii.gz").exists():
            command = [f"{binaries}/contourctl", "phantom", "--output", folder, "--seed", str(seed), *arguments]
            subprocess.run([os.fspath(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        hu, spacing, turned = volume(series(folder / "ct")[0])
        lungs = numpy.zeros(hu.shape, numpy.uint8)
        for value, name in ((1, "Lung_L"), (2, "Lung_R")):
            lungs[truth(folder, name, turned) > 0] = value
        values = truth(folder, "organs", turned)
        lines = (folder / "truth/organs.txt").read_text().splitlines()
        named = {name: int(value) for value, name in map(str.split, lines)}
        organs = numpy.zeros(hu.shape, numpy.uint8)
        for value, members in enumerate(ORGANS.values(), 1):
            organs[numpy.isin(values, [named[member] for member in members])] = value
        yield CT(f"seed {seed}", hu, lungs, spacing, organs=organs)


def truth(folder, name, turned):
    """A label map of a phantom in the order of `CT`; `turned` is what `volume` says of the pictures."""
    image = nibabel.load(folder / f"truth/{name}.nii.gz")
    labels = numpy.asarray(image.dataobj).transpose(2, 1, 0)
    # The file's slices may run from head to feet.
    if image.affine[2, 2] < 0:
        labels = labels[::-1]
    mirrored, upside_down = turned
    if mirrored:
        labels = labels[:, :, ::-1]
    return labels[:, ::-1] if upside_down else labels

"""What scripts of this folder share: the recipe of the lung model, the real CTs, and calls of contourctl."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("CONTOURD_SHARED", ROOT.parent / "shared"))
LABELS = ROOT / "Tests/Fixtures/labels"
RECIPE = ROOT / "docs/recipes/lungs-generated.json"

# Folder below data/ct, role, and the label map of each series by its number of slices.
CASES = [
    ("itkelastix_00", "test", {141: "ITKElastix_itkelastix_00"}),
    ("Lung_Dx-A0001/kernel_B", "test", {64: "Lung-PET-CT-Dx_Lung_Dx-A0001"}),
    ("Lung_Dx-A0001/kernel_L", "test", {64: "Lung-PET-CT-Dx_Lung_Dx-A0001"}),
    ("cmb_crc_01068", "training", {100: "CMB-CRC_cmb_crc_01068"}),
    ("lungfcp_01_0001", "training", {98: "Lung-Fused-CT-Pathology_lungfcp_01_0001"}),
    ("LIDC-IDRI-0003", "training", {140: "LIDC-IDRI_LIDC-IDRI-0003"}),
    ("Lung_Dx-A0002", "training", {30: "Lung-PET-CT-Dx_Lung_Dx-A0002"}),
    ("rider_0117", "training", {95: "RIDER-Pilot_rider_0117"}),
    ("cptac_pda_00189", "training", {35: "CPTAC-PDA_cptac_pda_00189"}),
    ("acrin_flt_001", "training", {99: "ACRIN-FLT-Breast_acrin_flt_001_A", 31: "ACRIN-FLT-Breast_acrin_flt_001_B"}),
]


def call(*command, accepted=(0,)):
    """What the command prints; ends the script where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in accepted:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def linked_cases(work, names):
    """A folder with links to real CTs, under the names that the recipe's weights know."""
    folder = work / "cts"
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to((SHARED / "data/ct" / name).resolve())
    return folder


def take_over(cache, training):
    """The prepared cases of another training, unless this one has begun."""
    if cache and not training.exists():
        training.mkdir()
        shutil.copytree(cache, training / "cache", copy_function=os.link)

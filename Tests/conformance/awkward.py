#!/usr/bin/env python
"""Files that break readers: each ends with a result or with a reason, never with a crash, a hang or silence.

`awkward.py --write` writes what was found as the new table of expectations, to be looked at before it is committed.
"""

import glob
import json
import os
import re
import sys
import tempfile

import pydicom

import product
import reports
from checks import Checks

TABLE = os.path.join(os.path.dirname(__file__), "awkward-expected.tsv")
LIMIT = 60
CODE = re.compile(r"\b[EW]_[A-Z0-9_]+\b")
#: What can only be seen in the values, which explain does not read.
FROM_VALUES = {"E_NOT_HU", "E_PADDING_IN_TISSUE", "E_CORRUPT", "E_UNSUPPORTED_IMAGE", "E_TRANSFER_SYNTAX"}
COLUMNS = "path\trun\texplain\tcodes\n"


def main():
    checks = Checks()
    root = product.shared("awkward")
    if root is None:
        checks.skip("CONTOURD_SHARED holds no data/awkward: files that break readers are not tried")
        checks.finish()
    if not product.has_model():
        checks.skip("no model is installed: files that break readers are not tried")
        checks.finish()
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, path in enumerate(everything_below(root)):
            name = os.path.relpath(path, root)
            found[name] = outcome(checks, name, path, f"{scratch}/{number}")
        damaged_version(checks, scratch)
        short_tile(checks, root, scratch)
    if "--write" in sys.argv:
        write(found)
    compare(checks, found)
    checks.finish()


def everything_below(root):
    """Every folder and every file, the whole first."""
    yield root
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders) + sorted(files):
            yield os.path.join(folder, name)


def outcome(checks, name, path, output):
    """Status of run and explain, and every code that both tell; counts what must hold for any input."""
    run = product.contourctl("run", path, "--output", output, "--json", timeout=LIMIT)
    explain = product.contourctl("explain", path, "--json", timeout=LIMIT)
    for command, done in (("run", run), ("explain", explain)):
        checks.check(f"{command} {name} ends within {LIMIT} s with status 0, 65 or 66", done.status in (0, 65, 66),
                     f"{done.status}: {done.stderr[-300:]}")
        checks.check(f"{command} {name} says something", done.stdout.strip() or done.stderr.strip())
    checks.check(f"run and explain agree about {name}", run.status == explain.status or explain.status == 0,
                 f"run {run.status}, explain {explain.status}")
    told = set(CODE.findall(run.stdout + run.stderr))
    codes = set(CODE.findall(explain.stdout + explain.stderr))
    checks.none(f"explain tells every reason that run tells of {name}", sorted(told - codes - FROM_VALUES))
    codes |= told
    reasoned(checks, name, run, output)
    return f"{run.status}\t{explain.status}\t{' '.join(sorted(codes)) or '-'}"


def reasoned(checks, name, run, output):
    """A refusal says which, why and what to do, also in the folder that it leaves."""
    if run.status == 66:
        checks.check(f"run tells what {name} is instead of a CT", re.search(r"\d+ x \S", run.stderr), run.stderr)
        return
    if run.status not in (0, 65):
        return
    outcomes = json.loads(run.stdout)["outcomes"]
    checks.check(f"every series of {name} has an outcome", outcomes)
    for one in outcomes:
        fault, folder = one.get("fault"), one.get("output")
        what = f"{name}, {one['verdict']}"
        if one["verdict"] in ("delivered", "review"):
            checks.check(f"{what}: contours or a finding", os.path.isfile(f"{folder}/report.html"))
            continue
        checks.check(f"{what}: there is a code, a message and a hint",
                     fault and CODE.fullmatch(fault["code"]) and fault["message"] and fault["hint"], fault)
        checks.check(f"{what}: the folder is NAME.refused in the output", folder and folder.endswith(".refused")
                     and os.path.dirname(folder) == os.path.realpath(output), folder)
        with open(f"{folder}/REFUSED.txt") as file:
            text = " ".join(file.read().split())  # its lines are wrapped
        checks.check(f"{what}: REFUSED.txt tells code, message and hint",
                     all(" ".join(fault[key].split()) in text for key in ("code", "message", "hint")), text[:200])
        report = reports.read(folder)
        checks.none(f"{what}: report.json validates", reports.schema_errors(report))
        checks.check(f"{what}: report.json tells the same fault",
                     report["verdict"] == "refused" and report["fault"]["code"] == fault["code"])


def short_tile(checks, root, scratch):
    """Enough slices of the JPEG 2000 stream of htj2k/, whose tile-part says that it is longer than the stream.

    OpenJPEG decodes it only in its lenient mode, which would also take a stream that was cut off.
    """
    image = pydicom.dcmread(f"{root}/htj2k/000301.dcm")
    folder = f"{scratch}/short-tile"
    os.makedirs(folder)
    for k in range(12):
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"2.25.{k + 1}"
        image.ImagePositionPatient = [0, 0, 2.5 * k]
        image.InstanceNumber = k + 1
        image.save_as(f"{folder}/{k}.dcm")
    run = product.contourctl("run", folder, "--output", f"{scratch}/short-tile-result", "--json", timeout=LIMIT)
    fault = json.loads(run.stdout)["outcomes"][0].get("fault") or {}
    checks.check("a JPEG 2000 stream that is shorter than it says is refused as damaged, and the slice is named",
                 run.status == 65 and fault.get("code") == "E_CORRUPT" and "slice" in str(fault["details"]), fault)


def damaged_version(checks, scratch):
    """A whole series, and one of its images a second time, compressed and damaged."""
    folder = f"{scratch}/damaged-version"
    product.contourctl("phantom", "--output", folder, "--columns", "64", "--rows", "64", "--slices", "12",
                       "--spacing", "5", "5", "8", timeout=LIMIT)
    image = pydicom.dcmread(sorted(glob.glob(f"{folder}/ct/*"))[3])
    image.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    image.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(500)])
    image["PixelData"].is_undefined_length = True
    image.save_as(f"{folder}/ct/again")
    run = product.contourctl("run", f"{folder}/ct", "--output", f"{scratch}/damaged-version-result", "--json",
                             timeout=LIMIT)
    fault = json.loads(run.stdout)["outcomes"][0].get("fault") or {}
    checks.check("a damaged second version of an image is a conflict, and the slice is named",
                 run.status == 65 and fault.get("code") == "E_CONFLICTING_INSTANCES"
                 and f"slice {image.InstanceNumber}" in str(fault["details"]), fault)


def write(found):
    with open(TABLE, "w") as file:
        file.write(COLUMNS)
        file.writelines(f"{name}\t{line}\n" for name, line in sorted(found.items()))


def compare(checks, found):
    with open(TABLE) as file:
        lines = file.read().splitlines()[1:]
    expected = dict(line.split("\t", 1) for line in lines)
    for name in sorted(set(expected) | set(found)):
        checks.check(f"the outcome of {name} is the one in awkward-expected.tsv",
                     expected.get(name) == found.get(name), f"found {found.get(name)}, expected {expected.get(name)}")


if __name__ == "__main__":
    sys.exit(main())

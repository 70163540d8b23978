"""report.json against its published schema and the files beside it; report.html against what a page may not hold."""

import hashlib
import json
import os
import re
from html.parser import HTMLParser

import jsonschema
import nibabel
import numpy as np

SCHEMA = os.path.join(os.path.dirname(__file__), "../../docs/schemas/report.schema.json")

#: What tells who somebody is; none of it belongs into a report.
PERSONAL = ["PatientName", "PatientID", "PatientBirthDate", "ReferringPhysicianName", "AccessionNumber"]


def schema_errors(report):
    with open(SCHEMA) as file:
        schema = json.load(file)
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message[:120]}" for error in validator.iter_errors(report)]


def read(folder):
    with open(f"{folder}/report.json") as file:
        return json.load(file)


def check(checks, what, folder, ct, masks, labels):
    """`labels`: structure -> its value in labels.nii.gz, for those that are not derived."""
    report = read(folder)
    checks.none(f"{what}: report.json validates against docs/schemas/report.schema.json", schema_errors(report))
    _digests(checks, what, folder, report)
    _series(checks, what, report["series"], ct)
    _structures(checks, what, report, ct, masks, labels)
    _labels(checks, what, folder, masks, labels)
    with open(f"{folder}/report.html") as file:
        html = file.read()
    checks.none(f"{what}: report.html needs nothing from outside", external_references(html))
    text = re.sub(r'data:[^"\')\s]*', "", html) + json.dumps(report, ensure_ascii=False)
    secrets = [str(ct.first.get(name) or "") for name in PERSONAL]
    words = {word for secret in secrets for word in [secret, *re.split(r"[\^ ]", secret)] if len(word) >= 4}
    checks.none(f"{what}: neither report names the patient", (word for word in words if word.lower() in text.lower()))


def _digests(checks, what, folder, report):
    names = sorted(set(os.listdir(folder)) - {"report.json", "report.html"})
    checks.check(f"{what}: report.json lists every file of the folder", sorted(report["files"]) == names, names)
    wrong = []
    for name in names:
        with open(f"{folder}/{name}", "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != report["files"].get(name):
                wrong.append(name)
    checks.none(f"{what}: the SHA-256 of every file is the one in report.json", wrong)


def _series(checks, what, series, ct):
    expected = {
        "seriesInstanceUID": ct.first.SeriesInstanceUID, "studyInstanceUID": ct.first.StudyInstanceUID,
        "frameOfReferenceUID": ct.first.FrameOfReferenceUID, "slices": ct.shape[0], "rows": ct.shape[1],
        "columns": ct.shape[2],
    }
    checks.none(
        f"{what}: report.json describes the CT",
        (f"{key} is {series.get(key)}, not {value}" for key, value in expected.items() if series.get(key) != value))
    rows, columns = (float(v) for v in ct.first.PixelSpacing)
    checks.check(f"{what}: the spacing in report.json is the CT's",
                 np.allclose(series["spacingMM"], [columns, rows, ct.spacing_k], rtol=1e-6), series["spacingMM"])


def _structures(checks, what, report, ct, masks, labels):
    found = {one["name"]: one for one in report["structures"] if one["found"]}
    checks.check(f"{what}: the structures of report.json are those of the masks", set(found) == set(masks),
                 sorted(found))
    checks.check(f"{what}: unions are marked as derived",
                 {name for name, one in found.items() if one["derived"]} == set(masks) - set(labels))
    voxel_ml = np.prod(report["series"]["spacingMM"]) / 1000
    for name in set(found) & set(masks):
        one, (k, j, i) = found[name], np.nonzero(masks[name])
        measured = [len(k) * voxel_ml, *ct.patient_points(k, j, i).mean(axis=0), k.min(), k.max()]
        told = [one["volumeML"], *one["centroidMM"], one["firstSlice"], one["lastSlice"]]
        checks.check(f"{what}: volume, centre and slices of {name} are those of its mask",
                     np.allclose(measured, told, rtol=1e-6, atol=1e-3), f"{told}, measured {measured}")


def _labels(checks, what, folder, masks, labels):
    volume = np.asarray(nibabel.load(f"{folder}/labels.nii.gz").dataobj)
    values = set(np.unique(volume)) - {0}
    checks.check(f"{what}: labels.nii.gz holds no derived union",
                 values == {labels[name] for name in labels if name in masks}, values)
    for name, value in labels.items():
        if name in masks:
            own = np.asarray(nibabel.load(f"{folder}/{name}.nii.gz").dataobj) > 0
            checks.check(f"{what}: labels.nii.gz and {name}.nii.gz agree", ((volume == value) == own).all())


class _References(HTMLParser):
    """What a browser would fetch, run or follow."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag in {"script", "iframe", "object", "embed", "base", "link", "form"}:
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            value = (value or "").strip()
            if name in {"src", "srcset", "href", "data", "action", "poster", "background", "xlink:href"}:
                if not value.startswith(("data:", "#")):
                    self.found.append(f"{name}={value[:60]}")
            if name.startswith("on"):
                self.found.append(f"{name}=...")


def external_references(html):
    parser = _References()
    parser.feed(html)
    styles = re.findall(r"url\(\s*['\"]?(?!data:|#)[^)]{0,60}|@import[^;]{0,60}", html)
    return parser.found + styles

#!/usr/bin/env python
"""Contours that come to a running contourd after the delivery: ours again, ours under another UID, edited in part, and
drawn anew, also when the pixels are gone and the model package is another one."""

import copy
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import jsonschema
import pydicom
from pydicom.uid import generate_uid

import product
import reports
from checks import Checks

SETTINGS = """
[folders]
state = "{0}/state"
inbox = "{0}/inbox"
outbox = "{0}/outbox"
[inbox]
settle_seconds = 0.2
[series]
quiet_seconds = 0.5
[models]
directory = "{0}/models"
[outbox]
minimum_free_mb = 0
[work]
keep_pixels_days = {1}
[control]
socket = "{0}/control.sock"
group = ""
"""
PATIENCE = 240
SCHEMA = os.path.join(os.path.dirname(__file__), "../../docs/schemas/outcomes.schema.json")


class Service:
    """contourd in folders of its own."""

    def __init__(self, base):
        self.base = base
        self.process = None

    def start(self, keep_pixels_days=7.0):
        with open(f"{self.base}/contourd.toml", "w", encoding="utf-8") as file:
            file.write(SETTINGS.format(self.base, keep_pixels_days))
        for name in ("inbox", "outbox"):
            os.makedirs(f"{self.base}/{name}", exist_ok=True)
        with open(f"{self.base}/log", "ab") as log:
            self.process = subprocess.Popen(
                [f"{product.BINARIES}/contourd", "--config", f"{self.base}/contourd.toml"], stdout=log, stderr=log)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def drop(self, path, name):
        shutil.copy(path, f"{self.base}/.{name}")
        os.rename(f"{self.base}/.{name}", f"{self.base}/inbox/{name}")

    def delivered(self, ending):
        """The folder that ends so, when it is there."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            found = [name for name in os.listdir(f"{self.base}/outbox") if name.endswith(ending)]
            if found:
                return f"{self.base}/outbox/{found[0]}"
            time.sleep(0.2)
        return None

    def outcomes(self, *arguments):
        return product.contourctl("outcomes", "--config", f"{self.base}/contourd.toml", *arguments)


def main():
    checks = Checks()
    models = os.environ.get("CONTOURD_MODELS") or f"{os.path.dirname(__file__)}/../../Sources/Models"
    if not os.path.isdir(f"{models}/lungs"):
        checks.skip("there is no lung model: no outcome can be made")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        shutil.copytree(f"{models}/lungs", f"{base}/models/lungs")
        ct, truth = product.phantom(f"{base}/phantom", *product.COARSE_GRID)
        service = Service(base)
        service.start()
        try:
            run(checks, service, ct, truth)
        finally:
            service.stop()
    checks.finish()


def run(checks, service, ct, truth):
    for number, image in enumerate(sorted(os.listdir(ct))):
        service.drop(f"{ct}/{image}", f"CT{number}")
    series = pydicom.dcmread(f"{ct}/{sorted(os.listdir(ct))[0]}").SeriesInstanceUID
    result = service.delivered(series)
    if not checks.check("the phantom is contoured", result is not None, open(f"{service.base}/log").read()[-2000:]):
        return
    before = {name: os.path.getmtime(f"{result}/{name}") for name in os.listdir(result)}
    rtstruct = pydicom.dcmread(f"{result}/rtstruct.dcm")
    came_back_as_it_was(checks, service, result)
    written_again(checks, service, rtstruct)
    edited_in_part(checks, service, rtstruct)
    drawn_twice(checks, service, rtstruct)
    made_again(checks, service)
    # Weeks later: the pixels are gone, and another model is installed.
    service.stop()
    description = f"{service.base}/models/lungs/model.json"
    text = open(description, encoding="utf-8").read()
    with open(description, "w", encoding="utf-8") as file:
        file.write(text.replace('"version" : "', '"version" : "9.'))
    service.start(keep_pixels_days=0)
    drawn_anew(checks, service, truth)
    without_series(checks, service, truth)
    after = {name: os.path.getmtime(f"{result}/{name}") for name in os.listdir(result)}
    checks.check("the delivered folder never changed", before == after)
    the_table(checks, service)


def evaluation(checks, service, number, what, revision=""):
    folder = service.delivered(f"{revision}.evaluation-{number}")
    if not checks.check(f"{what}: a small folder is delivered beside the result", folder is not None):
        return None
    report = json.load(open(f"{folder}/report.json", encoding="utf-8"))
    checks.check(f"{what}: it holds the two reports alone", sorted(os.listdir(folder)) == ["report.html", "report.json"])
    checks.none(f"{what}: report.json validates", reports.schema_errors(report))
    return report


def codes(report):
    return [finding["code"] for finding in report["findings"]]


def came_back_as_it_was(checks, service, result):
    service.drop(f"{result}/rtstruct.dcm", "same.dcm")
    if report := evaluation(checks, service, 1, "our own file"):
        checks.check("our own file is recognised and not scored",
                     "W_OWN_RESULT" in codes(report) and "evaluation" not in report, codes(report))


def written_again(checks, service, rtstruct):
    """As a planning system does: another UID, coordinates with two digits, approved."""
    again = pydicom.dcmread(rtstruct.filename)
    approve(again)
    for contour in (c for roi in again.ROIContourSequence for c in roi.ContourSequence):
        contour.ContourData = [f"{float(v):.2f}" for v in contour.ContourData]
    again.save_as(f"{service.base}/again.dcm")
    service.drop(f"{service.base}/again.dcm", "again.dcm")
    if report := evaluation(checks, service, 2, "our contours under another UID"):
        changes = {c["name"]: c["status"] for c in report["evaluation"]["changes"]}
        checks.check("our contours under another UID are unedited", set(changes.values()) == {"unedited"}, changes)
        checks.check("and not scored", report["evaluation"]["structures"] == [] and "W_OWN_RESULT" in codes(report))


def approve(dataset):
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.ApprovalStatus, dataset.ReviewerName = "APPROVED", "Nobody"
    dataset.ReviewDate, dataset.ReviewTime = "20240101", "120000"


def edited_in_part(checks, service, rtstruct):
    """The left lung moved by 6 mm in a third of its slices, the union taken away."""
    edited = pydicom.dcmread(rtstruct.filename)
    approve(edited)
    names = {roi.ROINumber: roi.ROIName for roi in edited.StructureSetROISequence}
    for roi in edited.ROIContourSequence:
        if names[roi.ReferencedROINumber] == "Lung_L":
            for contour in list(roi.ContourSequence)[::3]:
                contour.ContourData = [f"{float(v) + (6 if n % 3 == 0 else 0):.3f}" for n, v in enumerate(contour.ContourData)]
    gone = {number for number, name in names.items() if name == "Lungs"}
    for sequence, key in (("StructureSetROISequence", "ROINumber"), ("ROIContourSequence", "ReferencedROINumber"),
                          ("RTROIObservationsSequence", "ReferencedROINumber")):
        setattr(edited, sequence, [item for item in getattr(edited, sequence) if item[key].value not in gone])
    edited.save_as(f"{service.base}/edited.dcm")
    service.drop(f"{service.base}/edited.dcm", "edited.dcm")
    if report := evaluation(checks, service, 3, "contours edited in part"):
        changes = {c["name"]: c for c in report["evaluation"]["changes"]}
        statuses = {name: change["status"] for name, change in changes.items()}
        checks.check("it is told what was edited, what not, and what was taken away",
                     statuses == {"Lung_L": "edited", "Lung_R": "unedited", "Lungs": "removed"}, statuses)
        checks.check("and how much", changes["Lung_L"]["addedML"] > 0 and changes["Lung_L"]["drawnMM"] > 0
                     and changes["Lung_L"]["slicesChanged"] > 0, changes["Lung_L"])
        checks.check("only what was edited is scored", [s["name"] for s in report["evaluation"]["structures"]] == ["Lung_L"])


def drawn_twice(checks, service, rtstruct):
    """One lung with all its contours twice, from their other end: no edit, and the set is not our own result either."""
    doubled = pydicom.dcmread(rtstruct.filename)
    approve(doubled)
    number = next(roi.ROINumber for roi in doubled.StructureSetROISequence if roi.ROIName == "Lung_L")
    for roi in doubled.ROIContourSequence:
        for contour in list(roi.ContourSequence) if roi.ReferencedROINumber == number else []:
            again = copy.deepcopy(contour)
            points = [contour.ContourData[n:n + 3] for n in range(0, len(contour.ContourData), 3)]
            again.ContourData = [value for point in reversed(points) for value in point]
            roi.ContourSequence.append(again)
    doubled.save_as(f"{service.base}/doubled.dcm")
    service.drop(f"{service.base}/doubled.dcm", "doubled.dcm")
    if report := evaluation(checks, service, 4, "contours drawn twice"):
        checks.check("they are told, and the set is not taken for our own result",
                     "W_REFERENCE_OVERDRAWN" in codes(report) and "W_OWN_RESULT" not in codes(report), codes(report))
        changes = {c["name"]: c["status"] for c in report["evaluation"]["changes"]}
        checks.check("what is drawn over is no edit, and its union no outcome", changes == {"Lung_R": "unedited"}, changes)


def made_again(checks, service):
    """The same series contoured once more, with all these sets at hand: they are contours of the first revision."""
    product.contourctl("retry", "--config", f"{service.base}/contourd.toml", "1")
    folder = service.delivered("-r2")
    if not checks.check("a second revision is delivered", folder is not None):
        return
    report = json.load(open(f"{folder}/report.json", encoding="utf-8"))
    checks.none("its report validates", reports.schema_errors(report))
    scored = {s["name"] for s in report.get("evaluation", {}).get("structures", [])}
    checks.check("unedited contours of the first revision are no reference for it",
                 not scored & {"Lung_R", "Lungs"} and "W_OWN_RESULT" in codes(report), (scored, codes(report)))
    approved = json.loads(service.outcomes("--json").stdout)
    checks.check("and no second outcome of the same scan",
                 {o["structure"]: o["status"] for o in approved["outcomes"]}
                 == {"Lung_L": "edited", "Lung_R": "unedited", "Lungs": "removed"}, approved["outcomes"])


def drawn_anew(checks, service, truth):
    service.drop(f"{truth}/rtstruct.dcm", "truth.dcm")
    if report := evaluation(checks, service, 1, "a reference weeks later", "-r2"):
        checks.check("it is scored without pixels and with another model installed",
                     {s["name"] for s in report["evaluation"]["structures"]} >= {"Lung_L", "Lung_R"}, codes(report))
        checks.check("the report names the model that was used", not report["model"]["version"].startswith("9."))
        folder = service.delivered("-r2.evaluation-1")
        with open(f"{folder}/report.html", encoding="utf-8") as file:
            page = file.read()
        # Unless the pixels were still there: they are deleted when the service gets round to it.
        if "outlines alone" in page:
            checks.check("its page says that the CT is gone, and shows all three planes all the same",
                         "The CT cannot be shown" in page
                         and all(f'<figure class="{plane}"' in page for plane in ("axial", "coronal", "sagittal")))
        else:
            checks.check("its page does not say that the CT is gone while it shows it", "cannot be shown" not in page)


def without_series(checks, service, truth):
    """A set that says by its images alone what it contours, which were deleted meanwhile."""
    nameless = pydicom.dcmread(f"{truth}/rtstruct.dcm")
    nameless.SOPInstanceUID = nameless.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    del nameless.ReferencedFrameOfReferenceSequence
    nameless.save_as(f"{service.base}/nameless.dcm")
    service.drop(f"{service.base}/nameless.dcm", "nameless.dcm")
    if report := evaluation(checks, service, 2, "a set that names no series", "-r2"):
        checks.check("it is scored against the series of its images",
                     {s["name"] for s in report["evaluation"]["structures"]} >= {"Lung_L", "Lung_R"}, codes(report))


def follows_schema(checks, answer):
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    checks.none("the answer validates against outcomes.schema.json",
                [f"{list(e.path)}: {e.message[:150]}" for e in validator.iter_errors(answer)])
    # Beyond what so few outcomes show: a chart with its limits, one flagged.
    full = json.loads(json.dumps(answer))
    checks.check("what became of the structures is compared, too", full["shares"] and full["share_rule"], full.get("shares"))
    full["shares"][0]["chart"].update(first=20, latest=1, shares=[
        {"kind": "removed", "first": 0, "latest": 1, "p": 0.05, "flagged": False}])
    chart = full["charts"][0]["chart"]
    chart.update(centre=0.97, lowerLimit=0.9, upperLimit=0.99, points=[{"value": 0.89, "weightedMean": 0.95, "drift": -1.2, "flags": ["beyond limits", "drift"]}])
    checks.check("a chart with limits does, too", validator.is_valid(full))
    for name, spoil in {
        "of an unknown status": lambda value: value["outcomes"][0].update(status="lost"),
        "with a key that is not explained": lambda value: value.update(unknown=1),
        "with a Dice above 1": lambda value: next(o for o in value["outcomes"] if "scores" in o)["scores"].update(dice=1.5),
        "without its rule": lambda value: value.pop("rule"),
    }.items():
        bad = json.loads(json.dumps(answer))
        spoil(bad)
        checks.check(f"an answer {name} does not", not validator.is_valid(bad))


def the_table(checks, service):
    done = service.outcomes("--all", "--json")
    if not checks.check("the table of outcomes can be asked for", done.status == 0, done.stderr):
        return
    answer = json.loads(done.stdout)
    follows_schema(checks, answer)
    statuses = {o["structure"]: o["status"] for o in answer["outcomes"]}
    checks.check("the latest reference of a result counts", statuses.get("Lung_R") == "edited", statuses)
    table = service.outcomes("--all").stdout
    checks.check("each row of the table names its model",
                 all(outcome["model"] in table for outcome in answer["outcomes"]) and "model" in table.splitlines()[0], table)
    checks.check("a chart collects its baseline", {c["chart"]["baseline"] for c in answer["charts"]} == {20})
    approved = json.loads(service.outcomes("--json").stdout)
    statuses = {o["structure"]: o["status"] for o in approved["outcomes"]}
    checks.check("what nobody approved is left out unless it is asked for, and hides nothing that was approved",
                 statuses == {"Lung_L": "edited", "Lung_R": "unedited", "Lungs": "removed"} and approved["left_out"] > 0,
                 approved)
    page = f"{service.base}/outcomes.html"
    done = service.outcomes("--all", "--html", page, "--csv")
    names = {row["name"] for row in csv.DictReader(done.stdout.splitlines())}
    checks.check("comma-separated values name the result that each row is about",
                 names == {outcome["name"] for outcome in answer["outcomes"]}, names)
    checks.check("it is written as a page and as comma-separated values",
                 done.status == 0 and "Trend" in open(page, encoding="utf-8").read()
                 and len(done.stdout.splitlines()) == 1 + len(answer["outcomes"]), done.stderr)
    with open(page, encoding="utf-8") as file:
        html = file.read()
    # Drawn on the CT, or on black where its pixels were deleted meanwhile.
    scored = sum("scores" in outcome for outcome in answer["outcomes"])
    checks.check("the page shows where what was scored differs most",
                 html.count('<figure class="worstSlice"') == scored > 0 and 'class="differs"' in html,
                 f"{html.count('worstSlice')} pictures of {scored}")


if __name__ == "__main__":
    sys.exit(main())

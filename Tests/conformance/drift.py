#!/usr/bin/env python
"""Corrections that get worse, over more scans than a baseline has: the running service charts them, says so once in its journal,
and `contourctl outcomes` tells it as a table, as JSON and on its page."""

import glob
import json
import os
import random
import sys
import tempfile

import jsonschema
import pydicom

import product
from checks import Checks
from outcomes import SCHEMA, approve
from shares import Service

BASELINE, WORSE = 20, 8
#: A few slices of a chest: the network runs on every one of them.
FEW_SLICES = ["--columns", "96", "--rows", "80", "--spacing", "3.6", "4.1", "8", "--slices", "8", "--without-truth"]


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("there is no lung model: no outcome can be made")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        scans = [product.phantom(f"{base}/{seed}", "--seed", str(seed), *FEW_SLICES)[0] for seed in range(BASELINE + WORSE)]
        service = Service(base)
        try:
            run(checks, service, scans)
        finally:
            service.stop()
    return checks.finish()


def corrected(result, millimetres, slices, path):
    """Our left lung moved to the side in some of its slices, as whoever approved it may have drawn it."""
    dataset = pydicom.dcmread(f"{result}/rtstruct.dcm")
    approve(dataset)
    names = {roi.ROINumber: roi.ROIName for roi in dataset.StructureSetROISequence}
    for roi in dataset.ROIContourSequence:
        if names[roi.ReferencedROINumber] == "Lung_L":
            for contour in list(roi.ContourSequence)[:slices]:
                contour.ContourData = [f"{float(v) + (millimetres if n % 3 == 0 else 0):.3f}"
                                       for n, v in enumerate(contour.ContourData)]
    dataset.save_as(path)
    return path


def run(checks, service, scans):
    def ask(*arguments):
        return product.contourctl(*arguments, "--config", f"{service.base}/contourd.toml")

    done = ask("submit", *scans, "--wait", "--json")
    results = [f"{service.base}/outbox/{one['deliveredName']}" for one in json.loads(done.stdout)["series"]]
    if not checks.check("all scans are contoured", done.status == 0 and len(results) == len(scans), done.stderr):
        return
    chance = random.Random(4)
    for number, result in enumerate(results):
        few = number < BASELINE
        moved, slices = (chance.uniform(3, 8), 2) if few else (12, 8)
        ask("submit", corrected(result, moved, slices, f"{service.base}/{number}.dcm"))
        if not service.until(lambda: len(glob.glob(f"{service.base}/outbox/*.evaluation-*")) > number, 60):
            checks.check("every correction is scored", False, (number, service.log()[-1500:]))
            return
        if number == BASELINE - 1:
            early = ask("outcomes", "--json")
            checks.check("the baseline itself flags nothing", early.status == 0
                         and not any(p["flags"] for c in json.loads(early.stdout)["charts"] for p in c["chart"]["points"]),
                         early.stdout[-500:])
    done = ask("outcomes", "--json")
    checks.check("outcomes ends with 1 where a chart is flagged", done.status == 1, f"{done.status}: {done.stderr}")
    answer = json.loads(done.stdout)
    with open(SCHEMA, encoding="utf-8") as file:
        checks.none("the answer validates against outcomes.schema.json",
                    [e.message[:150] for e in jsonschema.Draft202012Validator(json.load(file)).iter_errors(answer)])
    chart = next(c["chart"] for c in answer["charts"] if c["structure"] == "Lung_L")
    drifts = ["drift" in point["flags"] for point in chart["points"][BASELINE:]]
    checks.check("outcomes that are all worse than the first 20 are drift within eight, and stay so",
                 len(drifts) == WORSE and drifts[-1] and drifts == sorted(drifts),
                 (chart.get("lowerLimit"), [(p["value"], p["flags"]) for p in chart["points"]]))
    checks.none("what was as before is not", [p for p in chart["points"][:BASELINE] if p["flags"]])
    told = [line for line in service.log().splitlines() if "the outcome of" in line and "is flagged" in line]
    checks.check("the journal has a line when it comes up", 1 <= len(told) <= WORSE and "Lung_L" in told[0], told)
    page = f"{service.base}/cohort.html"
    text = ask("outcomes", "--html", page)
    checks.check("the table says so", "LOOK, the latest is flagged" in text.stdout, text.stdout[-800:])
    with open(page, encoding="utf-8") as file:
        html = file.read()
    checks.check("the page marks what is flagged", 'class="flagged"' in html)
    if keep := os.environ.get("CONFORMANCE_KEEP"):
        for name, content in (("cohort.html", html), ("outcomes.txt", text.stdout), ("outcomes.json", done.stdout),
                              ("log", service.log())):
            with open(f"{keep}/{name}", "w", encoding="utf-8") as file:
                file.write(content)


if __name__ == "__main__":
    sys.exit(main())

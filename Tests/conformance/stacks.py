#!/usr/bin/env python
"""A series of two stacks that lie apart, handed over with --wait: both results are waited for, and a structure set that comes
later counts for the stack that it was drawn on alone."""

import glob
import json
import os
import sys
import tempfile
import time

import pydicom
from pydicom.uid import generate_uid

import product
from checks import Checks
from shares import Service


def divide(ct):
    """Takes four slices out of the middle; what is below and above them are two temporal positions."""
    images = sorted((pydicom.dcmread(f"{ct}/{name}") for name in os.listdir(ct)), key=lambda i: i.ImagePositionPatient[2])
    middle = len(images) // 2
    for number, image in enumerate(images):
        os.remove(image.filename)
        if middle - 2 <= number < middle + 2:
            continue
        image.TemporalPositionIdentifier = 1 if number < middle else 2
        del image.ImagesInAcquisition  # else slices are missing
        image.save_as(image.filename)
    return float(images[middle].ImagePositionPatient[2])


def link(ct, folder):
    """The same images by links, as data sets in a store have them."""
    os.makedirs(folder)
    for name in os.listdir(ct):
        os.symlink(f"{ct}/{name}", f"{folder}/{name}")
    return folder


def drawn_on_one(truth, middle, path):
    """The truth below a height, approved; it names the series and no image."""
    dataset = pydicom.dcmread(f"{truth}/rtstruct.dcm")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.ApprovalStatus, dataset.ReviewerName = "APPROVED", "Nobody"
    dataset.ReviewDate, dataset.ReviewTime = "20240101", "120000"
    for frame in dataset.ReferencedFrameOfReferenceSequence:
        for study in frame.RTReferencedStudySequence:
            for series in study.RTReferencedSeriesSequence:
                del series.ContourImageSequence
    for roi in dataset.ROIContourSequence:
        roi.ContourSequence = [c for c in roi.ContourSequence if float(c.ContourData[2]) < middle - 10]
        for contour in roi.ContourSequence:
            del contour.ContourImageSequence
    dataset.save_as(path)
    return path


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("there is no lung model: no stack can be contoured")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        ct, truth = product.phantom(f"{base}/phantom", "--columns", "96", "--rows", "80", "--spacing", "3.6", "4.1", "6")
        middle = divide(ct)
        links = link(ct, f"{base}/links")
        service = Service(base)
        try:
            run(checks, service, links, drawn_on_one(truth, middle, f"{base}/approved.dcm"))
        finally:
            service.stop()
    return checks.finish()


def run(checks, service, ct, approved):
    def ask(*arguments):
        return product.contourctl(*arguments, "--config", f"{service.base}/contourd.toml")

    done = ask("submit", ct, "--wait", "--json")
    checks.check("submit --wait of links ends well", done.status == 0, f"{done.status}: {done.stderr}")
    results = sorted(os.path.basename(path) for path in glob.glob(f"{service.base}/outbox/*"))
    if not checks.check("it ends when the results of both stacks are there",
                        [name[-3:] for name in results] == ["-s1", "-s2"], results):
        return
    said = json.loads(done.stdout)["series"]
    checks.check("it names both", [one.get("deliveredNames") for one in said] == [results], said)
    text = ask("submit", ct, "--wait")
    checks.check("people read the same", text.status == 0 and all(name in text.stdout for name in results), text.stdout)
    done = ask("submit", approved)
    checks.check("a structure set is handed over alone", done.status == 0, done.stderr)
    evaluations = f"{service.base}/outbox/*.evaluation-*"
    checks.check("it is scored", service.until(lambda: glob.glob(evaluations), 60), service.log()[-1500:])
    time.sleep(3)
    found = [os.path.basename(path) for path in glob.glob(evaluations)]
    checks.check("with the stack that it lies on alone", found == [f"{results[0]}.evaluation-1"], found)
    for folder in glob.glob(evaluations):
        with open(f"{folder}/report.json", encoding="utf-8") as file:
            scored = json.load(file)["evaluation"]["structures"]
        checks.check("and its structures have scores", {"Lung_L", "Lung_R"} <= {s["name"] for s in scored}, scored)
    outcomes = json.loads(ask("outcomes", "--json").stdout)["outcomes"]
    checks.check("the other stack has no outcome", {o["name"] for o in outcomes} == {results[0]}, outcomes)


if __name__ == "__main__":
    sys.exit(main())

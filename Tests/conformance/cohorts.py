#!/usr/bin/env python
"""`contourctl evaluate` on one case and on cohorts: its answers follow the published schema, cases find each other by
series and by name, what is missing is named, and the page opens offline."""

import csv
import json
import os
import re
import shutil
import sys
import tempfile

import jsonschema
import nibabel
import numpy as np
import pydicom
import scipy.stats

import product
from checks import Checks

SCHEMA = os.path.join(os.path.dirname(__file__), "../../docs/schemas/evaluation.schema.json")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch:
        made = {seed: product.phantom(f"{scratch}/phantom{seed}", f"--seed={seed}", *product.COARSE_GRID)
                for seed in (1, 2, 3)}
        one_case(checks, made[1])
        beyond_the_segmentation(checks, made[1], scratch)
        of_different_scans(checks, made, scratch)
        by_series(checks, made, scratch)
        several_of_one_patient(checks, made[1], scratch)
        of_one_folder(checks, made, scratch)
        by_name(checks, scratch)
        one_broken(checks, scratch)
    checks.finish()


def follows_schema(checks, what, text):
    with open(SCHEMA, encoding="utf-8") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    answer = json.loads(text)
    checks.none(f"{what}: the answer validates against evaluation.schema.json",
                [f"{list(e.path)}: {e.message[:150]}" for e in validator.iter_errors(answer)])
    checks.check(f"{what}: no number is NaN or infinite", not re.search(r"NaN|Infinity|\binf\b", text))
    return answer


def one_case(checks, made):
    ct, truth = made
    done = product.contourctl("evaluate", "--reference", f"{truth}/rtstruct.dcm", "--prediction", f"{truth}/seg.dcm",
                              "--ct", ct, "--slices", "--json", "--tolerance=0.5", "--tolerance=2",
                              "--per-organ-tolerance=SpinalCord=1")
    if not checks.check("one case is scored", done.status == 0, done.stderr):
        return
    answer = follows_schema(checks, "one case", done.stdout)
    tolerances = {s["name"]: sorted(s["surface_dice"]) for s in answer["structures"]}
    checks.check("a structure has its own tolerance, the others those of all",
                 tolerances.pop("SpinalCord") == ["1"] and set(map(tuple, tolerances.values())) == {("0.5", "2")}, tolerances)
    checks.check("every slice is scored in its plane", all(
        len(s["slices"]) == sum(d is not None for d in s["slice_dice"]["dice"]) for s in answer["structures"]))


def beyond_the_segmentation(checks, made, scratch):
    """A Segmentation leaves out slices in which it has nothing; what the reference has there counts all the same."""
    ct, truth = made
    segmentation = pydicom.dcmread(f"{truth}/seg.dcm")
    size = segmentation.Rows * segmentation.Columns // 8
    heights = [float(f.PlanePositionSequence[0].ImagePositionPatient[2])
               for f in segmentation.PerFrameFunctionalGroupsSequence]
    low, high = np.percentile(heights, [25, 70])
    kept = [n for n, z in enumerate(heights) if low <= z <= high]
    pixels = segmentation.PixelData
    segmentation.PixelData = b"".join(pixels[n * size:(n + 1) * size] for n in kept)
    segmentation.PerFrameFunctionalGroupsSequence = [segmentation.PerFrameFunctionalGroupsSequence[n] for n in kept]
    segmentation.NumberOfFrames = len(kept)
    segmentation.save_as(f"{scratch}/short.dcm")
    arguments = ["evaluate", "--reference", f"{truth}/rtstruct.dcm", "--prediction", f"{scratch}/short.dcm", "--json"]
    answers = [json.loads(product.contourctl(*arguments, *more).stdout) for more in ([], ["--ct", ct])]
    scores = [{s["name"]: (s["dice"], s["surface_dice"]["2"], s["volume_reference_ml"], s["false_negative_ml"])
               for s in answer["structures"]} for answer in answers]
    same = all(np.allclose(scores[0][name], scores[1][name], rtol=1e-6) for name in scores[1])
    checks.check("a Segmentation that ends early is scored as on the CT's grid", same and len(scores[1]) >= 6, scores)
    checks.check("what it lacks costs", scores[0]["Body"][0] < 0.8 if "Body" in scores[0] else min(
        dice for dice, *_ in scores[0].values()) < 0.8, scores[0])
    checks.none("and nothing is said to lie outside", [f for f in answers[0]["findings"] if "on no slice" in f])
    nifti_beyond_the_segmentation(checks, ct, truth, f"{scratch}/short.dcm")


def nifti_beyond_the_segmentation(checks, ct, truth, short):
    """Whichever side is the reference, and in whatever format the other one is."""
    for reference, prediction in ((short, truth), (truth, short)):
        arguments = ["evaluate", "--reference", reference, "--prediction", prediction, "--json"]
        answers = [json.loads(product.contourctl(*arguments, *more).stdout) for more in ([], ["--ct", ct])]
        scores = [{s["name"]: (s["dice"], s["surface_dice"]["2"], s["volume_reference_ml"], s["volume_prediction_ml"])
                   for s in answer["structures"]} for answer in answers]
        what = "a Segmentation that ends early, against NIfTI" if reference == short else "NIfTI against a Segmentation that ends early"
        checks.check(f"{what}: scored as on the CT's grid", len(scores[1]) >= 6 and all(
            np.allclose(scores[0][name], scores[1][name], rtol=1e-6) for name in scores[1]), scores)
        checks.none(f"{what}: nothing is said to lie outside, and no grid to be another one",
                    [f for f in answers[0]["findings"] + answers[0]["warnings"] if "where nothing counts" in f or "voxels of" in f])


def of_different_scans(checks, made, scratch):
    """Objects that say whose they are and where they lie must belong together."""
    (ct, truth), (_, other) = made[1], made[2]
    for reference in ("rtstruct", "seg"):
        for prediction in ("seg", "rtstruct"):
            done = product.contourctl("evaluate", "--reference", f"{other}/{reference}.dcm", "--prediction",
                                      f"{truth}/{prediction}.dcm", "--json")
            checks.check(f"{reference} and {prediction} of two scans are refused",
                         done.status == 65 and "E_OTHER_FRAME" in done.stderr and not done.stdout, f"{done.status} {done.stderr}")
    patient = pydicom.dcmread(f"{truth}/seg.dcm")
    patient.PatientID = "SECRET-4711"
    patient.save_as(f"{scratch}/patient.dcm")
    arguments = ["evaluate", "--reference", f"{scratch}/patient.dcm", "--prediction", f"{truth}/rtstruct.dcm"]
    done = product.contourctl(*arguments, "--json")
    answer = follows_schema(checks, "another patient", done.stdout)
    checks.check("another patient is a warning in JSON and on standard error",
                 any("different patients" in warning for warning in answer["warnings"]) and "different patients" in done.stderr
                 and done.status == 0, f"{done.status} {done.stderr}")
    shown = [done.stdout + done.stderr]
    for form in ([], ["--csv"]):
        done = product.contourctl(*arguments, *form)
        shown.append(done.stdout + done.stderr)
        checks.check(f"and in {form or 'text'}", "WARNING: " in done.stdout and "different patients" in done.stderr, done.stdout)
    checks.none("no Patient ID is printed", [text for text in shown if "4711" in text or "PHANTOM" in text])
    for side, name in (("approved", "patient.dcm"), ("made", None)):
        os.makedirs(f"{scratch}/of-patients/{side}/case")
        shutil.copy(f"{scratch}/{name}" if name else f"{truth}/rtstruct.dcm", f"{scratch}/of-patients/{side}/case")
    page = f"{scratch}/patients.html"
    done = product.contourctl("evaluate", "--reference", f"{scratch}/of-patients/approved", "--prediction",
                              f"{scratch}/of-patients/made", "--json", "--html", page)
    answer = follows_schema(checks, "a cohort with another patient", done.stdout)
    with open(page, encoding="utf-8") as file:
        html = file.read()
    checks.check("so is one in a cohort, and its page says so first",
                 answer["cases"][0]["warnings"] and "different patients" in done.stderr
                 and 0 < html.find("different patients") < html.find("<h2>"), done.stderr)
    checks.check("the definition names the grid", "on the grid of the reference" in answer["definition"], answer["definition"])


def by_series(checks, made, scratch):
    """Results as contourd names them against references in one flat folder: nothing but the series agrees."""
    reference, prediction = f"{scratch}/approved", f"{scratch}/outbox"
    os.makedirs(reference)
    for seed, (_, truth) in made.items():
        if seed != 3:
            shutil.copy(f"{truth}/rtstruct.dcm", f"{reference}/patient-{seed}.dcm")
        folder = f"{prediction}/1.2.3.{10 - seed}"
        os.makedirs(folder)
        for name in ("rtstruct.dcm", "seg.dcm"):
            shutil.copy(f"{truth}/{name}", folder)
        with open(f"{folder}/report.json", "w", encoding="utf-8") as file:
            file.write("{}")
    page = f"{scratch}/cohort.html"
    arguments = ["evaluate", "--reference", reference, "--prediction", prediction]
    done = product.contourctl(*arguments, "--json", "--html", page, *[f"--ct={ct}" for ct, _ in made.values()])
    if not checks.check("two folders of DICOM objects are scored", done.status == 0, done.stderr):
        return
    answer = follows_schema(checks, "a cohort by series", done.stdout)
    checks.check("cases find each other by their series",
                 [c["case"] for c in answer["cases"]] == ["patient-1", "patient-2"], [c["case"] for c in answer["cases"]])
    checks.check("the case without a reference is named", answer["only_prediction"] == ["1.2.3.7"], answer["only_prediction"])
    dice = [s["dice"] for c in answer["cases"] for s in c["structures"]]
    checks.check("the same contours agree fully", len(dice) >= 12 and set(dice) == {1}, dice)
    again = product.contourctl(*arguments, "--json", *[f"--ct={ct}" for ct, _ in made.values()])
    checks.check("the same question has the same answer", again.stdout == done.stdout)
    table = product.contourctl(*arguments, "--csv", *[f"--ct={ct}" for ct, _ in made.values()]).stdout.splitlines()
    table = list(csv.reader(table))
    # Truth against itself: that is told of each case.
    same = [row for row in table if "both sides have the same contours" in row[-1]]
    checks.check("comma-separated values have a line for each structure of each case, for what is missing and for each finding",
                 len(table) == 1 + len(dice) + 1 + len(same) and len(same) == len(answer["cases"])
                 and len({len(row) for row in table}) == 1, table[-1])
    with open(page, encoding="utf-8") as file:
        html = file.read()
    checks.none("cohort.html refers to nothing outside of itself",
                [part for part in ("http:", "https:", "src=\"//", "url(", "<link", "@import") if part in html])
    checks.check("cohort.html has plots, a table to sort, and the missing case",
                 html.count("<svg") >= 3 and "aria-sort" in html and "1.2.3.7" in html)


def several_of_one_patient(checks, made, scratch):
    """Intervals against SciPy, which draws patients with all of their cases: three opinions on one scan are no three patients."""
    _, truth = made
    base = f"{scratch}/clusters"
    random = np.random.default_rng(4)
    for patient, opinions in enumerate((3, 1, 4, 1, 2, 3, 1)):
        # What all opinions on one scan have in common, and what they do not.
        common = random.uniform(0.7, 0.95)
        for opinion in range(opinions + 1):
            dataset = pydicom.dcmread(f"{truth}/rtstruct.dcm")
            dataset.PatientID = f"SECRET-{patient}"
            dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[
                0].SeriesInstanceUID = f"1.2.3.{patient}"
            keep = next(roi for roi in dataset.StructureSetROISequence if roi.ROIName == "Lung_L")
            dataset.StructureSetROISequence = [keep]
            dataset.ROIContourSequence = [c for c in dataset.ROIContourSequence if c.ReferencedROINumber == keep.ROINumber]
            scale = 1 if opinion == 0 else common + random.uniform(-0.03, 0.03)
            for contour in dataset.ROIContourSequence[0].ContourSequence:
                points = np.array(contour.ContourData, float).reshape(-1, 3)
                points = points.mean(axis=0) + (points - points.mean(axis=0)) * scale
                contour.ContourData = [f"{value:.3f}" for value in points.ravel()]
            side = "prediction" if opinion == 0 else "reference"
            name = f"P{patient}" if opinion == 0 else f"P{patient}-{opinion}"
            os.makedirs(f"{base}/{side}/{name}")
            dataset.save_as(f"{base}/{side}/{name}/set.dcm")
    done = product.contourctl("evaluate", "--reference", f"{base}/reference", "--prediction", f"{base}/prediction", "--ct",
                              made[0], "--json")
    if not checks.check("several opinions on scans are scored", done.status == 0, done.stderr):
        return
    answer = follows_schema(checks, "a cohort with several opinions", done.stdout)
    checks.none("its answer holds no Patient ID", [text for text in (done.stdout, done.stderr) if "SECRET" in text])
    sample = answer["summary"][0]["measures"]["dice"]
    checks.check("it says how many patients there are", (sample["n"], sample["patients"]) == (15, 7)
                 and any("15 cases are of 7 patients" in finding for finding in answer["findings"]), answer["findings"])
    of_patients = {}
    for case in answer["cases"]:
        of_patients.setdefault(case["patient"], []).append(case["structures"][0]["dice"])
    groups = list(of_patients.values())
    for name, statistic in (("mean", np.mean), ("median", np.median)):
        expected = scipy.stats.bootstrap(
            (np.arange(len(groups)),), lambda drawn: statistic(np.concatenate([groups[n] for n in drawn])),
            vectorized=False, method="percentile", n_resamples=20000, rng=5).confidence_interval
        width = expected.high - expected.low
        found = sample[f"{name}_ci_95"]
        checks.check(f"the interval of the {name} is that of SciPy's bootstrap over patients",
                     max(abs(found[0] - expected.low), abs(found[1] - expected.high)) < 0.06 * width, (found, expected))
    cases = scipy.stats.bootstrap((np.concatenate(groups),), np.mean, method="percentile", rng=5).confidence_interval
    found = sample["mean_ci_95"]
    checks.check("that of the mean is wider than over cases", cases.high - cases.low < 0.85 * (found[1] - found[0]), (found, cases))


def of_one_folder(checks, made, scratch):
    """Structure sets of two scans in one folder are two cases with names of their own, in numbers and in pictures."""
    os.makedirs(f"{scratch}/together/pat1")
    for seed in (1, 2):
        dataset = pydicom.dcmread(f"{made[seed][1]}/rtstruct.dcm")
        dataset.StructureSetDate, dataset.StructureSetTime = f"2024020{seed}", "1203"
        number = next(roi.ROINumber for roi in dataset.StructureSetROISequence if roi.ROIName == "Lung_L")
        for item in dataset.ROIContourSequence:
            for contour in item.ContourSequence if item.ReferencedROINumber == number else []:
                points = np.array(contour.ContourData, float).reshape(-1, 3) + [[0, 0, 0], [0, 12, 0]][seed - 1]
                contour.ContourData = [f"{value:.3f}" for value in points.ravel()]
        dataset.save_as(f"{scratch}/together/pat1/scan-{seed}.dcm")
    page = f"{scratch}/together.html"
    done = product.contourctl("evaluate", "--reference", f"{scratch}/together", "--prediction", f"{scratch}/outbox", "--json",
                              "--html", page, *[f"--ct={made[seed][0]}" for seed in (1, 2)])
    if not checks.check("structure sets of two scans in one folder are scored", done.status == 0, done.stderr):
        return
    answer = follows_schema(checks, "two scans in one folder", done.stdout)
    checks.check("their cases have names of their own, and the times of their structure sets",
                 [(c["case"], c.get("time")) for c in answer["cases"]]
                 == [("pat1/scan-1", "2024-02-01T12:03:00"), ("pat1/scan-2", "2024-02-02T12:03:00")], answer["cases"])
    worst = [w for w in answer["worst"] if w["structure"] == "Lung_L"]
    with open(page, encoding="utf-8") as file:
        html = file.read()
    checks.check("the picture of the worst case is that case", worst[0]["case"] == "pat1/scan-2" and worst[0]["dice"] < 0.95
                 and "<figcaption>pat1/scan-2, Lung_L: slice" in html and "pat1/scan-1, Lung_L: slice" not in html, worst)


def by_name(checks, scratch):
    """NIfTI: folders of cases, and files that are cases."""
    random = np.random.default_rng(1)
    names = ["a", "b", "c"]
    for side in ("folders/reference", "folders/prediction", "files/reference", "files/prediction"):
        for name in names if "reference" in side else names[:2]:
            mask = (random.random((9, 8, 7)) < 0.5).astype(np.uint8)
            path = f"{scratch}/{side}/{name}" + ("/Lung_L.nii.gz" if "folders" in side else ".nii.gz")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(mask, np.diag([1, 1, 2, 1])), path)
    for kind, extra, structure in (("folders", [], "Lung_L"), ("files", ["--cases"], "label 1")):
        done = product.contourctl("evaluate", "--reference", f"{scratch}/{kind}/reference", "--prediction",
                                  f"{scratch}/{kind}/prediction", "--json", *extra)
        if not checks.check(f"{kind} of NIfTI are cases", done.status == 0, done.stderr):
            continue
        answer = follows_schema(checks, f"a cohort of {kind}", done.stdout)
        checks.check(f"{kind}: cases find each other by name", [c["case"] for c in answer["cases"]] == names[:2])
        checks.check(f"{kind}: a missing prediction is named", answer["only_reference"] == ["c"], answer["only_reference"])
        checks.check(f"{kind}: structures are summed up over cases",
                     [(s["name"], s["cases"]) for s in answer["summary"]] == [(structure, 2)], answer["summary"])
        worst = [w["surface_dice"] for w in answer["worst"]]
        checks.check(f"{kind}: the worst case is the first", worst == sorted(worst) and len(worst) == 2, worst)


def one_broken(checks, scratch):
    with open(f"{scratch}/folders/prediction/a/Lung_L.nii.gz", "wb") as file:
        file.write(b"no NIfTI")
    done = product.contourctl("evaluate", "--reference", f"{scratch}/folders/reference", "--prediction",
                              f"{scratch}/folders/prediction", "--json")
    answer = json.loads(done.stdout or '{"cases": []}')
    faults = [(c["case"], bool(c.get("fault"))) for c in answer["cases"]]
    checks.check("a case that cannot be read is named, and costs no other",
                 done.status == 0 and faults == [("a", True), ("b", False)], f"{done.status} {faults} {done.stderr}")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python
"""contourctl steers a running contourd from a script: what it prints with --json, what it says of stops, and a series that
is no CT, from drop to refusal."""

import json
import os
import subprocess
import sys
import tempfile
import time

import pydicom
from pydicom.uid import MRImageStorage, generate_uid

import product
import reports
from checks import Checks
from shares import Service


def answer(checks, what, done, status=0):
    """One JSON value on standard output and nothing else."""
    if not checks.check(f"{what} ends with {status}", done.status == status, f"{done.status}: {done.stderr}"):
        return None
    return checks.reading(f"{what} prints JSON", lambda: json.loads(done.stdout))


def steer(checks, service, ct):
    def ask(*arguments, timeout=300):
        return product.contourctl(*arguments, "--config", f"{service.base}/contourd.toml", timeout=timeout)

    said = answer(checks, "pause --json", ask("pause", "--json"))
    checks.check("pause says what it did", said and "paused" in said["message"], said)
    status = answer(checks, "status --json", ask("status", "--json"))
    checks.check("a pause is a stop with its command",
                 status and [(s["kind"], s["command"]) for s in status["stops"]] == [("pausedByOperator", "contourctl resume")],
                 status)
    text = ask("status").stdout
    checks.check("people read the same, with one full stop", "PAUSED: An operator paused it.\n  contourctl resume\n" in text
                 and ".." not in text, text)
    sent = answer(checks, "submit --json", ask("submit", ct, "--json"))
    uid = pydicom.dcmread(f"{ct}/{sorted(os.listdir(ct))[0]}", stop_before_pixels=True).SeriesInstanceUID
    checks.check("submit tells files and series", sent and sent["files"] == len(os.listdir(ct))
                 and [s["seriesInstanceUID"] for s in sent["series"]] == [uid], sent)
    service.until(lambda: "queued" in ask("list").stdout, 60)
    watching = subprocess.Popen(
        [f"{product.BINARIES}/contourctl", "watch", "1", "--json", "--config", f"{service.base}/contourd.toml"],
        stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    said = answer(checks, "resume --json", ask("resume", "--json"))
    checks.check("resume says what it did", said and "goes on" in said["message"], said)
    lines = checks.reading("watch --json prints one object a line",
                           lambda: [json.loads(line) for line in watching.communicate(timeout=240)[0].splitlines()])
    checks.check("watch --json follows the series to its end",
                 lines and lines[0]["state"] == "queued" and lines[-1]["state"] in ("delivered", "review")
                 and lines[-1]["deliveredName"] == uid and watching.returncode == 0, lines)
    said = answer(checks, "retry --json", ask("retry", "1", "--json"))
    checks.check("retry names the series", said and said["series"] == 1, said)
    sent = answer(checks, "submit --wait --json", ask("submit", ct, "--wait", "--json"))
    checks.check("submit --wait tells what became of it", sent and sent["series"][0]["number"] == 1
                 and sent["series"][0]["state"] in ("delivered", "review"), sent)
    done = ask("cancel", "1", "--json")
    checks.check("cancel of what is done says so and fails", done.status == 65 and "nothing to cancel" in done.stderr
                 and not done.stdout, done.stdout + done.stderr)
    done = ask("retry", "99", "--json")
    checks.check("what cannot be done is told on standard error alone", done.status == 65 and not done.stdout and done.stderr,
                 done.stdout + done.stderr)


def other_series(checks, service, ct):
    """An MR of another study, then a PET of the CT's."""
    def drop(name, study, modality):
        uid = generate_uid()
        os.makedirs(f"{service.base}/inbox/{name}")
        for image in sorted(os.listdir(ct))[:4]:
            dataset = pydicom.dcmread(f"{ct}/{image}")
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            dataset.SeriesInstanceUID, dataset.Modality = uid, modality
            dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
            dataset.save_as(f"{service.base}/inbox/{name}/{image}")
        return f"{service.base}/outbox/{uid}.refused"

    beside, alone = drop("beside", None, "PT"), drop("alone", generate_uid(), "MR")
    came = service.until(lambda: os.path.exists(f"{alone}/REFUSED.txt"), 60)
    if not checks.check("an MR without a CT of its study is refused", came, service.log()[-1500:]):
        return
    text = open(f"{alone}/REFUSED.txt", encoding="utf-8").read()
    checks.check("the refusal names the modality and says that its files stay",
                 "This series is MR" in text and "lie in the inbox" in text, text)
    report = json.load(open(f"{alone}/report.json", encoding="utf-8"))
    checks.none("its report.json validates", reports.schema_errors(report))
    checks.check("the files stay in the inbox", len(os.listdir(f"{service.base}/inbox/alone")) == 4)
    time.sleep(4)
    checks.check("a PET beside the CT of its study is no news", not os.path.exists(beside))


def main():
    checks = Checks()
    if not product.has_model():
        checks.skip("there is no lung model: no service can be steered")
        return checks.finish()
    with tempfile.TemporaryDirectory() as base:
        ct, _ = product.phantom(f"{base}/phantom", *product.COARSE_GRID)
        service = Service(base)
        try:
            steer(checks, service, ct)
            other_series(checks, service, ct)
        finally:
            service.stop()
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

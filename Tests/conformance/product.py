"""Runs the binaries under test, and says which outside tools are here."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass

BINARIES = os.environ["CONTOURD_BIN"]
SHARED = os.environ.get("CONTOURD_SHARED", "")

#: Signs of the patient axes along columns, rows and slices: all eight.
ORIENTATIONS = [f"{x}x{y}y{z}z" for z in "+-" for y in "+-" for x in "+-"]

#: A small grid whose axes all differ, so that swapped ones show.
SMALL_GRID = ["--columns", "96", "--rows", "80", "--spacing", "3.6", "4.1", "5"]

#: The same with fewer slices, for what is run through the network many times.
COARSE_GRID = ["--columns", "96", "--rows", "80", "--spacing", "3.6", "4.1", "8"]


@dataclass
class Finished:
    """How a command ended. `status` is negative for a signal, as subprocess has it, and None for a hang."""

    status: int | None
    stdout: str
    stderr: str
    seconds: float


def contourctl(*arguments, timeout=600):
    start = time.monotonic()
    try:
        done = subprocess.run(
            [f"{BINARIES}/contourctl", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return Finished(None, "", f"no end after {timeout} s", time.monotonic() - start)
    return Finished(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


def must(finished):
    """For what a test builds on: without it there is nothing to test."""
    if finished.status != 0:
        raise RuntimeError(f"contourctl ended with {finished.status}: {finished.stderr.strip()}")
    return finished


def phantom(folder, *arguments):
    must(contourctl("phantom", "--output", folder, *arguments))
    return f"{folder}/ct", f"{folder}/truth"


def has_model():
    """Whether there is one at all (66: none). A model that cannot be used is no reason to skip, but to fail."""
    return contourctl("models").status != 66


def has_tool(name):
    return shutil.which(name) is not None


def shared(*parts):
    """A path in the shared data; None where it is not there."""
    path = os.path.join(SHARED, "data", *parts)
    return path if SHARED and os.path.exists(path) else None

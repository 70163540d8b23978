"""Counts what holds and what does not; the closing line is the one that Tests/run-all reads."""
import pathlib
import sys

root = pathlib.Path(__file__).resolve().parents[2]


class Counter:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, condition, text):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {text}")

    def skip(self, reason):
        self.skipped += 1
        print(f"SKIPPED: {reason}")

    def end(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}")
        sys.exit(self.failed > 0)


def read(path):
    return (root / path).read_text(encoding="utf-8")

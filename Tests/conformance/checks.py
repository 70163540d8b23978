"""Counts what holds and what does not. A check is a sentence about contourd; its detail says what was found instead."""

import os
import sys


class Checks:
    """The results of one script. `finish` prints the line that Tests/conformance/run adds up."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def check(self, sentence, holds, detail=""):
        """Counts a sentence. Returns whether it holds, so that a check that needs it can be left out."""
        if holds:
            self.passed += 1
            if os.environ.get("CONFORMANCE_VERBOSE"):
                print(f"ok      {sentence}")
        else:
            self.failed += 1
            print(f"FAILED  {sentence}" + (f"\n        {detail}" if str(detail) else ""))
        sys.stdout.flush()
        return bool(holds)

    def none(self, sentence, offenders):
        """A sentence that holds if a list of offenders is empty; the first of them are shown."""
        offenders = list(offenders)
        more = f" and {len(offenders) - 4} more" if len(offenders) > 4 else ""
        return self.check(sentence, not offenders, "; ".join(str(o) for o in offenders[:4]) + more)

    def reading(self, sentence, read):
        """What a reader makes of a file, or None: a reader that gives up is a failure, and the others go on."""
        try:
            return read()
        except Exception as error:  # whatever a foreign reader raises
            self.check(sentence, False, f"{type(error).__name__}: {error}")
            return None

    def skip(self, reason):
        self.skipped += 1
        print(f"SKIPPED {reason}", flush=True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        sys.exit(1 if self.failed else 0)

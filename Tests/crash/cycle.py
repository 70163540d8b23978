"""One lane of crash cycles: a daemon with folders of its own, phantoms that are dropped, kills, and what must come."""

import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

SETTINGS = """
[folders]
state = "{state}"
inbox = "{inbox}"
outbox = "{outbox}"
[inbox]
settle_seconds = 0.2
[series]
quiet_seconds = 0.5
[models]
directory = "{models}"
[outbox]
minimum_free_mb = 0
[work]
threads = 1
[retry]
first_delay_seconds = 0.1
maximum_attempts = 50
maximum_crashes = 50
[control]
socket = "{state}/control.sock"
group = ""
"""
PATIENCE = 90  # seconds for one delivery
# Changes of state: the moments around them are short, and chance alone would rarely find them.
WORDS = ["is arriving", "is complete", "resample finished", "evaluate finished", "export finished", "export finished"]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sop_instance_uid(path: Path) -> str:
    shown = subprocess.run(["dcmdump", "+P", "0008,0018", path], check=True, capture_output=True, text=True).stdout
    return shown.split("[")[1].split("]")[0]


@dataclasses.dataclass(frozen=True)
class Products:
    """What must be the same however often the work was interrupted."""

    masks: dict[str, str]
    uids: dict[str, str]

    @staticmethod
    def of(folder: Path) -> "Products":
        return Products(
            masks={path.name: digest(path) for path in sorted(folder.glob("*.nii.gz"))},
            uids={path.name: sop_instance_uid(path) for path in sorted(folder.glob("*.dcm"))})


class Reference:
    """A phantom, and what `contourctl run` makes of it."""

    def __init__(self, bin_folder: Path, models: Path, folder: Path, seed: int):
        control = bin_folder / "contourctl"
        subprocess.run(
            [control, "phantom", "--output", folder, "--seed", str(seed), "--columns", "96", "--rows", "96",
             "--spacing", "4.5", "4.5", "10", "--slices", "9", "--without-truth"],
            check=True, capture_output=True)
        self.files = sorted((folder / "ct").iterdir())
        self.digests = sorted(digest(path) for path in self.files)
        result = folder / "result"
        subprocess.run(
            [control, "run", folder / "ct", "--output", result], check=True, capture_output=True,
            env={**os.environ, "CONTOURD_MODELS": str(models), "CONTOURD_THREADS": "1"})
        (delivered,) = result.iterdir()
        self.uid = delivered.name
        self.products = Products.of(delivered)
        if "Lung_L.nii.gz" not in self.products.masks:
            raise RuntimeError(f"the model finds no lung in phantom {seed}")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done to one cycle, all of it decided by the seed."""

    number: int
    moment: float  # 0: drop, 1: delivery
    words: str | None  # or: just after the log says this, `moment` times 30 ms later
    target: str  # daemon, worker or all
    second: float | None  # seconds after the next start, when it is killed again
    pause: float  # seconds before the start
    consumes: bool
    copies: bool  # files arrive one by one; else the folder is renamed into the inbox

    @staticmethod
    def spread(chance: random.Random, count: int) -> list["Plan"]:
        """Moments are spread evenly, and shuffled."""
        moments = [(n + chance.random()) / count for n in range(count)]
        chance.shuffle(moments)
        return [
            Plan(
                number=n, moment=moment, words=chance.choice(WORDS) if chance.random() < 0.3 else None,
                target=chance.choices(["daemon", "worker", "all"], [5, 3, 2])[0],
                second=chance.uniform(0, 1.5) if chance.random() < 0.25 else None, pause=chance.choice([0, 0, 0.2]),
                consumes=chance.random() < 0.5, copies=chance.random() < 0.5)
            for n, moment in enumerate(moments)]


class Cycle:
    def __init__(self, plan: Plan, lane: str, uid: str):
        self.plan, self.lane, self.uid = plan, lane, uid
        self.hit = "nothing"
        self.problems: list[str] = []

    def __str__(self) -> str:
        return f"cycle {self.plan.number} ({self.lane}): {self.plan.target} killed while {self.hit}: {self.plan}"


class Daemon:
    """contourd as a child of ours; what it says on standard error is kept."""

    def __init__(self, program: Path, settings: Path, log: Path):
        self.program, self.settings, self.log = program, settings, log
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program, "--config", self.settings], stderr=log, stdin=subprocess.DEVNULL)

    def workers(self) -> list[int]:
        assert self.process
        pid = self.process.pid
        try:
            threads = os.listdir(f"/proc/{pid}/task")
            return [int(child) for thread in threads for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def kill(self, target: str) -> bool:
        """Whether the daemon itself was killed."""
        assert self.process
        victims = self.workers() if target != "daemon" else []
        if target != "worker" or not victims:
            self.process.kill()
            self.process.wait()
            victims = victims if target == "all" else []
        for pid in victims[-1:] if target == "worker" else victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return self.process.poll() is not None

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(timeout=30)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""


class Consumer(threading.Thread):
    """Moves results out of the outbox the moment they appear, while it is on."""

    def __init__(self, outbox: Path, taken: Path):
        super().__init__(daemon=True)
        self.outbox, self.taken, self.is_on, self.is_over, self.count = outbox, taken, False, False, 0
        self.moving = threading.Lock()

    def run(self) -> None:
        while not self.is_over:
            if self.is_on:
                with self.moving:
                    self.take()
            time.sleep(0.004)

    def rest(self, takes: bool) -> None:
        """From now on nothing moves; what should be taken away is away."""
        with self.moving:
            self.is_on = False
            if takes:
                self.take()

    def take(self) -> None:
        for path in self.outbox.iterdir():
            if not path.name.startswith("."):
                self.count += 1
                shutil.move(path, self.taken / f"{self.count:04}" / path.name)


class Lane:
    def __init__(self, bin_folder: Path, models: Path, base: Path, outbox: Path, references: list[Reference]):
        self.base, self.outbox, self.references = base, outbox, references
        self.bin_folder, self.models = bin_folder, models
        self.cycles: list[Cycle] = []
        self.expected = 0.0  # seconds from drop to delivery, when nothing disturbs it
        self.daemon: Daemon | None = None
        self.consumer: Consumer | None = None

    def run(self, plans: list[Plan]) -> None:
        """A state folder serves one cycle for each phantom but the first; then all begins anew."""
        size = len(self.references) - 1
        for start in range(0, len(plans), size):
            part = plans[start:start + size]
            try:
                self.run_round(part)
            except Exception as error:  # the other lane goes on; the failure is one of the cycle's
                cycle = self.cycles[-1] if self.cycles else Cycle(part[0], self.base.name, "")
                cycle.problems.append(f"{type(error).__name__}: {error}")
                if cycle not in self.cycles:
                    self.cycles.append(cycle)

    def run_round(self, plans: list[Plan]) -> None:
        for folder in (self.base, self.outbox):
            shutil.rmtree(folder, ignore_errors=True)
        self.inbox, self.taken = self.base / "inbox", self.base / "taken"
        for folder in (self.base, self.outbox, self.inbox, self.taken):
            folder.mkdir(parents=True, exist_ok=True)
        settings = self.base / "contourd.toml"
        settings.write_text(SETTINGS.format(
            state=self.base / "state", inbox=self.inbox, outbox=self.outbox, models=self.models))
        self.daemon = Daemon(self.bin_folder / "contourd", settings, self.base / "log")
        self.consumer = Consumer(self.outbox, self.taken)
        self.consumer.start()
        self.daemon.start()
        try:
            self.measure(self.references[0])
            for plan, reference in zip(plans, self.references[1:]):
                cycle = Cycle(plan, self.base.name, reference.uid)
                self.cycles.append(cycle)
                self.run_cycle(cycle, reference)
            self.check_after_restart(plans)
        finally:
            self.end()

    def end(self) -> None:
        if self.consumer:
            self.consumer.is_over = True
            self.consumer.join()
        if self.daemon and self.daemon.process and self.daemon.process.poll() is None:
            self.daemon.process.kill()
            self.daemon.process.wait()

    def measure(self, reference: Reference) -> None:
        """How long a delivery takes now: moments are spread over that time."""
        start = time.monotonic()
        self.drop("first", reference, copies=True)
        while not self.delivered(reference.uid) and time.monotonic() < start + PATIENCE:
            time.sleep(0.01)
        self.expected = time.monotonic() - start

    def run_cycle(self, cycle: Cycle, reference: Reference) -> None:
        plan = cycle.plan
        self.consumer.is_on = plan.consumes
        dropped = time.monotonic()
        said = self.daemon.log.stat().st_size
        self.drop(str(plan.number), reference, plan.copies)
        if plan.words:
            self.wait(lambda: plan.words.encode() in self.daemon.log.read_bytes()[said:], cycle, plan.words, pause=0.001)
            time.sleep(0.03 * plan.moment)
        else:
            time.sleep(max(0, dropped + plan.moment * self.expected - time.monotonic()))
        cycle.hit = self.phase(reference.uid)
        if self.daemon.kill(plan.target):
            time.sleep(plan.pause)
            self.daemon.start()
            if plan.second is not None:
                time.sleep(plan.second)
                self.daemon.kill("all")
                self.daemon.start()
        self.wait(lambda: self.delivered(reference.uid), cycle, "no result")
        self.check(cycle, reference)

    def drop(self, name: str, reference: Reference, copies: bool) -> None:
        folder = self.inbox / f"drop {name}"
        target = folder if copies else self.inbox / f".drop {name}"
        (target / "CT").mkdir(parents=True)
        for n, file in enumerate(reference.files):
            shutil.copy(file, target / "CT" / f"IM{n}")
        if not copies:
            target.rename(folder)

    def phase(self, uid: str) -> str:
        if self.delivered(uid):
            return "delivered"
        words = self.daemon.last_words()
        for stage in ("resample", "segment", "evaluate", "export"):
            if f"{stage} started" in words:
                return stage
            if f"{stage} finished" in words:
                return f"between stages" if stage != "export" else "delivering"
        if "is complete" in words:
            return "sealed"
        return "arriving"

    def delivered(self, uid: str) -> list[Path]:
        with self.consumer.moving:
            here = [path for path in self.outbox.iterdir() if path.name.startswith(uid)]
            return here + [path for path in self.taken.glob("*/*") if path.name.startswith(uid)]

    def wait(self, condition, cycle: Cycle, problem: str, pause: float = 0.02) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.daemon.process and self.daemon.process.poll() is not None:
                raise RuntimeError(f"contourd ended with status {self.daemon.process.poll()}: {self.daemon.last_words()}")
            if time.monotonic() > end:
                cycle.problems.append(f"{problem} within {PATIENCE} s; last words: {self.daemon.last_words()}")
                return
            time.sleep(pause)

    def check(self, cycle: Cycle, reference: Reference) -> None:
        self.wait(lambda: not self.outbox_rests(), cycle, "hidden folders stay in the outbox")
        self.consumer.rest(takes=cycle.plan.consumes)
        results = self.delivered(reference.uid)
        if len(results) != 1:
            cycle.problems.append(f"{len(results)} results: {[str(path) for path in results]}")
            return
        (result,) = results
        if result.name != reference.uid:
            cycle.problems.append(f"delivered as {result.name}")
        report = json.loads((result / "report.json").read_text())
        present = {path.name for path in result.iterdir()} - {"report.json", "report.html"}
        if present != set(report["files"]):
            cycle.problems.append(f"files {sorted(present)}, reported {sorted(report['files'])}")
        for name, expected in report["files"].items():
            if (result / name).exists() and digest(result / name) != expected:
                cycle.problems.append(f"{name} is not what the report says")
        if Products.of(result) != reference.products:
            cycle.problems.append("masks or SOP Instance UIDs are not those of an undisturbed run")
        rest = [str(path) for path in self.inbox.rglob("*") if path.is_file()]
        if rest:
            cycle.problems.append(f"left in the inbox: {rest}")

    def outbox_rests(self) -> list[Path]:
        return [path for path in self.outbox.iterdir() if path.name.startswith(".")]

    def check_after_restart(self, plans: list[Plan]) -> None:
        """Another start delivers nothing a second time; what was dropped lies in the state folder, byte by byte."""
        cycle = self.cycles[-1]
        # A SIGTERM that comes before the service is ready ends it like any process; systemd calls both clean.
        if (status := self.daemon.stop()) not in (0, -signal.SIGTERM):
            cycle.problems.append(f"SIGTERM: exit status {status}")
        self.daemon.start()
        time.sleep(1.5)
        used = self.references[:len(plans) + 1]
        for reference in used:
            if len(self.delivered(reference.uid)) != 1:
                cycle.problems.append(f"after another start: {len(self.delivered(reference.uid))} results of {reference.uid}")
        kept = sorted(digest(path) for path in (self.base / "state/work").glob("series-*/dicom/*"))
        if kept != sorted(one for reference in used for one in reference.digests):
            cycle.problems.append(f"{len(kept)} images are kept, or their bytes changed")
        if quarantined := list((self.base / "state/quarantine").iterdir()):
            cycle.problems.append(f"in quarantine: {[path.name for path in quarantined]}")

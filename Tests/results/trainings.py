"""What the scripts that train the lung model in variants share: its recipe, the real CTs, and calls of contourctl."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("CONTOURD_SHARED", ROOT.parent / "shared"))
LABELS = ROOT / "Tests/Fixtures/labels"
RECIPE = ROOT / "docs/recipes/lungs-generated.json"


def call(*command, accepted=(0,)):
    """What the command prints; ends the script where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in accepted:
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def linked_cases(work, names):
    """A folder with links to real CTs, under the names that the recipe's weights know."""
    folder = work / "cts"
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to((SHARED / "data/ct" / name).resolve())
    return folder


def take_over(cache, training):
    """The prepared cases of another training, unless this one has begun."""
    if cache and not training.exists():
        training.mkdir()
        shutil.copytree(cache, training / "cache", copy_function=os.link)

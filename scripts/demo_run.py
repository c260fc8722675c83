"""Make checkpoints/demo anew: the small run that ships, so that every page has something to show on the first start.

    make demo-run

Trains in a folder beside it and changes places at the end; last.pt and TensorBoard's files are left out (a shipped run
is looked at and predicted with, not resumed).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from seglib.cli import main
from seglib.runs.store import checkpoints_root

SETTINGS = [
    "recipe=light",
    "model.depth=3",
    "model.channels=8",
    "data.crop_px=128",
    "training.batch_size=8",
    "training.steps=450",
    "training.validate_every=75",
    "optimizer.lr=0.006",
]
LEFT_OUT = ["last.pt", "last.pt.sha256", "last.previous.pt", "last.previous.pt.sha256", "tensorboard", "lock"]
LIMIT_BYTES = 3_000_000


def make(root: Path) -> Path:
    """Train, leave out what does not ship, put it in the place of the old one; returns its folder."""
    data = root.parent / "data" / "demo"
    if not data.exists() and main(["demo", str(data)]):
        sys.exit("the demo data set could not be made")
    with tempfile.TemporaryDirectory(dir=root) as work:
        command = ["train", "--data", str(data), "--run", "demo", "--checkpoints", work, "--set", *SETTINGS]
        if main(command):
            sys.exit("the training failed")
        made = Path(work) / "demo"
        for name in LEFT_OUT:
            shutil.rmtree(made / name, ignore_errors=True)
            if (made / name).is_file():
                (made / name).unlink()
        forget_machine(made / "environment.json")
        check_size(made)
        shutil.rmtree(root / "demo", ignore_errors=True)
        return Path(shutil.move(made, root / "demo"))


def forget_machine(file: Path) -> None:
    """Its speed says nothing about the machine it ships to, so it must not be taken for one timed there."""
    about = json.loads(file.read_text(encoding="utf-8"))
    kept = {key: value for key, value in about.items() if key not in ("platform", "processors")}
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def check_size(folder: Path) -> None:
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{size / 1e6:.2f} MB", file=sys.stderr)
    if size > LIMIT_BYTES:
        sys.exit(f"the run has {size} bytes; at most {LIMIT_BYTES} may ship")


if __name__ == "__main__":
    print(make(checkpoints_root()))

"""`preflight`: a training checked on one real batch before it starts. The job that the Train page starts, so what one
has measured is there for the other."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from seglib.cli.training import config_of, given_settings
from seglib.cli.waiting import wait

if TYPE_CHECKING:
    from seglib.experiments.preflight import Found
    from seglib.runs.jobs import Job

SIGNS = {"red": "✗", "amber": "!", "green": "✓"}


def preflight(args: argparse.Namespace) -> int:
    """Print what was found, reds first; 2 with `--strict` where one is red.

    `--json`: {worst, took_s, items: [{code, level: green|amber|red, title, value, explanation, remedy}], overfit:
    {losses, chance, iou_before, iou_after, n_samples}, measured: {step_s, validation_s, …}, folder: of the pictures}.
    """
    from seglib.experiments import preflight as checks

    config = config_of(args, given_settings(args))
    job = checks.start(config, again=args.again)
    wait(job, "preflight", "check")
    found = checks.read(job.result)
    print(_as_json(found, job) if args.json else _lines(found))
    return 2 if args.strict and found.of(checks.RED) else 0


def _as_json(found: Found, job: Job) -> str:
    from dataclasses import asdict

    told = {"worst": found.worst, "took_s": found.took_s, "items": [asdict(item) for item in found.items]}
    return json.dumps(
        {**told, "overfit": found.overfit, "measured": found.measured, "folder": str(job.result)}, indent=2
    )


def _lines(found: Found) -> str:
    from seglib.experiments.preflight import ordered

    lines = []
    for item in ordered(found.items):
        lines.append(f"{SIGNS[item.level]} {item.level:5}  {item.title}: {item.value}. {item.explanation}")
        if item.remedy:
            lines.append(f"         → {item.remedy}")
    if found.took_s is not None:
        print(f"checked in {found.took_s:.0f} s", file=sys.stderr)
    return "\n".join(lines)

"""`report`: one notebook and one HTML file of finished runs, ready to hand in."""

from __future__ import annotations

import argparse
import sys

from seglib.cli.bar import bar

STEPS = 100  # of the bar


def report(args: argparse.Namespace) -> None:
    """Print the paths of what was made."""
    from seglib.report.making import build
    from seglib.runs.store import find_run

    runs = [find_run(name, args.checkpoints) for name in args.runs]
    experiments = [_experiment(name, args) for name in args.experiment]
    with bar("report", STEPS) as move:
        made = build(
            runs,
            args.out,
            experiments=experiments,
            zip=args.zip,
            title=args.title,
            threshold=args.threshold,
            progress=lambda fraction, text: move(round(STEPS * fraction), STEPS),
        )
    for note in made.notes:
        print(note, file=sys.stderr)
    print("\n".join(str(path) for path in (made.notebook, made.html, made.zip) if path))


def _experiment(name: str, args: argparse.Namespace) -> object:
    from seglib.experiments.experiment import find_experiment

    return find_experiment(name, args.checkpoints)

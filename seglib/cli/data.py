"""`demo` and `check`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from seglib.cli.bar import bar
from seglib.exceptions import InputError

SIGNS = {"error": "✗", "warning": "!", "note": "·"}
FILES_NAMED = 3  # per finding; --json names all


def demo(args: argparse.Namespace) -> None:
    """Make a data set of synthetic yeast and print its folder."""
    from seglib.data.demo import make_demo

    with bar("demo", args.images) as move:
        make_demo(args.folder, n_images=args.images, seed=args.seed, progress=move)
    print(args.folder)


def check(args: argparse.Namespace) -> int:
    """Print what is wrong with a data set; 2 with --strict if something is."""
    from seglib.data.checks import check as look

    if not args.data.is_dir():
        raise InputError(f"{args.data} is no folder: give the folder that holds dataset.csv or images/ and masks/.")
    with bar("check") as move:
        report = look(args.data, progress=move, grouping=args.grouping, split=args.split, fold=args.fold)
    if args.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _print(report)
    return 2 if args.strict and any(finding.severity == "error" for finding in report.findings) else 0


def _print(report) -> None:
    print(f"{report.n_images} images, {report.n_pairs} with a mask, {report.n_unlabelled} without")
    for finding in report.findings:
        more = len(finding.files) - FILES_NAMED
        files = ", ".join(finding.files[:FILES_NAMED]) + (f" and {more} more" if more > 0 else "")
        print(f"{SIGNS[finding.severity]} {finding.severity}  {finding.code}: {finding.explanation}")
        for line in filter(None, (files, finding.remedy)):
            print(f"    {line}")
    if report.nearest:
        distances = sorted(near.distance for near in report.nearest)
        closest = min(report.nearest, key=lambda near: near.distance)
        text = f"median {distances[len(distances) // 2]:.2f}, least {closest.distance:.2f}"
        print(
            f"Distance of the val pictures to the nearest train picture (0 = one scene, 1 = nothing in common): {text}"
        )
        print(f"    {closest.image} and {closest.train}")

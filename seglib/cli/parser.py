"""The arguments of each command, and what runs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from seglib.cli import (
    data,
    errors,
    experiment,
    importing,
    predict,
    preflight,
    queue,
    realism,
    report,
    review,
    scoring,
    training,
    weakness,
)
from seglib.exceptions import InputError
from seglib.training.config import PRESETS


class Parser(argparse.ArgumentParser):
    """argparse whose complaint is one line, like every other mistake."""

    def error(self, message: str) -> None:
        raise InputError(f"{message}; see `{self.prog} --help`.")


def build_parser() -> Parser:
    parser = Parser(
        prog="python -m seglib", description="Train a U-Net on yeast images and see its recurrent mistakes."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    _add_demo(commands)
    _add_import(commands)
    _add_check(commands)
    _add_train(commands)
    _add_queue(commands)
    _add_preflight(commands)
    _add_evaluate(commands)
    _add_errors(commands)
    _add_review(commands)
    _add_predict(commands)
    _add_weakness(commands)
    _add_realism(commands)
    _add_experiment(commands)
    _add_report(commands)
    return parser


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="make a data set of synthetic yeast")
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(command=data.demo)


def _add_import(commands: Any) -> None:
    about = (
        "make a data set of an HDF5 file, TIFF stacks, a Zarr store, nnU-Net or Cell Tracking Challenge folders, a zip"
    )
    parser = commands.add_parser("import", help=about)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="new folder; left out: only say what it is")
    parser.add_argument("--axes", metavar="TYX", help="a letter a dimension: T Z N (pictures) C Y X S (colour)")
    parser.add_argument("--image-key", metavar="KEY", help="array of the images in an HDF5 file or Zarr store")
    parser.add_argument("--mask-key", metavar="KEY", help="array or file of the masks; none: there are none")
    parser.add_argument("--channel", type=int, metavar="N", help="which channel, from 0")
    parser.add_argument("--label", metavar="NAME", help="which class is cell, or all (nnU-Net)")
    parser.add_argument("--grouping", choices=("name", "file"), help="which pictures belong together, where names tell")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=importing.run)


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="say what is wrong with a data set")
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--strict", action="store_true", help="exit 2 if there are errors")
    parser.add_argument("--grouping", choices=("name", "file"), help="what belongs together, without a dataset.csv")
    parser.add_argument("--split", choices=("group", "blocks"), help="how to split, without a dataset.csv")
    parser.add_argument("--fold", type=int, metavar="N", help="the fold that is val, with a dataset.csv")
    parser.set_defaults(command=data.check)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train a network; prints the run folder")
    parser.add_argument("--run", required=True, metavar="NAME")
    _add_training(parser)
    _add_root(parser)
    parser.set_defaults(command=training.train)


def _add_training(parser: argparse.ArgumentParser) -> None:
    """What `train` and `queue add` have in common."""
    _add_settings(parser)
    parser.add_argument("--resume", action="store_true")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """What makes a config, in the order in which one lies over the other."""
    parser.add_argument("--data", metavar="DATA")
    parser.add_argument("--preset", choices=tuple(PRESETS))
    parser.add_argument("--config", type=Path, metavar="FILE", help="JSON of settings")
    parser.add_argument("--recipe", metavar="R", help="augmentation: a name or a JSON file")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--minutes", type=float, metavar="M")


def _add_queue(commands: Any) -> None:
    about = "runs that wait for their turn: list, add, move, cancel, hold, release, at-once"
    parser = commands.add_parser("queue", help=about)
    _add_root(parser)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=queue.show)
    actions = parser.add_subparsers(metavar="ACTION", parser_class=Parser)
    add = actions.add_parser("add", help="a training at the end of the queue; prints its folder")
    add.add_argument("--run", metavar="NAME", help="left out: date, network and loss")
    _add_training(add)
    add.set_defaults(command=queue.add)
    move = actions.add_parser("move", help="a waiting run to place N, 1 = next")
    move.add_argument("run", metavar="RUN")
    move.add_argument("place", metavar="N", type=int)
    move.set_defaults(command=queue.move)
    cancel = actions.add_parser("cancel", help="take a run out of the queue; one that runs is asked to stop")
    cancel.add_argument("run", metavar="RUN")
    cancel.set_defaults(command=queue.cancel)
    at_once = actions.add_parser("at-once", help="how many run at a time")
    at_once.add_argument("k", metavar="K", type=_at_once, help="a number, or auto: as many as there are GPUs")
    at_once.set_defaults(command=queue.at_once)
    _add_plain_queue_actions(actions)
    for action in actions.choices.values():
        _add_root(action, default=argparse.SUPPRESS)  # before or after the action
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _add_plain_queue_actions(actions: Any) -> None:
    actions.add_parser("list", help="what runs and what waits (also without ACTION)").set_defaults(command=queue.show)
    actions.add_parser("hold", help="start no waiting run").set_defaults(command=queue.hold)
    actions.add_parser("release", help="go on").set_defaults(command=queue.release)


def _at_once(text: str) -> int | None:
    if text != "auto" and not text.isdigit():
        raise argparse.ArgumentTypeError(f"K is {text!r}; allowed: a number of runs, or auto")
    return None if text == "auto" else int(text)


def _add_preflight(commands: Any) -> None:
    parser = commands.add_parser("preflight", help="check a training on one real batch before it starts")
    _add_settings(parser)
    parser.add_argument("--again", action="store_true", help="measure anew what was measured before")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--strict", action="store_true", help="exit 2 if a check is red")
    parser.set_defaults(command=preflight.preflight)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="IoU and Dice of a run, per image and over all")
    parser.add_argument("run", metavar="RUN")
    _add_scoring(parser)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=scoring.evaluate)


def _add_errors(commands: Any) -> None:
    parser = commands.add_parser("errors", help="where the IoU goes, and which mistakes come back")
    parser.add_argument("runs", metavar="RUN", nargs="+")
    _add_scoring(parser)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=errors.errors)


def _add_review(commands: Any) -> None:
    about = "verdicts on mistakes: what stands, a new version of the data set from them, an export"
    parser = commands.add_parser("review", help=about)
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("--version", type=Path, metavar="OUT", help="make a new version in this new folder")
    parser.add_argument("--leave-out", nargs="+", action="extend", default=[], metavar="ID", help="changes not to make")
    parser.add_argument("--take-back", nargs="+", action="extend", default=[], metavar="ID", help="DATA is a version")
    parser.add_argument("--export", type=Path, metavar="OUT", help="tables and crops of wrong regions, in a new folder")
    parser.add_argument("--run", metavar="RUN", help="whose wrong regions are exported")
    parser.add_argument("--crops", choices=("none", "verdicts", "largest", "all"), default="largest")
    parser.add_argument("--labels", action="store_true", help="export label TIFFs for napari and Fiji too")
    parser.add_argument("--of", choices=("train", "val"), default="val", help="images that are exported (val)")
    parser.add_argument("--grouping", choices=("name", "file"), help="what belongs together, without a dataset.csv")
    parser.add_argument("--split", choices=("group", "blocks"), help="how to split, without a dataset.csv")
    parser.add_argument("--fold", type=int, metavar="N", help="the fold that is val, with a dataset.csv")
    parser.add_argument("--json", action="store_true")
    _add_model(parser)
    parser.set_defaults(command=review.review)


def _add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="masks of new pictures")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--probabilities", action="store_true", help="also write STEM_probability.png, 0 to 255")
    parser.add_argument("--overwrite", action="store_true")
    _add_model(parser)
    parser.set_defaults(command=predict.predict)


def _add_weakness(commands: Any) -> None:
    parser = commands.add_parser("weakness", help="val IoU over a grid of two augmentation parameters")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--x", required=True, metavar="PARAMETER", help="such as rotation.angle_deg")
    parser.add_argument("--y", metavar="PARAMETER", help="such as elastic.displacement_px; without it a curve along x")
    for name in ("--x-values", "--y-values"):
        parser.add_argument(name, type=float, nargs="+", metavar="V", help="increasing; sensible ones unless given")
    parser.add_argument("--sigma", type=float, default=20.0, metavar="PX", help="smoothness of the bending (20)")
    parser.add_argument("--images", type=int, metavar="N", help="so many val images, of every group in turn (all)")
    parser.add_argument("--seed", type=int, default=0, help="of fields, grain and the choice of images (0)")
    parser.add_argument("--recipe", metavar="R", help="the recipe advised on: a name or a JSON file (the run's own)")
    parser.add_argument("--data", type=Path, metavar="DATA", help="where the run's own data set lies now")
    _add_model(parser)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=weakness.weakness)


def _add_realism(commands: Any) -> None:
    parser = commands.add_parser("realism", help="what a recipe does to cells, before training with it")
    parser.add_argument("--data", required=True, type=Path, metavar="DATA")
    parser.add_argument("--recipe", required=True, metavar="R", help="a name or a JSON file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=_draws, default=64)
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=realism.realism)


def _add_experiment(commands: Any) -> None:
    parser = commands.add_parser("experiment", help="one question asked of many runs: a grid, or a search")
    experiment.add_commands(parser.add_subparsers(required=True, metavar="WHAT", parser_class=Parser))


def _add_report(commands: Any) -> None:
    parser = commands.add_parser("report", help="a notebook and an HTML file of runs, ready to hand in")
    parser.add_argument("runs", metavar="RUN", nargs="*")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="comments in a report there are kept")
    parser.add_argument("--zip", action="store_true", help="also report.zip: all of it, figures and your_models.py")
    parser.add_argument("--experiment", action="append", default=[], metavar="NAME", help="its runs and its answers")
    parser.add_argument("--title", default="", metavar="TEXT")
    parser.add_argument("--threshold", type=_threshold, default=0.5, metavar="T")
    _add_root(parser)
    parser.set_defaults(command=report.report)


def _draws(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"draws is {text}; allowed: 1 to 10000")
    return value


def _add_root(parser: argparse.ArgumentParser, **more: Any) -> None:
    parser.add_argument("--checkpoints", type=Path, metavar="DIR", help="where the runs are (checkpoints/)", **more)


def _add_model(parser: argparse.ArgumentParser) -> None:
    _add_root(parser)
    parser.add_argument("--threshold", type=_threshold, default=0.5, metavar="T")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    _add_model(parser)
    parser.add_argument("--data", type=Path, metavar="DATA", help="another data set than the run was trained on")
    parser.add_argument("--split", choices=("train", "val"), default="val")


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"threshold is {text}; allowed: above 0, up to 1")
    return value

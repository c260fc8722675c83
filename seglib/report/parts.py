"""Parts: what stands in the notebook, cell after cell. Texts are the same in every report: numbers come from code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

COMMENT = "comment-"


@dataclass(frozen=True)
class Part:
    """One cell: its name (the cell's id), markdown or code, and its source."""

    name: str
    kind: str
    source: str

    @property
    def is_comment(self) -> bool:
        return self.name.startswith(COMMENT)


@dataclass(frozen=True)
class Asked:
    """An experiment as the notebook needs it: id, name, question, (key, title) of its factors, the IoU aimed at."""

    id: str
    name: str
    question: str
    factors: tuple[tuple[str, str], ...]
    target: float


@dataclass(frozen=True)
class Content:
    """What a report is made of."""

    title: str
    day: str
    runs: tuple[str, ...]
    checkpoints: str
    threshold: float
    target: float
    experiments: tuple[Asked, ...]


def parts(content: Content) -> Iterator[Part]:
    """All cells, in order."""
    yield _text("title", f"# {plain(content.title)}\n\n{_INTRODUCTION}\n\nMade on {content.day}.")
    yield Part("setup", "code", _setup(content))
    yield from _section("runs", "## What this is about", ("runs_in_short", "made_with"))
    yield from _section("data", "## The data", ("data_in_figures", "data_in_pictures", "cell_sizes"))
    yield from _section("settings", "## Settings", ("settings_that_differ", "all_other_settings"))
    yield from _section("curves", "## Curves", ("curves_of_loss", "curves_of_iou"))
    yield from _section("scores", "## Train and validation IoU", ("iou_per_setup", "iou_per_run"))
    for experiment in content.experiments:
        yield from _experiment(experiment)
    yield from _section(
        "predictions",
        "## Predictions of validation images",
        ("best_images", "median_images", "worst_images", "setups_side_by_side"),
    )
    mistakes = ("where_the_iou_goes", "iou_lost_per_setup", "recurrent_mistakes", "mistakes_in_pictures")
    yield from _section("mistakes", "## Recurrent mistakes", mistakes)
    yield from _section("closing", f"## Closing\n\n{_CLOSING}", ("how_to_repeat",))


def _section(name: str, heading: str, functions: Sequence[str]) -> Iterator[Part]:
    yield _text(name, heading)
    for function in functions:
        yield Part(function.replace("_", "-"), "code", f"{function}(study)")
    yield _comment(name)


def _experiment(asked: Asked) -> Iterator[Part]:
    name = f"experiment-{cell_name(asked.id)}"
    question = f"\n\n{plain(asked.question)}" if asked.question else ""
    yield _text(name, f"## Experiment: {plain(asked.name)}{question}")
    for key, title in asked.factors:
        place = f"{name}-{cell_name(key)}"[:52]
        yield _text(place, f"### {plain(title)}")
        for function in ("table_of_factor", "plot_of_factor", "answer_to_factor"):
            call = f"{function}(study, {asked.id!r}, {key!r})"
            yield Part(f"{function.split('_')[0]}-{place}", "code", call)
        yield _comment(place)


def _text(name: str, source: str) -> Part:
    return Part(name, "markdown", source)


def _comment(name: str) -> Part:
    return _text(
        COMMENT + name, "*Your comment: double-click here and write. It is kept when the report is made again.*"
    )


def _setup(content: Content) -> str:
    runs = ",\n    ".join(repr(name) for name in content.runs)
    names = ",\n    ".join(_imported(content))
    experiments = ", ".join(repr(e.id) for e in content.experiments)
    asked = f", experiments=[{experiments}]" if experiments else ""
    more = f"{asked}, threshold={content.threshold:g}, target={content.target:g}"
    return (
        "# The runs, and the folder that holds them, seen from this notebook; empty: checkpoints/ of the project.\n"
        f"CHECKPOINTS = {content.checkpoints!r}\n"
        f"RUNS = [\n    {runs},\n]\n\n"
        "import sys\nfrom pathlib import Path\n\n"
        "# finds seglib where this notebook lies in the project's folder or below it\n"
        "sys.path += [str(folder) for folder in Path.cwd().parents]\n\n"
        f"from seglib.report import (\n    {names},\n)\n\n"
        f"study = open_study(RUNS, CHECKPOINTS{more})\nstudy"
    )


def _imported(content: Content) -> list[str]:
    sections = [
        *("runs_in_short", "made_with", "data_in_figures", "data_in_pictures", "cell_sizes", "settings_that_differ"),
        *("all_other_settings", "curves_of_loss", "curves_of_iou", "iou_per_setup", "iou_per_run", "best_images"),
        *("median_images", "worst_images", "setups_side_by_side", "where_the_iou_goes", "iou_lost_per_setup"),
        *("recurrent_mistakes", "mistakes_in_pictures", "how_to_repeat", "open_study"),
    ]
    of_experiments = ["table_of_factor", "plot_of_factor", "answer_to_factor"] if content.experiments else []
    return sorted(sections + of_experiments)


def cell_name(text: str) -> str:
    """What an id of a cell may hold: letters, digits, - and _."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text)[:40]


def plain(text: str) -> str:
    """Text from outside as Markdown shows it: on one line, nothing in it taken for markup."""
    text = escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_[]#$|~" else c for c in text)


_INTRODUCTION = (
    "Networks were trained to separate yeast cells from background in microscope images. This notebook shows what they "
    "were trained on and with, how well they do on images they did not learn from, and which mistakes come back. All "
    "outputs are visible as they are; in the project's environment the notebook also runs again from top to bottom. "
    "After each part there is a place for your own comment."
)
_CLOSING = (
    "Every IoU here is of images the networks did not learn from only where it says validation; the best weights of "
    "each "
    "run were chosen by that same validation IoU, so it is somewhat flattered, in all set-ups alike. Few seeds say "
    "little "
    "about the next one: a difference between two set-ups is only as sure as its interval."
)

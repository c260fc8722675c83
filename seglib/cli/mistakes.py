"""What `errors` says in words: the budget, what comes back, what looks alike, and several runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError

if TYPE_CHECKING:
    from seglib.errors.report import Measured
    from seglib.runs.predicted import Predicted
    from seglib.runs.recurring import Recurring

TOLD = 6  # of each list; --json names all
KINDS = {"fp": "false positives", "fn": "misses"}


def spots(measured: Measured, source: Predicted | None) -> list[dict[str, Any]]:
    """Where in the field of view more images are wrong than by chance, as `seglib.errors.field_map` finds it; box as
    shares of height and width. Empty where the sizes of the images are not on disk."""
    from seglib.errors.field_map import field_map
    from seglib.runs.recurring import MIN_PIXELS

    sizes = source.sizes() if source else {}
    groups = dict(zip(measured.budgets.image, measured.budgets.group))
    judged = {image: sizes[image] for image in groups if image in sizes}
    table = measured.regions
    table = table[(table.n_pixels >= MIN_PIXELS) & table.image.isin(judged)]
    try:
        return field_map(table, judged, groups).spots.drop(columns="bins").to_dict("records")
    except InputError:
        return []


def told(report: dict[str, Any], answer: Recurring, groups: Mapping[str, str], of_one_run: bool) -> str:
    """One run. groups: image -> its movie. of_one_run: whether what it is held against are its own checkpoints."""
    lines = [*_budget(report)]
    for kind in KINDS:
        lines += _places(answer, kind, of_one_run)
    lines += _clusters(report)
    n_groups = len(set(groups.values()))
    lines += [_spot(spot, answer.n_images, n_groups) for spot in report["spots"][:TOLD]]
    return "\n".join(lines)


def _spot(spot: dict[str, Any], n_images: int, n_groups: int) -> str:
    """Where in the field of view, in how many images, and whether it may be dust."""
    middle = [spot[start] + spot[length] / 2 for start, length in (("row", "height"), ("col", "width"))]
    where = f"{middle[0]:.0%} of the height, {middle[1]:.0%} of the width"
    of = f"of {spot['n_groups']} of {n_groups} groups" if n_groups > 1 else "of one movie"
    why = "dust on the camera stays put" if spot["n_groups"] > 1 else "a cell that stays put looks like dust"
    many = f"in {spot['n_images']} of {n_images} images {of}, by chance {spot['expected']:.1f}"
    return f"  {KINDS[spot['kind']]} pile up around {where}: {many} ({why})"


def _budget(report: dict[str, Any]) -> list[str]:
    budget = report["budget"]
    union, wrong = budget["union"], sum(budget["classes"].values())
    lines = [f"{report['run']}: of the union of {union} px (cells and predicted cells), wrong are"]
    for name, pixels in sorted(budget["classes"].items(), key=lambda item: -item[1]):
        lines.append(f"  {pixels / union if union else 0.0:7.4f}  {name}, {pixels} px")
    return [*lines, f"  {wrong / union if union else 0.0:7.4f}  = 1 - pooled IoU"]


def _places(answer: Recurring, kind: str, of_one_run: bool) -> list[str]:
    """What is wrong now and was before, most IoU to be won first."""
    from seglib.errors.frames import once_a_track

    table = answer.table[(answer.table.kind == kind) & answer.table.alive.astype(bool)]
    n, again = len(answer.names), int((table.n_seen > 1).sum())
    if not len(table):
        return [f"no {KINDS[kind]} of {_least()} px or more"]
    held = f", {again} of them in at least two of {n} ({answer.names[0]} to {answer.names[-1]})" if n > 1 else ""
    lines = [f"{len(table)} {KINDS[kind]} of {_least()} px or more{held}; those that cost most, frames together:"]
    rows = once_a_track(table, table.track.to_numpy(), answer.counts).sort_values(
        ["won", "persistence"], ascending=False
    )
    for row in rows.head(TOLD).to_dict("records"):
        share = f"{row['n_seen']} of {row['n_looks']}, " if n > 1 else ""
        since = f"since {row['born']}, " if n > 1 and of_one_run else ""
        won = f"+{row['won']:.4f} IoU if fixed, " if row["won"] == row["won"] else ""
        n_more = row["n_frames"] - 1
        others = f" and {n_more} more frame{'s' * (n_more > 1)}" if n_more else ""
        where = f"{row['image']} at row {row['row']}, col {row['col']}{others}"
        lines.append(f"  {won}{share}{since}{row['class']}, {row['n_pixels']:.0f} px: {where}")
    return lines


def _least() -> int:
    from seglib.runs.recurring import MIN_PIXELS

    return MIN_PIXELS


def _clusters(report: dict[str, Any]) -> list[str]:
    if not report["clusters"]:
        return []
    lines = ["mistakes that look alike (share of all wrong pixels, how many, in how many images):"]
    for row in report["clusters"][:TOLD]:
        lines.append(f"  {row['share']:4.0%}  {row['count']} in {row['n_images']} images: {row['name']}")
    return lines


def told_together(answer: Recurring, measured: Sequence[Measured]) -> str:
    """Several runs: what each loses alone and what all of them lose. answer: of the last run, the others before it."""
    table, n = answer.table, len(answer.names)
    lines = [f"{n} runs beside each other (places of {_least()} px or more; alone = wrong in this run only):"]
    lines += [f"  {'pooled IoU':>10}  {'fp px':>8}  {'missed px':>9}  {'places':>6}  {'alone':>6}  run"]
    for name, one in zip(answer.names, measured):
        counts = one.counts()
        mine = table.seen_in.map(lambda seen, name=name: name in seen)
        alone = int((mine & (table.n_seen == 1)).sum())
        iou = "undefined" if counts.iou != counts.iou else f"{counts.iou:.4f}"
        lines.append(f"  {iou:>10}  {counts.fp:8d}  {counts.fn:9d}  {int(mine.sum()):6d}  {alone:6d}  {name}")
    everywhere = table[(table.n_seen == n) & table.alive.astype(bool)]
    union = answer.counts.tp + answer.counts.fp + answer.counts.fn
    px = sum(course[-1] for course in everywhere.course_pixels)
    share = px / union if union else 0.0
    lines.append(
        f"{len(everywhere)} places are wrong in all {n}: {share:.4f} of 1 - IoU = {1 - answer.counts.iou:.4f} of "
        f"{answer.names[-1]}. What every run gets wrong is seldom chance: look at the label."
    )
    return "\n".join(lines)

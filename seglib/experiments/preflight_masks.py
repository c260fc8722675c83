"""Pre-flight, whether masks lie on their images: what learning one batch by heart cannot tell. No torch.

A network learns any four masks by heart in 30 steps, those of other pictures too, so the rules of the Data page are
asked about a few train pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seglib.data.dataset import Dataset
from seglib.data.facts import Facts, look_at
from seglib.data.mask_rules import RULES
from seglib.data.readers import read_mask
from seglib.data.records import Record
from seglib.experiments.preflight import AMBER, GREEN, RED, Item

SERIOUS = ("mispaired_mask", "shifted_mask", "inverted_mask", "repeated_mask", "full_mask")
MOST, MOST_PX, LEAST = 12, 4_000_000, 3  # pictures, their pixels in all, but so many pictures in any case
RED_SHARE = 0.25  # of the masks looked at; of masks all mixed up 33 to 97 % are found, of masks in place none
TITLE = "Masks on their images"


def masks(dataset: Dataset, indices: Sequence[int], look: Callable[[], None]) -> Item:
    """`look` is called before each picture and may raise."""
    table, pixels = [], 0
    for index in indices[:: max(1, len(indices) // MOST)][:MOST]:
        if len(table) >= LEAST and pixels >= MOST_PX:
            break
        look()
        table.append((dataset.records[index], _facts(dataset, index)))
        pixels += table[-1][1].shape[0] * table[-1][1].shape[1]
    return verdict(table)


def verdict(table: Sequence[tuple[Record, Facts]]) -> Item:
    found = [f for rule in RULES for f in rule(table) if f.code in SERIOUS]
    value = f"{len(table)} looked at"
    if not found:
        return Item("masks", GREEN, TITLE, value, "Their outlines lie on edges of the image, nowhere else better.")
    files = {file for finding in found for file in finding.files}
    worst = max(found, key=lambda finding: len(finding.files))
    level = RED if len(files) >= RED_SHARE * len(table) else AMBER
    text = f"{worst.explanation} Such as {worst.files[0]}."
    remedy = worst.remedy if worst.remedy.endswith((".", "?")) else f"{worst.remedy}."
    return Item("masks", level, TITLE, f"{len(files)} of {len(table)} doubtful", text, remedy)


def _facts(dataset: Dataset, index: int) -> Facts:
    sample = dataset.sample(index)
    understood = read_mask(dataset.mask_path(index))[1]
    return look_at(index, sample.image, sample.labels, understood, sample.valid).facts

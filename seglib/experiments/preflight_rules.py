"""Pre-flight, what needs no network: the split, the cells, the batch and the settings -> items. Pure, no torch.

Limits are explained, with what they were measured on, in docs/decisions/017-preflight.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seglib.data.cells import cells
from seglib.data.dataset import Dataset
from seglib.data.sample import Sample
from seglib.data.splits import NOT_INDEPENDENT
from seglib.experiments.preflight import AMBER, GREEN, RED, Item
from seglib.models.plan import padded_px, receptive_field_px
from seglib.training.config import Config, ModelConfig, OptimizerConfig
from seglib.training.draws import Drawn

# Between the inner limits a rate is green, beyond the outer ones red: (red below, amber below, amber above, red above)
LEARNING_RATES = {"adam": (1e-6, 1e-5, 2e-2, 0.3), "adamw": (1e-6, 1e-5, 2e-2, 0.3), "sgd": (1e-5, 1e-4, 1.0, 5.0)}
FIRST_RATES = {"adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2}  # to begin with, where nothing is known
LEAST_BASE_PX = 2
EMPTY_CROPS = 0.5  # share of draws without a cell from which on much of the training teaches background alone
FULL, EMPTY = 0.9, 0.01  # share of foreground
LEAST_VALID = 0.5
MEAN_LIMIT, STD_LIMITS = 5.0, (0.02, 10.0)  # of a normalised batch; in this range an untrained U-Net learns
CONSTANT = 1e-6
MAX_DEPTH = 8
NOT_FINITE = "NaN or infinite"


@dataclass(frozen=True)
class CellSizes:
    """Diameters of discs as large as the cells, in px, of n cells that do not touch an edge."""

    median_px: float
    large_px: float  # 95 % are smaller
    n: int


def cell_sizes(samples: Sequence[Sample]) -> CellSizes | None:
    """None where there is no whole cell; cells cut by an edge count only where there are no others."""
    found = [cells(sample.labels) for sample in samples]
    whole = np.concatenate([t.diameter_px[~t.touches_border] for t in found]) if found else np.zeros(0)
    if not whole.size:
        whole = np.concatenate([t.diameter_px for t in found]) if found else whole
    if not whole.size:
        return None
    return CellSizes(float(np.median(whole)), float(np.percentile(whole, 95)), len(whole))


def validation_set(dataset: Dataset) -> Item:
    counts, title = dataset.counts(), "Validation set"
    groups = {dataset.records[i].group for i in dataset.indices("val")}
    value = f"{counts['train']} train, {counts['val']} val"
    if not counts["val"]:
        text = "Nothing will be scored: the last weights count as the best, and nobody knows when to stop."
        return Item("validation_set", AMBER, title, "none", text, "Put some groups on the val side on the Data page.")
    if not dataset.independent:
        text = f"Train and val are {NOT_INDEPENDENT}: the val IoU will flatter."
        return Item("validation_set", AMBER, title, value, text, "Label a second movie or field and make that val.")
    of = "one group: the IoU says how well it does on that one" if len(groups) == 1 else f"{len(groups)} groups"
    return Item("validation_set", GREEN, title, value, f"The network is scored on pictures of {of}.")


def receptive_field(seen_px: int, sizes: CellSizes | None, config: ModelConfig, measured: bool = False) -> Item | None:
    """seen_px: of the planned U-Net, or measured on the network itself. None without cells to compare it with."""
    if sizes is None:
        return None
    code, title, value = "receptive_field", "What one pixel sees", f"{seen_px} px"
    cell = f"the median cell is {sizes.median_px:.0f} px, 95 % are under {sizes.large_px:.0f} px"
    if seen_px >= sizes.large_px:
        how = " (measured on this network)" if measured else ""
        return Item(code, GREEN, title, value, f"More than a cell{how}: {cell} across.")
    deeper = next((d for d in range(config.depth + 1, MAX_DEPTH + 1) if _field(config, d) >= sizes.large_px), None)
    remedy = f"Set model.depth to {deeper}." if deeper else "Shrink the pictures, or use a larger kernel_size."
    if seen_px < sizes.median_px:
        text = f"From the middle of a cell no edge is in sight: {cell} across."
        return Item(code, RED, title, value, text, remedy)
    return Item(code, AMBER, title, value, f"From the middle of a large cell no edge is in sight: {cell}.", remedy)


def _field(config: ModelConfig, depth: int) -> int:
    return receptive_field_px(replace(config, depth=depth))


def crop(crop_px: int, sizes: CellSizes | None) -> Item:
    code, title, value = "crop", "Crop against cell", f"{crop_px} px"
    if sizes is None:
        text = "No cell is in the masks that were looked at: there is nothing to learn from them."
        return Item(code, RED, title, value, text, "Look at the masks on the Data page: is the right value a cell?")
    cell = f"the median cell is {sizes.median_px:.0f} px, 95 % are under {sizes.large_px:.0f} px across"
    if crop_px >= 2 * sizes.large_px:
        return Item(code, GREEN, title, value, f"A crop holds whole cells and what lies around them: {cell}.")
    larger = math.ceil(2 * sizes.large_px / 16) * 16
    remedy = f"Set data.crop_px to {larger} or more."
    if crop_px < sizes.median_px:
        return Item(code, RED, title, value, f"A crop holds less than one cell: {cell}.", remedy)
    return Item(code, AMBER, title, value, f"Large cells hardly fit a crop: {cell}.", remedy)


def depth(config: Config) -> Item:
    px = padded_px(config.data.crop_px, config.model.depth) >> config.model.depth
    value, title = f"{px} × {px} px", "The network's base"
    if px >= LEAST_BASE_PX:
        text = f"What is left of a crop of {config.data.crop_px} px after {config.model.depth} halvings."
        return Item("depth", GREEN, title, value, text)
    fits = max(0, int(math.log2(config.data.crop_px / LEAST_BASE_PX)))
    text = f"A crop of {config.data.crop_px} px is down to one pixel: the lowest level sees no shape and cannot help."
    return Item("depth", AMBER, title, value, text, f"Set model.depth to {fits} or less, or data.crop_px larger.")


def learning_rate(config: OptimizerConfig) -> Item:
    too_low, low, high, too_high = LEARNING_RATES[config.name]
    title, value, usual = "Learning rate", f"{config.lr:g}", f"usual with {config.name}: {low:g} to {high:g}"
    if low <= config.lr <= high:
        return Item("learning_rate", GREEN, title, value, f"Within what is {usual}.")
    level = AMBER if too_low <= config.lr <= too_high else RED
    what = "The network would hardly move" if config.lr < low else "Steps this long overshoot"
    return Item(
        "learning_rate",
        level,
        title,
        value,
        f"{what}; {usual}.",
        f"Start with optimizer.lr={FIRST_RATES[config.name]:g} and go on from there.",
    )


def lower_rate(config: OptimizerConfig) -> float:
    """What to try where steps are too long: a tenth, or what one begins with where that is less."""
    return (
        min(config.lr / 10, FIRST_RATES[config.name]) if config.lr > LEARNING_RATES[config.name][2] else config.lr / 10
    )


def foreground(drawn: Sequence[Drawn]) -> Item:
    """Of several batches: how much of the valid pixels is cell, and how many crops have none."""
    title, n_valid = "Foreground", sum(int(d.valid.sum()) for d in drawn)
    share = sum(int((d.target & d.valid).sum()) for d in drawn) / max(1, n_valid)
    empty = sum(not (d.target & d.valid).any() for d in drawn)
    value = f"{share:.1%} of the pixels"
    text = f"{empty} of {len(drawn)} crops hold no cell" if empty else f"Each of {len(drawn)} crops holds a cell"
    if not share:
        return Item("foreground", RED, title, value, f"{text}: there is nothing to learn.", _LOOK)
    if empty / len(drawn) > EMPTY_CROPS:
        larger = "Set data.crop_px larger, or give pictures with cells a larger weight in dataset.csv."
        return Item("foreground", AMBER, title, value, f"{text}; the others have to teach what a cell is.", larger)
    if share < EMPTY:
        text = f"So little is cell that bce pays for calling all of it background; {text[0].lower()}{text[1:]}."
        return Item("foreground", AMBER, title, value, text, "Use loss.name=bce_dice or dice.")
    if share > FULL:
        return Item("foreground", AMBER, title, value, "Nearly all is cell: the mask may be inverted.", _LOOK)
    return Item("foreground", GREEN, title, value, f"{text}.")


_LOOK = "Look at the masks on the Data page: is the right value a cell?"


def left_out(drawn: Sequence[Drawn]) -> Item | None:
    """Pixels that count for nothing: a crop larger than its picture, or an `ignore` mask. None if it is hardly any."""
    share = float(np.mean([d.valid.mean() for d in drawn]))
    if share >= LEAST_VALID:
        return None
    text = "Only so much of a crop counts; the rest lies outside of the picture or is ignored, and costs time alone."
    remedy = "Set data.crop_px to the pictures' size or less."
    level = AMBER if share > 0 else RED
    return Item("valid", level, "Pixels that count", f"{share:.0%} of a crop", text, remedy)


def input_values(drawn: Sequence[Drawn], normalisation: str) -> Item:
    """Grey values as the network gets them, over several batches."""
    title, code = "Input values", "input"
    broken = [d.name for d in drawn if not np.isfinite(d.x).all()]
    if broken:
        text = f"{broken[0]} has values that are not finite after {normalisation}: the loss would be too."
        return Item(code, RED, title, NOT_FINITE, text, "Repair or leave out that picture.")
    constant = [d.name for d in drawn if float(d.x.std()) < CONSTANT * max(1.0, float(np.abs(d.x).max()))]
    mean = float(np.mean([d.x.mean() for d in drawn]))
    std = float(np.std(np.stack([d.x for d in drawn])))
    value = f"{_short(mean)} ± {_short(std)}"
    if len(constant) == len(drawn) or (constant and len(constant) >= len(drawn) / 2):
        text = f"{len(constant)} of {len(drawn)} crops are one grey value throughout, such as of {constant[0]}."
        return Item(code, RED, title, value, text, "Look at these pictures on the Data page.")
    if abs(mean) > MEAN_LIMIT or not STD_LIMITS[0] <= std <= STD_LIMITS[1]:
        text = f"Mean and spread after data.normalisation={normalisation}; a network starts best near 0 ± 1."
        return Item(code, AMBER, title, value, text, "Set data.normalisation to zscore.")
    if constant:
        text = f"{len(constant)} of {len(drawn)} crops are one grey value throughout, such as of {constant[0]}."
        return Item(code, AMBER, title, value, text, "Look at that picture on the Data page.")
    return Item(code, GREEN, title, value, f"Mean and spread after data.normalisation={normalisation}.")


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"

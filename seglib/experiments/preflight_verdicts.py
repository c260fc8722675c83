"""Pre-flight, what was measured with the network -> items. Pure, no torch.

Limits are explained, with what they were measured on, in docs/decisions/017-preflight.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seglib.experiments import cost
from seglib.experiments.preflight import AMBER, GREEN, RED, Item
from seglib.experiments.preflight_rules import lower_rate
from seglib.runs.estimate import Estimate
from seglib.training.config import Config

if TYPE_CHECKING:
    from seglib.experiments.preflight_machine import Memory
    from seglib.experiments.preflight_overfit import Overfit

MEMORY_AMBER, MEMORY_RED = 0.6, 0.9  # of what is free
LEAST_STEPS, LEAST_EPOCHS = 100, 1.0  # of a time budget
MUCH_VALIDATION = 0.5  # of the time
BUSY = 0.5  # cores that others use, from which on it is said
LEARNED, HARDLY = 0.4, 0.15  # share of the chance loss that 30 steps take away; see the decision note
START_ROOM, START_FAR = 1.25, 4.0  # factors on what constant answers give
UNDECIDED = (0.02, 0.1, 0.3, 0.5, 0.7)  # probabilities that an untrained network may give everywhere
RANKED, RANKED_MORE, FALL = 0.8, 0.1, 0.1  # pairs told apart, by so much more than at first; fall of the loss
BLOWN = 3.0  # times the loss at the start that it may reach on its way
NO_GRADIENT = 0.5  # share of the weights
STEADY = 1e-5  # spread of logits below which they are all the same


@dataclass(frozen=True)
class Start:
    """An untrained network on the first batch. half: the loss of p = 0.5 everywhere; best, worst: the least and the
    most that constant answers from p = 0.02 to 0.7 give. mean, spread: of its logits."""

    loss: float
    half: float
    best: float
    worst: float
    mean: float
    spread: float


def parameters(n: int, name: str) -> Item:
    return Item("parameters", GREEN, "Parameters", f"{n:,}", f"Trainable numbers of {name}, built and counted.")


def device(name: str, precision: str, threads: int) -> Item:
    where = name if name != "cpu" else f"cpu, {threads} {'thread' if threads == 1 else 'threads'}"
    return Item("device", GREEN, "Device", f"{where}, {precision}", "Where and how exactly it computes.")


def memory(found: Memory, config: Config, fixed: int) -> Item:
    """fixed: bytes that do not grow with the batch, of weights and optimiser."""
    title, value = "Memory", f"{size(found.peak)} of {size(found.free)} free"
    text = f"The most that steps and a validation held at once: {found.share:.0%} of the {found.place} there is."
    if found.share <= MEMORY_AMBER:
        return Item("memory", GREEN, title, value, text)
    level = RED if found.share > MEMORY_RED else AMBER
    return Item("memory", level, title, value, text, memory_remedy(found, config, fixed))


def memory_remedy(found: Memory, config: Config, fixed: int) -> str:
    """Which batch, else which crop or how many channels would stay green."""
    batch, crop_px, channels = config.training.batch_size, config.data.crop_px, config.model.channels
    room = MEMORY_AMBER * found.free - found.before - fixed
    per_sample = max(1, found.peak - found.before - fixed) / batch
    fits = int(room / per_sample)
    if fits >= 1:
        needs = size(int(found.before + fixed + min(fits, batch - 1 or 1) * per_sample))
        return f"Set training.batch_size to {min(fits, max(1, batch - 1))} (about {needs})."
    if room <= 0:
        return "Close other programs that hold memory, or set model.channels lower."
    side = int(crop_px * math.sqrt(room / per_sample)) // 16 * 16
    thin = int(channels * room / per_sample)
    options = [f"data.crop_px to {side}"] if side >= 64 else []
    options += [f"model.channels to {thin}"] if thin >= 1 else []
    return f"Set training.batch_size to 1 and {' or '.join(options) or 'data.crop_px much smaller'}."


def too_large(needed: int, free: int, place: str, config: Config) -> Item:
    """A step that was not even tried."""
    from seglib.experiments.preflight_machine import Memory

    text = f"A step would need more than the {place} a training may take, so none was tried."
    remedy = memory_remedy(Memory(free, needed, 0, place), config, 0)
    return Item("memory", RED, "Memory", f"about {size(needed)} of {size(free)} free", text, remedy)


def speed(step: cost.Step, sample_ms: float, others: float = 0.0) -> Item:
    """sample_ms: processor time of augmenting one sample; others: cores that other programs used meanwhile."""
    title, value = "A step", seconds(step.seconds)
    share = step.share(sample_ms)
    busy = busy_with(others)
    if not step.limits(sample_ms):
        takes = "under 1 %" if share < 0.01 else f"{share:.0%}"
        text = f"Median of real steps, measured here; augmenting the samples takes {takes} of it on another core.{busy}"
        return Item("speed", GREEN, title, value, text)
    workers, takes = step.workers_needed(sample_ms), seconds(sample_ms * step.batch_size / 1000)
    text = f"The network waits for its samples: augmenting those of a step takes {takes}.{busy}"
    return Item("speed", AMBER, title, value, text, f"Set training.workers to {workers}, on as many free cores.")


def busy_with(others: float) -> str:
    """A sentence where other programs used more than a little meanwhile."""
    return f" Other programs used {others:.1f} cores meanwhile; without them it is faster." if others > BUSY else ""


def duration(expected: Estimate, config: Config, validation_s: float, others: float = 0.0) -> Item:
    """Time to the end, as the page says it, by the times measured here."""
    training, title = config.training, "Time to the end"
    epochs = f"{expected.epochs:.2g}" if expected.epochs < 10 else f"{expected.epochs:.0f}"
    value = f"{minutes(expected.minutes)}, {_many(expected.steps, 'step')}, {epochs} epochs"
    text = f"Measured here: {seconds(expected.seconds_per_step)} a step, {seconds(validation_s)} a validation."
    timed = training.minutes is not None and expected.minutes >= training.minutes * 0.999
    few = expected.steps < LEAST_STEPS or expected.epochs < LEAST_EPOCHS
    if timed and few:
        wanted = max(LEAST_STEPS, expected.steps / max(expected.epochs, 1e-9)) * expected.seconds_per_step
        more = math.ceil((wanted + 2 * validation_s) / 60)
        text = f"{text} That is little to learn from.{busy_with(others)}"
        return Item(
            "time", AMBER, title, value, text, f"Set training.minutes to {more} or more, or take a smaller network."
        )
    every = training.validate_every
    share = validation_s / (validation_s + every * expected.seconds_per_step) if every else 0.0
    if share > MUCH_VALIDATION:
        text = f"{text} Validations take {share:.0%} of the time."
        return Item("time", AMBER, title, value, text, "Leave training.validate_every empty, or set it higher.")
    return Item("time", GREEN, title, value, text)


def loss_at_start(start: Start, loss: str) -> Item:
    title, value = "Loss at the start", f"{start.loss:.3f}"
    names = loss.replace("_", " ")
    reference = f"a network that says 0.5 everywhere has a {names} of {start.half:.3f} on this batch"
    low, high = start.best / START_ROOM, start.worst * START_ROOM
    if low <= start.loss <= high:
        text = f"As it should be: {reference}; anything from {low:.2f} to {high:.2f} is fine."
        return Item("loss_at_start", GREEN, title, value, text)
    level = RED if not math.isfinite(start.loss) or start.loss > START_FAR * start.worst else AMBER
    text = f"It should lie between {low:.2f} and {high:.2f} ({reference}): {_why(start)}."
    remedy = (
        "Set data.normalisation to zscore; with a network of your own look at its last layer and its initial weights."
    )
    return Item("loss_at_start", level, title, value, text, remedy)


def _why(start: Start) -> str:
    if start.loss < start.best / START_ROOM:
        return "an untrained network cannot know that much, so its answer may be in its input"
    if start.spread > 10:
        spread = f"± {start.spread:.0f}"
        return f"its logits are spread by {spread}, as with images that are not normalised or weights too large"
    if abs(start.mean) > 4:
        return f"its logits are {start.mean:.1f} in the mean, as with a bias at the end"
    return "its answers are far from undecided, without having learned anything"


def output(start: Start, after: Overfit) -> Item:
    """Whether the network gives logits: numbers of both signs without a limit."""
    title, value = "Output", f"{after.low:.2f} to {after.high:.2f}"
    remedy = "Let the network end in a convolution: the losses and the prediction have the sigmoid."
    if start.spread < STEADY or after.high - after.low < STEADY:
        text = "The same answer at every pixel: nothing of the image reaches the end of the network."
        return Item(
            "output", RED, title, value, text, "Look at the activations and the initial weights of your network."
        )
    if after.low >= 0 and after.high <= 1:
        text = "Having learned, it still gives nothing below 0 or above 1: a sigmoid is at its end."
        return Item("output", RED, title, value, text, remedy)
    if after.low >= 0:
        text = "It gives nothing below 0, so nothing can be called background: an activation is at its end."
        return Item("output", RED, title, value, text, remedy)
    if after.low >= -1.001 and after.high <= 1.001 and after.high - after.low > 1.8:
        text = "It gives nothing outside of -1 to 1: a tanh is at its end."
        return Item("output", RED, title, value, text, remedy)
    return Item("output", GREEN, title, value, "Logits of both signs after learning one batch.")


def gradients(without: Sequence[tuple[str, int]], n_parameters: int) -> Item:
    """without: names and sizes of the weights that a step left without any gradient."""
    title, code = "Gradients", "gradients"
    if not without:
        return Item(code, GREEN, title, "all weights", "Every layer learns from a step.")
    share = sum(n for _, n in without) / max(1, n_parameters)
    names = ", ".join(name for name, _ in without[:3]) + (" …" if len(without) > 3 else "")
    value, text = f"{share:.0%} of the weights get none", f"{len(without)} layers learn nothing, such as {names}."
    level = RED if share > NO_GRADIENT else AMBER
    remedy = "See whether these layers are used in forward, or lie behind an activation that is 0 everywhere."
    return Item(code, level, title, value, text, remedy)


def overfits(found: Overfit, config: Config) -> Item:
    steps, title = len(found.losses) - 1, "Learns one batch by heart"
    first, last = found.losses[0], found.losses[-1]
    learned = 1 - last / found.chance if found.chance > 0 else 0.0
    of = f"{found.n_samples} {'sample' if found.n_samples == 1 else 'samples'}"
    value = f"loss {first:.3f} → {last:.3f}, IoU {_ratio(found.iou_before)} → {_ratio(found.iou_after)}"
    told = f"{steps} steps on {of} without augmentation; the best constant answer has a loss of {found.chance:.3f}"
    lower = (
        f"Try another optimizer.lr than {config.optimizer.lr:g} (1e-3 is a start), then look whether masks fit images."
    )
    slower = f"Set optimizer.lr to {lower_rate(config.optimizer):g}."
    if found.failed:
        return Item("overfit", RED, title, "broke off", found.failed, slower)
    if max(found.losses) > BLOWN * max(first, found.chance):
        text = f"On its way the loss rose to {max(found.losses):.3g}: steps this long jump over what they aim at."
        return Item("overfit", RED, title, value, text, slower)
    if learned >= LEARNED:
        return Item("overfit", GREEN, title, value, f"{told}.")
    tells = found.ranked_after >= RANKED and found.ranked_after - found.ranked_before >= RANKED_MORE
    if learned >= HARDLY or (tells and last < (1 - FALL) * first):
        text = (
            f"It learns slowly: {told}; a cell's pixel is given more than another in {found.ranked_after:.0%} of pairs."
        )
        return Item("overfit", AMBER, title, value, text, "Give it time, or set optimizer.lr some times higher.")
    return Item("overfit", RED, title, value, f"It did not learn one batch: {told}.", lower)


def _many(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _ratio(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def size(n_bytes: int) -> str:
    """`1.2 GB`, `340 MB`."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 100 else minutes(value / 60)


def minutes(value: float) -> str:
    if value < 1.5:
        return f"{60 * value:.0f} s"
    return f"{value:.1f} min" if value < 10 else f"{value:.0f} min" if value < 90 else f"{value / 60:.1f} h"

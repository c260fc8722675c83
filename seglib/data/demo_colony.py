"""Demo colony: budding yeast that grows, divides and pushes its neighbours aside. Geometry only, no pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

STEP_H = 0.25
BUD_H = 1.6  # time between two buds of one mother, and until a bud is a cell of its own


@dataclass
class Cell:
    """One cell. Lengths in px, times in hours; the looks (0 to 1) stay with the cell through its movie."""

    center: np.ndarray
    full_radius: float
    aspect: float
    angle: float
    born: float
    next_bud: float
    mother: int | None
    wobble: np.ndarray = field(repr=False)
    contrast: float = 1.0
    vacuole: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # row, col and radius in cell radii; strength
    outline: float = 0.0  # how far the annotator's line lies outside the true edge, px

    def radius(self, time: float) -> float:
        """Radius at `time`: a bud starts at a third of its full size."""
        age = max(0.0, time - self.born)
        return self.full_radius * (0.33 + 0.67 * min(1.0, age / (1.3 * BUD_H)) ** 0.8)


def grow(
    shape: tuple[int, int], n_founders: int, hours: Sequence[float], rng: np.random.Generator
) -> Iterator[list[Cell]]:
    """The cells of a colony at each of `hours` (ascending); the same objects, moved and grown, every time."""
    cells = [_founder(shape, rng) for _ in range(n_founders)]
    time = 0.0
    for wanted in hours:
        while time < wanted:
            time += STEP_H
            _bud(cells, time, rng)
            _push_apart(cells, time)
        yield cells


def _founder(shape: tuple[int, int], rng: np.random.Generator) -> Cell:
    margin = 0.22
    center = np.array([rng.uniform(margin, 1 - margin) * side for side in shape])
    return _cell(center, 0.0, None, rng, age=rng.uniform(1.0, 3.0))


def _cell(center: np.ndarray, time: float, mother: int | None, rng: np.random.Generator, age: float = 0.0) -> Cell:
    first_bud = time + (rng.uniform(0, BUD_H) if mother is None else BUD_H * rng.uniform(1.2, 1.7))
    strength = rng.uniform(0.3, 1.0) if rng.random() < 0.6 else 0.0
    return Cell(
        center=center,
        full_radius=rng.uniform(8.5, 12.0),
        aspect=rng.uniform(1.02, 1.35),
        angle=rng.uniform(0, np.pi),
        born=time - age,
        next_bud=first_bud,
        mother=mother,
        wobble=rng.normal(0, 0.018, 4),
        contrast=rng.uniform(0.3, 0.6) if rng.random() < 0.12 else rng.uniform(0.75, 1.1),
        vacuole=(rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), rng.uniform(0.3, 0.5), strength),
        outline=float(np.clip(rng.normal(0, 0.35), -0.7, 0.7)),
    )


def _bud(cells: list[Cell], time: float, rng: np.random.Generator) -> None:
    """Every mother whose hour has come gets a bud near one of her poles."""
    for index, mother in enumerate(list(cells)):
        if time < mother.next_bud:
            continue
        mother.next_bud = time + BUD_H * rng.uniform(0.85, 1.25)
        direction = mother.angle + np.pi * rng.integers(2) + rng.normal(0, 0.5)
        bud = _cell(mother.center.copy(), time, index, rng)
        distance = mother.radius(time) * np.sqrt(mother.aspect) + 0.5 * bud.radius(time)
        bud.center = mother.center + distance * np.array([np.sin(direction), np.cos(direction)])
        bud.angle = direction
        cells.append(bud)


def _push_apart(cells: list[Cell], time: float, rounds: int = 6) -> None:
    """Move overlapping cells apart, and a bud along with its mother, all pairs at once."""
    centers = np.array([cell.center for cell in cells])
    radii = np.array([cell.radius(time) for cell in cells])
    wanted = 0.98 * (radii[:, None] + radii[None, :])
    attached = np.zeros(wanted.shape, bool)
    for index, cell in enumerate(cells):
        if cell.mother is not None and time - cell.born < BUD_H:
            attached[index, cell.mother] = attached[cell.mother, index] = True
    wanted = np.where(attached, 0.94 * wanted, wanted)
    for _ in range(rounds):
        between = centers[:, None] - centers[None, :]
        distance = np.hypot(between[..., 0], between[..., 1]) + np.eye(len(cells))
        gap = np.where(attached, wanted - distance, np.maximum(wanted - distance, 0.0))
        np.fill_diagonal(gap, 0.0)
        centers += 0.35 * (between / distance[..., None] * gap[..., None]).sum(axis=1)
    for cell, center in zip(cells, centers):
        cell.center = center

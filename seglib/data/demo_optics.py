"""Demo optics: cells and debris -> what a microscope and its camera make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from seglib.data.demo_colony import Cell

REACH_PX = 16  # how far outside its edge a cell still changes the picture


@dataclass(frozen=True)
class Look:
    """How one movie was taken. Levels as share of white; lengths in px."""

    kind: str  # "phase" or "bright"
    background: float
    gain: float
    halo: float
    halo_px: float
    focus: float
    blur_px: float
    noise: float
    slope: tuple[float, float, float]


def draw_look(kind: str, rng: np.random.Generator) -> Look:
    return Look(
        kind=kind,
        background=rng.uniform(0.14, 0.26) if kind == "phase" else rng.uniform(0.42, 0.60),
        gain=rng.uniform(0.85, 1.1),
        halo=rng.uniform(0.40, 0.65),
        halo_px=rng.uniform(2.6, 4.2),
        focus=rng.uniform(0.85, 1.0),
        blur_px=rng.uniform(0.8, 1.15),
        noise=rng.uniform(0.010, 0.018),
        slope=tuple(rng.uniform(-0.06, 0.06, 3)),
    )


@dataclass
class _Canvas:
    """What has been drawn so far, all (H, W): labels, light float32, and the depth of the outermost edge drawn."""

    labels: np.ndarray
    light: np.ndarray
    halo: np.ndarray
    depth: np.ndarray


def expose(
    cells: Sequence[Cell],
    debris: Sequence[Cell],
    time: float,
    look: Look,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Image (H, W) uint8 and labels (H, W) uint16 of `cells` at `time`; debris is seen but not labelled."""
    far = np.full(shape, np.float32(REACH_PX))
    canvas = _Canvas(np.zeros(shape, np.uint16), np.zeros(shape, np.float32), np.zeros(shape, np.float32), far)
    texture = _smooth_noise(shape, 1.6, rng)
    for thing in debris:
        _draw(canvas, thing, time, look, texture, 0)
    for number, cell in enumerate(cells, start=1):
        _draw(canvas, cell, time, look, texture, number)
    return _camera(canvas, look, rng), canvas.labels


def _draw(canvas: _Canvas, cell: Cell, time: float, look: Look, texture: np.ndarray, number: int) -> None:
    """Add one cell: its light where it is the deepest so far, its halo everywhere, its number where it is labelled."""
    radius = cell.radius(time)
    window = _window(cell.center, radius * cell.aspect + REACH_PX, canvas.light.shape)
    if window is None:
        return
    edge, vacuole = _distances(cell, radius, window)
    depth, light, labels = canvas.depth[window], canvas.light[window], canvas.labels[window]
    on_top = edge < depth
    paint = _phase if look.kind == "phase" else _bright
    value = paint(edge, vacuole, cell, look) + 0.05 * texture[window] * (edge < -1)
    cover = (1 / (1 + np.exp(np.clip(edge / 0.6, -30, 30)))).astype(np.float32)
    if look.kind == "bright":  # rings reach outside the cell
        cover = np.exp(-np.maximum(edge, 0) / 3.0).astype(np.float32)
    light[:] = np.where(on_top, (1 - cover) * light + cover * value, light)
    canvas.halo[window] += cell.contrast * np.exp(-np.maximum(edge, 0) / look.halo_px)
    if number:
        labels[on_top & (edge < cell.outline)] = number
    depth[:] = np.minimum(depth, edge)


def _window(center: np.ndarray, reach: float, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    low = [max(0, int(c - reach)) for c in center]
    high = [min(side, int(c + reach) + 2) for c, side in zip(center, shape)]
    if low[0] >= high[0] or low[1] >= high[1]:
        return None
    return slice(low[0], high[0]), slice(low[1], high[1])


def _distances(cell: Cell, radius: float, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance to the cell's edge and to its vacuole's edge, px, negative inside (near enough for ellipses)."""
    row = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(cell.center[0])
    col = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(cell.center[1])
    sin, cos = np.float32(np.sin(cell.angle)), np.float32(np.cos(cell.angle))
    along, across = cos * col + sin * row, cos * row - sin * col
    stretch = np.float32(np.sqrt(cell.aspect))
    around = np.arctan2(across, along)
    shape = 1 + sum(w * np.cos((k + 2) * around + k) for k, w in enumerate(cell.wobble))
    edge = (np.hypot(along / stretch, across * stretch) / shape.astype(np.float32) - np.float32(radius)).astype(
        np.float32
    )
    v_row, v_col, v_radius, _ = cell.vacuole
    vacuole = np.hypot(across - v_row * radius, along - v_col * radius) - v_radius * radius
    return edge, vacuole.astype(np.float32)


def _phase(edge: np.ndarray, vacuole: np.ndarray, cell: Cell, look: Look) -> np.ndarray:
    """Phase contrast: cells darker than the background, lighter towards the middle, vacuoles as paler discs."""
    strength = cell.vacuole[3] * (np.exp(-((vacuole / 1.2) ** 2)) * -0.4 + (vacuole < 0) * 0.7)
    inside = -0.65 + 0.18 * np.clip(-edge / 9, 0, 1) + 0.16 * strength
    return (look.background * cell.contrast * inside).astype(np.float32)


def _bright(edge: np.ndarray, vacuole: np.ndarray, cell: Cell, look: Look) -> np.ndarray:
    """Brightfield off focus: a dark rim, a bright line inside it, a pale one outside; stronger farther off."""
    rim = -0.9 * np.exp(-((edge + 0.6) ** 2) / 2.6) + 0.55 * np.exp(-((edge + 3.6) ** 2) / 3.0)
    rim += 0.30 * np.exp(-((edge - 2.6) ** 2) / 3.5) + 0.10 * (edge < -2)
    ring = -0.35 * cell.vacuole[3] * np.exp(-((vacuole / 1.1) ** 2))
    return (0.36 * look.focus * cell.contrast * (rim + ring * (edge < 0))).astype(np.float32)


def _camera(canvas: _Canvas, look: Look, rng: np.random.Generator) -> np.ndarray:
    """Uneven light, blur, shot and read noise -> uint8."""
    shape = canvas.light.shape
    scene = look.background + look.gain * canvas.light
    if look.kind == "phase":
        outside = 1 / (1 + np.exp(np.clip(-canvas.depth / 0.6, -30, 30)))
        scene = scene + look.gain * look.halo * np.tanh(canvas.halo) * outside
        scene += 0.25 * look.halo * (cv2.GaussianBlur(canvas.halo, (0, 0), 9) / 3)
    row, col = np.meshgrid(*(np.linspace(-1, 1, side, dtype=np.float32) for side in shape), indexing="ij")
    a, b, c = look.slope
    scene = scene * (1 + a * row + b * col + c * (row**2 + col**2 - 0.7))
    scene = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), look.blur_px)
    noise = rng.standard_normal(shape, np.float32) * np.sqrt(np.clip(scene, 0.02, 1)) * look.noise
    return np.clip(np.rint((scene + noise) * 255), 0, 255).astype(np.uint8)


def _smooth_noise(shape: tuple[int, int], sigma_px: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of standard deviation about 1."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), sigma_px)
    return noise * np.float32(2 * np.sqrt(np.pi) * sigma_px)

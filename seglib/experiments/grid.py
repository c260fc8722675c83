"""Grid: which fixed draws a network is asked about, in which order, and on which images. No torch.

Every cell is one Draw with the same seeds for an image all over the grid, so that neighbours differ by the parameter
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

from seglib.augment.draw import Draw
from seglib.augment.pipeline import generator
from seglib.augment.recipe import Elastic
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.experiments.axes import Axis, axis

FIELDS_STREAM, IMAGES_STREAM = 2**31 - 3, 2**31 - 4  # epochs that no training reaches
Cell = tuple[int, int]  # position among the values of x and of y


@dataclass(frozen=True)
class Grid:
    """x, y: paths of recipe fields; y None: a curve. sigma_px: smoothness of the bending, where it is an axis. seed:
    of fields, grain and the choice of images.

    Raises InputError for values that cannot be mapped, or one parameter on both axes.
    """

    x: str
    x_values: tuple[float, ...]
    y: str | None = None
    y_values: tuple[float, ...] = ()
    sigma_px: float = Draw.sigma_px
    seed: int = 0

    def __post_init__(self) -> None:
        if self.x == self.y:
            raise InputError(f"{self.x} is on both axes; choose another for y, or none for a curve.")
        object.__setattr__(self, "x_values", axis(self.x).checked(self.x_values))
        object.__setattr__(self, "y_values", axis(self.y).checked(self.y_values) if self.y else ())
        Elastic(sigma_px=(self.sigma_px, self.sigma_px))  # its limits

    @property
    def x_axis(self) -> Axis:
        return axis(self.x)

    @property
    def y_axis(self) -> Axis | None:
        return axis(self.y) if self.y else None

    @property
    def axes(self) -> list[Axis]:
        return [a for a in (self.x_axis, self.y_axis) if a is not None]

    @property
    def shape(self) -> tuple[int, int]:
        """(number of y values, number of x values); a curve has one row."""
        return max(1, len(self.y_values)), len(self.x_values)

    def cells(self) -> list[Cell]:
        """All cells (ix, iy), from the one that changes least outwards: the curve along x comes first."""
        near_x = _outwards(self.x_axis, self.x_values)
        near_y = _outwards(self.y_axis, self.y_values) if self.y else [0]
        return [(ix, iy) for iy in near_y for ix in near_x]

    def at(self, cell: Cell) -> dict[str, float]:
        """The values of a cell by path."""
        ix, iy = cell
        return {self.x: self.x_values[ix]} | ({self.y: self.y_values[iy]} if self.y else {})

    def is_neutral(self, cell: Cell) -> bool:
        """Whether the cell leaves images as they are."""
        return all(value == axis(path).neutral for path, value in self.at(cell).items())

    def draw(self, cell: Cell | None, index: int, border: str = "reflect") -> Draw:
        """What happens to image number `index` of the data set in this cell; None: nothing."""
        if cell is None:
            return Draw(border=border)
        elastic, noise, background = generator(self.seed, FIELDS_STREAM, index).integers(0, 2**63, 3)
        seeds = {"elastic_seed": int(elastic), "noise_seed": int(noise), "background_seed": int(background)}
        values = {axis(path).field: value for path, value in self.at(cell).items()}
        return Draw(**values, **seeds, sigma_px=self.sigma_px, border=border)

    def plain(self) -> dict[str, Any]:
        """JSON values that `from_plain` takes back."""
        return {**asdict(self), "x_values": list(self.x_values), "y_values": list(self.y_values)}


def from_plain(values: Mapping[str, Any]) -> Grid:
    return Grid(**{**values, "x_values": tuple(values["x_values"]), "y_values": tuple(values["y_values"])})


def _outwards(of: Axis, values: tuple[float, ...]) -> list[int]:
    start = of.nearest_to_neutral(values)
    return sorted(range(len(values)), key=lambda i: (abs(i - start), i))


def choose_images(dataset: Dataset, n_images: int | None, seed: int) -> list[int]:
    """Numbers of `n_images` val images (None: all), ascending; drawn from every group in turn, the same for a seed.

    Raises InputError where the data set has no val images.
    """
    val = dataset.indices("val")
    if not val:
        raise InputError(f"{dataset.path} has no validation set: nothing says how the network does on unseen images.")
    if n_images is not None and n_images < 1:
        raise InputError(f"{n_images} images; at least one is needed.")
    rng = generator(seed, IMAGES_STREAM, 0)
    groups: dict[str, list[int]] = {}
    for index in rng.permutation(val):
        groups.setdefault(dataset.records[index].group, []).append(int(index))
    in_turn = [i for row in zip_longest(*(groups[name] for name in sorted(groups))) for i in row if i is not None]
    return sorted(in_turn[:n_images])

"""Limits: from what figure on a gauge of the realism meter is amber or red, and why. The one place where they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """Green up to `green`, amber up to `amber`, red beyond; an `amber` without end is never red. reason: why there."""

    green: float
    amber: float
    reason: str
    unit: str = ""

    def told(self) -> str:
        """`Green up to 1 %, amber up to 5 %. …`: the limits and their reason."""
        never = f"Amber beyond {self._figure(self.green)}, never red."
        both = f"Green up to {self._figure(self.green)}, amber up to {self._figure(self.amber)}."
        return f"{both if math.isfinite(self.amber) else never} {self.reason}"

    def _figure(self, value: float) -> str:
        return f"{100 * value:g} %" if self.unit == "%" else f"{value:g} {self.unit}".rstrip()


LIMITS = {
    "folding": Limit(
        0.0,
        1e-4,
        "No microscope shows a piece of a cell twice, once mirrored. One pixel in 10,000 is a crease that is hardly "
        "seen; more is learned.",
        unit="%",
    ),
    "displacement": Limit(
        1.0,
        3.0,
        "Up to one cell diameter a cell stays near its neighbours. Beyond, the picture is rearranged, which rotation "
        "and flips do without bending anything.",
        unit="cell diameter(s)",
    ),
    "area": Limit(
        0.10,
        0.30,
        "D is the largest difference between the shares of cells below any size: 0.1 = 10 of 100 cells. Three movies "
        "of growing colonies, taken alike, differ from one another by 0.06 to 0.10; three times that is other cells.",
        unit="(D)",
    ),
    "eccentricity": Limit(
        0.10,
        0.30,
        "As for area; the same three movies differ by 0.09 to 0.12.",
        unit="(D)",
    ),
    "solidity": Limit(
        0.10,
        0.30,
        "As for area; the same three movies differ by 0.05 to 0.09. A lower solidity means dents, and yeast has few.",
        unit="(D)",
    ),
    "topology": Limit(
        0.01,
        0.05,
        "A cell that is merged with another one, split or lost is a wrong label. One in a hundred drowns among those "
        "of drawing by hand; one in twenty teaches to merge and split.",
        unit="%",
    ),
    "hairline": Limit(
        0.05,
        math.inf,
        "Gaps of one pixel close wherever a mask is turned by an angle: the network then learns that touching cells "
        "are one. A matter of how the masks were drawn, so amber at most.",
        unit="%",
    ),
    "invented": Limit(
        0.10,
        0.30,
        "Mirrored cells are never trained on, but they fill the picture: what is there is lost to training, and the "
        "network sees mirrored neighbours near the edge.",
        unit="%",
    ),
    "range": Limit(
        0.02,
        0.15,
        "Beyond the darkest and the lightest pixel of its own picture nothing has been seen; some of that makes a "
        "network robust, but where it is more than 15 of 100 pixels the pictures are another camera's.",
        unit="%",
    ),
    "faint": Limit(
        0.5,
        0.75,
        "Share of the step at cell outlines, or of its height above the noise, lost in the worst of 20 draws. At "
        "half it is still there to be drawn; at a quarter it has to be guessed.",
        unit="%",
    ),
    "harsh": Limit(
        2.5,
        4.0,
        "Step at cell outlines ÷ before, in the strongest of 20 draws; another lamp or exposure may go as far.",
        unit="times",
    ),
}

# A shape gauge stays green while the typical (median) change of a cell is smaller than this, whatever D says: nearest
# neighbour sampling alone roughens outlines by as much, and D of a narrow distribution sees it. Twice as much for red.
SMALLEST_CHANGE = {"area": 0.05, "eccentricity": 0.05, "solidity": 0.02}

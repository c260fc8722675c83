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


LIMITS = {
    "folding": Limit(
        0.0,
        1e-4,
        "No microscope shows a piece of a cell twice, once mirrored. One pixel in 10,000 is a crease that is hardly "
        "seen; more is learned.",
    ),
    "displacement": Limit(
        1.0,
        3.0,
        "Up to one cell diameter a cell stays among its neighbours. Beyond, the picture is rearranged, which rotation "
        "and flips do without bending anything.",
    ),
    "area": Limit(
        0.10,
        0.30,
        "D is the largest difference between the shares of cells below any size: 0.1 = 10 of 100 cells. Colonies of "
        "one strain differ by as much from frame to frame; 0.3 is another strain.",
    ),
    "eccentricity": Limit(
        0.10,
        0.30,
        "As for area: at D = 0.3 three of ten cells are longer than the data set's own cells account for.",
    ),
    "solidity": Limit(
        0.10,
        0.30,
        "As for area. Yeast is convex: a lower solidity means dents, which look like buds that are not there.",
    ),
    "topology": Limit(
        0.01,
        0.05,
        "A cell that is merged with another one, split or lost is a wrong label. One in a hundred is about what people "
        "who draw masks get wrong themselves.",
    ),
    "hairline": Limit(
        0.05,
        math.inf,
        "Gaps of one pixel close wherever a mask is turned by an angle: the network then learns that touching cells "
        "are one. A matter of how the masks were drawn, so amber at most.",
    ),
    "invented": Limit(
        0.10,
        0.30,
        "Mirrored cells are never trained on, but they fill the picture: what is there is lost to training, and the "
        "network sees mirrored neighbours near the edge.",
    ),
    "range": Limit(
        0.02,
        0.15,
        "Beyond the darkest and the lightest pixel of its own picture nothing has been seen; some of that makes a "
        "network robust, but where it is more than 15 of 100 pixels the pictures are another camera's.",
    ),
    "faint": Limit(
        0.5,
        0.75,
        "Share of the step at cell outlines, or of its height above the noise, lost in the worst of 20 draws. At "
        "half, people still draw the same outline; at a quarter they guess, and the network with them.",
    ),
    "harsh": Limit(
        2.5,
        4.0,
        "Step at cell outlines against before in the strongest of 20 draws; 2.5 is what another objective or exposure "
        "can do.",
    ),
}

# A shape gauge stays green while the typical (median) change of a cell is smaller than this, whatever D says: nearest
# neighbour sampling alone roughens outlines by as much, and D of a narrow distribution sees it. Twice as much for red.
SMALLEST_CHANGE = {"area": 0.05, "eccentricity": 0.05, "solidity": 0.02}

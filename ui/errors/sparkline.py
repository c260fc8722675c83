"""A small chart of a few counts in a line of text: one bar a checkpoint or run, the one in view the last."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

HEIGHT_PX, BAR_PX, GAP_PX = 28, 9, 2


def sparkline(counts: Sequence[int], names: Sequence[str], colour: str) -> str:
    """HTML: each bar with its name and count as title; a 0 keeps a line at the foot. (`st.html` takes SVG away.)"""
    top = max(*counts, 1)
    bars = []
    for number, (count, name) in enumerate(zip(counts, names)):
        tall = max(1, round(HEIGHT_PX * count / top))
        faint = 1 if number == len(counts) - 1 else 0.55
        look = f"width:{BAR_PX}px;height:{tall}px;background:{colour};opacity:{faint}"
        bars.append(f'<span title="{escape(name)}: {count:,}" style="display:block;{look}"></span>')
    said = ", ".join(f"{name} {count}" for name, count in zip(names, counts))
    look = f"display:flex;align-items:flex-end;gap:{GAP_PX}px;height:{HEIGHT_PX}px"
    return f'<div role="img" aria-label="{escape(said)}" style="{look}">{"".join(bars)}</div>'

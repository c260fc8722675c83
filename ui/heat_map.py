"""A weakness map as a plotly figure: heat map or curve, with what recipes cover drawn over it. Pure: no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping

import plotly.graph_objects as go

from seglib.augment.recipe import Recipe
from seglib.experiments.axes import Axis
from seglib.experiments.grid import Cell
from seglib.experiments.weakness import Score, WeaknessMap

IN_HAND, TRAINED = "recipe in hand", "trained with"
# drawn in this order: name -> colour, dash, how far the frame stands outside the cells (two frames must not hide each
# other)
COVERED = {TRAINED: ("#CC79A7", "dot", 0.03), IN_HAND: ("#D55E00", "solid", -0.05)}
COLOURS = "Cividis"  # made for all kinds of colour vision
LEAST_SPAN = 0.1  # of IoU: a map without differences must not look as if it had some
POOLED, MEAN = "pooled_iou", "mean_iou"
_ROW_PX, _CURVE_PX = 52, 330


def figure(found: WeaknessMap, recipes: Mapping[str, Recipe], which: str = POOLED) -> go.Figure:
    """The figure of what is computed so far. recipes: name in COVERED -> recipe whose reach is drawn. which: POOLED or
    MEAN. Points carry their cell [ix, iy] as customdata."""
    return _map(found, recipes, which) if found.grid.y else _curve(found, recipes)


def _map(found: WeaknessMap, recipes: Mapping[str, Recipe], which: str) -> go.Figure:
    (n_y, n_x), grid = found.grid.shape, found.grid
    z = [[_value(found, (ix, iy), which) for ix in range(n_x)] for iy in range(n_y)]
    texts = [[_text(found, (ix, iy), z[iy][ix]) for ix in range(n_x)] for iy in range(n_y)]
    low, high = _limits(found, [value for row in z for value in row], which)
    picture = go.Figure(layout=_layout(_ROW_PX * n_y + 120))
    picture.add_trace(
        go.Heatmap(
            z=z,
            text=texts,
            texttemplate="%{text}",
            textfont={"size": 13},
            colorscale=COLOURS,
            zmin=low,
            zmax=high,
            xgap=1,
            ygap=1,
            hoverinfo="skip",
            showscale=False,  # every cell says its number
            showlegend=False,
        )
    )
    for name, recipe in _different(found, recipes).items():
        _outline(
            picture, name, *_covered(grid.x_axis, grid.x_values, recipe), *_covered(grid.y_axis, grid.y_values, recipe)
        )
    picture.add_trace(_points(found))
    picture.update_xaxes(_ticks(grid.x_axis, grid.x_values))
    picture.update_yaxes(_ticks(grid.y_axis, grid.y_values))
    return picture


def _value(found: WeaknessMap, cell: Cell, which: str) -> float | None:
    """None where the cell is not computed or has no IoU."""
    scored = found.scores.get(cell)
    value = math.nan if scored is None else getattr(scored, which)
    return None if math.isnan(value) else value


def _text(found: WeaknessMap, cell: Cell, value: float | None) -> str:
    number = f"{value:.3f}" if value is not None else "none" if cell in found.scores else ""
    return f"<b>◆ {number}</b>" if found.grid.is_neutral(cell) else number


def _limits(found: WeaknessMap, values: list[float | None], which: str) -> tuple[float, float]:
    before = getattr(found.baseline, which) if found.baseline else math.nan
    known = [v for v in (*values, before) if v is not None and not math.isnan(v)] or [0.0, 1.0]
    return min(*known, max(known) - LEAST_SPAN), max(known)


def _different(found: WeaknessMap, recipes: Mapping[str, Recipe]) -> dict[str, Recipe]:
    """In the order of COVERED; what the run was trained with only where it reaches elsewhere than that in hand."""
    reach = {name: [a.reach(recipe) for a in found.grid.axes] for name, recipe in recipes.items()}
    return {n: recipes[n] for n in COVERED if n in recipes and (n == IN_HAND or reach[n] != reach.get(IN_HAND))}


def _covered(of: Axis, values: tuple[float, ...], recipe: Recipe) -> tuple[float, float]:
    """From where to where on the axis of positions: around the cells within the recipe's reach; where it lies between
    two of them, the line between."""
    low, high = of.reach(recipe)
    below, upto = sum(v < low for v in values), sum(v <= high for v in values)
    return below - 0.5, upto - 0.5


def _outline(picture: go.Figure, name: str, left: float, right: float, bottom: float, top: float) -> None:
    """A frame with a white rim, so that it stands out from every colour of the map."""
    colour, dash, room = COVERED[name]
    left, right, bottom, top = left - room, right + room, bottom - 1.5 * room, top + 1.5 * room
    x, y = [left, right, right, left, left], [bottom, bottom, top, top, bottom]
    for width, line_colour, style, shown in ((7, "#FFFFFF", "solid", False), (3.5, colour, dash, True)):
        line = {"width": width, "color": line_colour, "dash": style}
        look = {"mode": "lines", "line": line, "showlegend": shown, "hoverinfo": "skip"}
        picture.add_trace(go.Scatter(x=x, y=y, name=name, legendrank=1 if name == IN_HAND else 2, **look))


def _points(found: WeaknessMap) -> go.Scatter:
    """What the pointer meets: one invisible point a cell, a ring once it is chosen."""
    cells = [cell for cell in found.grid.cells() if cell in found.scores]
    return go.Scatter(
        x=[ix for ix, _ in cells],
        y=[iy for _, iy in cells],
        mode="markers",
        customdata=[list(cell) for cell in cells],
        text=[told(found, cell) for cell in cells],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 40, "symbol": "square-open", "color": "#FFFFFF", "line": {"width": 3, "color": "#FFFFFF"}},
        opacity=1,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0}},
        selectedpoints=[],
        showlegend=False,
    )


def told(found: WeaknessMap, cell: Cell, newline: str = "<br>") -> str:
    """A cell in words: its values, both IoU, the loss, how much of the images is scored, and how many have no IoU."""
    scored, grid = found.scores[cell], found.grid
    values = (f"{a.title} {a.said(grid.at(cell)[a.path])}" for a in grid.axes)
    lines = [" · ".join(values), f"pooled IoU {_ratio(scored.pooled_iou)}{_loss(found, scored)}"]
    lines.append(f"mean IoU {_ratio(scored.mean_iou)} of {len(found.images) - scored.n_undefined} images")
    if scored.n_undefined:
        lines.append(f"{scored.n_undefined} with neither cell nor prediction left out")
    share = found.share_scored(cell)
    if share < 0.995:
        lines.append(f"{share:.0%} of the pixels scored, the rest shows nothing of the image")
    return newline.join(lines)


def _loss(found: WeaknessMap, scored: Score) -> str:
    if found.baseline is None or math.isnan(scored.pooled_iou - found.baseline.pooled_iou):
        return ""
    difference = scored.pooled_iou - found.baseline.pooled_iou
    return " (unchanged)" if scored == found.baseline else f" ({difference:+.4f} against unchanged)".replace("-", "−")


def _ratio(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def _curve(found: WeaknessMap, recipes: Mapping[str, Recipe]) -> go.Figure:
    """Pooled and mean IoU along x, the unchanged images as a line, the recipes' reach as bands."""
    of, grid = found.grid.x_axis, found.grid
    picture = go.Figure(layout=_layout(_CURVE_PX))
    cells = [(ix, 0) for ix in range(grid.shape[1]) if (ix, 0) in found.scores]
    x = [grid.x_values[ix] for ix, _ in cells]
    for name, recipe in _different(found, recipes).items():
        _band(picture, name, *of.reach(recipe))
    for which, name, colour in ((POOLED, "pooled IoU", "#0072B2"), (MEAN, "mean IoU", "#56B4E9")):
        picture.add_trace(
            go.Scatter(
                x=x,
                y=[_value(found, cell, which) for cell in cells],
                name=name,
                mode="lines+markers",
                line={"color": colour, "width": 2.5 if which == POOLED else 1.5},
                marker={"size": 9},
                customdata=[list(cell) for cell in cells],
                text=[told(found, cell) for cell in cells],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    if found.baseline and not math.isnan(found.baseline.pooled_iou):
        picture.add_hline(found.baseline.pooled_iou, line={"color": "#999999", "dash": "dot", "width": 1.5})
    picture.update_xaxes(title=_title(of), range=_padded(grid.x_values))
    low, high = _limits(found, [_value(found, c, w) for c in cells for w in (POOLED, MEAN)], POOLED)
    picture.update_yaxes(title="IoU", range=[low - 0.02, high + 0.02], automargin=True)
    return picture


def _band(picture: go.Figure, name: str, low: float, high: float) -> None:
    colour, dash, _ = COVERED[name]
    picture.add_vrect(low, high, fillcolor=colour, opacity=0.08, line_width=0, layer="below")
    for place in {low, high}:
        picture.add_vline(place, line={"color": colour, "dash": dash, "width": 2}, layer="below")
    line = {"color": colour, "dash": dash, "width": 2}
    picture.add_trace(go.Scatter(x=[None], y=[None], mode="lines", line=line, name=name, hoverinfo="skip"))


def _padded(values: tuple[float, ...]) -> list[float]:
    room = 0.04 * (values[-1] - values[0]) or 1.0
    return [values[0] - room, values[-1] + room]


def _ticks(of: Axis, values: tuple[float, ...]) -> dict:
    """Cells of one size whatever the values; their names are the values."""
    n = len(values)
    return {
        "title": _title(of),
        "tickvals": list(range(n)),
        "ticktext": [f"{value:.3g}" for value in values],
        "range": [-0.6, n - 0.4],
        "automargin": True,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def _title(of: Axis) -> str:
    return f"{of.title} ({of.unit})" if of.unit else of.title


def _layout(height: int) -> go.Layout:
    return go.Layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0.0, "itemclick": False},
        hovermode="closest",
        hoverdistance=60,
        dragmode=False,
        clickmode="event+select",
    )

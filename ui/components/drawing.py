"""An SVG in the page: st.html strips it, st.image makes it a picture that cannot follow light and dark."""

from __future__ import annotations

from ui.components.assets import register

_mount = register("drawing")


def drawing(svg: str, *, key: str) -> None:
    """Show `svg`, drawn by us, with all text in it escaped; `currentColor` is the page's text colour."""
    _mount(data={"svg": svg}, key=key)

"""The end of a training, said once to whoever watches it."""

from __future__ import annotations

import streamlit as st

from seglib.runs.store import Run
from ui import progress
from ui.literal import literal

_SEEN = "live_last_state"
_ICONS = {"finished": ":material/check_circle:", "stopped": ":material/stop_circle:"}


def announce(run: Run, standing: progress.Standing) -> None:
    """A toast where the run lived at the last look of this session and does not any more."""
    seen = st.session_state.setdefault(_SEEN, {})
    lived = seen.get(run.id, False)
    seen[run.id] = standing.live
    if lived and not standing.live:
        st.toast(line(run, standing), icon=_ICONS.get(standing.state, ":material/error:"), duration="long")


def line(run: Run, standing: progress.Standing) -> str:
    """`**quick** has finished: best val IoU 0.9312 at step 480. Its mistakes and Compare are in its head.`"""
    name, best = literal(run.name), run.progress()
    if standing.state not in _ICONS:
        return (
            f"**{name}** {standing.state}: {literal(standing.reason)}" if standing.reason else f"**{name}** broke off."
        )
    iou = "" if best.best_iou is None else f": best val IoU {best.best_iou:.4f} at step {best.best_step}"
    verb = "has finished" if standing.state == "finished" else "was stopped"
    return f"**{name}** {verb}{iou}. **See its mistakes** and **Compare** stand beside its name."

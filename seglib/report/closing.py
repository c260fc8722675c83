"""The end of a report: how every run in it is trained again."""

from __future__ import annotations

from seglib.exceptions import InputError
from seglib.report.shown import Table, Words, note
from seglib.report.study import Study
from seglib.training.command import train_command
from seglib.training.config import PRESETS


def how_to_repeat(study: Study) -> Table | Words:
    """The command of every run; the data set by its name, because its folder is another on every machine."""
    rows = []
    for run in study.runs:
        try:
            config = run.config()
            lines = (train_command(config, preset, run.id) for preset in PRESETS)
            line = min(lines, key=len)
        except InputError as error:
            line = f"not known: {error}"
        else:
            line = line.replace(config.data.path, study.material_of(run).name) if config.data.path else line
        rows.append((run.name, line))
    if not rows:
        return note("No runs.")
    title = f"The commands that train these runs again ({len(rows)})"
    return Table(("Run", "Command"), tuple(rows), folded=title)

"""Kinds of mistakes over several checkpoints or runs: from their tables at once, or as a job has described them.

No torch. The job `kinds` looks at every picture and lets ONE network, the describer, look at it too, so that regions
of all sources are described alike. Its result can be thrown away: names that people gave lie in review.jsonl and find
their cluster again by place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.runs import validation
from seglib.runs.store import Run

if TYPE_CHECKING:
    import pandas as pd

    from seglib.errors.clusters import Kinds
    from seglib.runs.jobs import Job
    from seglib.runs.looks import Look

ABOUT, MEMBERS, ROWS, TOTALS = "about.json", "members.parquet", "kinds.parquet", "sources.parquet"


@dataclass(frozen=True)
class Grouping:
    """kinds: clusters and members. totals: source, n_wrong, n_union (px) in order of time. network: whether its
    activations were used; reason: why not."""

    kinds: Kinds
    totals: pd.DataFrame
    network: bool = False
    reason: str = ""


def inputs(describer: Run, looks: Sequence[Look], root: Path, data: Path) -> dict[str, Any]:
    """Inputs of the job. describer: its best network describes all regions. looks: checkpoints or runs with a step;
    root: the folder of their runs; data: where the data set lies now."""
    sources = []
    for look in looks:
        tables = validation.folder_of(Run(root / look.run_id), look.step) / "regions.parquet"
        sources.append([look.name, str(tables), tables.stat().st_mtime_ns])
    found = {"run": str(describer.folder), "checkpoint": "best", "sources": sources}
    moved = data.resolve() != describer.data_path()
    return {**found, "data": str(data), "moved": True} if moved else found


def from_tables(looks: Sequence[Look]) -> Grouping:
    """By what the tables of regions say alone: at once."""
    from seglib.errors.clusters import grouped

    return Grouping(grouped(joined({look.name: look.regions for look in looks})), totals(looks))


def joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One table with `source`."""
    import pandas as pd

    return pd.concat([table.assign(source=name) for name, table in tables.items()], ignore_index=True)


def totals(looks: Sequence[Look]) -> pd.DataFrame:
    import pandas as pd

    rows = [(k.name, k.counts.fp + k.counts.fn, k.counts.tp + k.counts.fp + k.counts.fn) for k in looks]
    return pd.DataFrame(rows, columns=["source", "n_wrong", "n_union"])


def of_job(job: Job) -> Grouping:
    """What a job that is done has left. Raises InputError where it cannot be read."""
    import pandas as pd

    from seglib.errors.clusters import Kinds

    try:
        about = json.loads((job.result / ABOUT).read_text(encoding="utf-8"))
        rows, members, sums = (pd.read_parquet(job.result / name) for name in (ROWS, MEMBERS, TOTALS))
        rows["examples"] = [json.loads(text) for text in rows.examples]
        return Grouping(Kinds(rows, members), sums, bool(about["network"]), str(about["reason"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{job.result} cannot be read: {str(error).splitlines()[0]}; do the job again.") from None

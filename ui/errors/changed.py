"""What changes from the run in view (a) to the one beside it (b), kept until either changes: pixels, and counts alone.

Small sets are compared while the person waits, large ones by the job `changes`. Where probabilities are gone, the
counts that both trainings left still say how far apart the two are.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from seglib.errors.budget import CLASSES, pool
from seglib.errors.compare import COUNTS, Changes, compare, overlaps
from seglib.exceptions import InputError
from seglib.experiments import answers
from seglib.experiments.answers import Difference
from seglib.experiments.statistics import Overlaps
from seglib.runs import changes, jobs
from seglib.runs.store import Run
from ui import opened
from ui.errors import scene as scenes
from ui.errors.scene import Scene

AT_ONCE_PIXELS = scenes.AT_ONCE_PIXELS // 2  # each image is looked at twice


@dataclass(frozen=True)
class Names:
    """What the two are called: two runs by their names, two checkpoints of one by those as well."""

    a: str
    b: str


def names_of(scene: Scene) -> Names:
    """Two of one name are told apart by their folder."""
    a, b = scene.predicted, scene.other
    if a.run.id == b.run.id:
        return Names(f"{a.run.name} {a.which}", f"{b.run.name} {b.which}")
    if a.run.name == b.run.name:
        return Names(a.run.id, b.run.id)
    return Names(a.run.name, b.run.name)


def whole(scene: Scene) -> bool:
    """Whether every image that both have counted has the probabilities of both on disk."""
    return len(scene.other_rows) == len(shared(scene)) > 0


def shared(scene: Scene) -> list[str]:
    """The images that both have counted and that are in the data set."""
    theirs = set(scenes.scores_of(scene.other).image)
    return [image for image in scene.indices if image in theirs]


def of_all(scene: Scene) -> Changes | jobs.Job:
    """The changes of all images that both have predicted, or the job that makes them: done, or to be started. Raises
    InputError for probabilities that are gone or damaged."""
    tags = _tags(scene)
    a, b = scene.predicted, scene.other
    pixels = int(scene.scores.n_valid[scene.scores.image.isin(scene.other_rows)].sum())
    if pixels <= AT_ONCE_PIXELS:
        return _at_once(a.stamp, b.stamp, tags, scene.threshold, scene)
    job = jobs.find("changes", changes.inputs_of(a, b, scene.threshold, scene.data.path, tags))
    if (job.folder / "job.json").exists() and job.state().name == "done" and (job.result / "losses.parquet").exists():
        return _of_job(job.id, job)
    return job


def start(scene: Scene) -> None:
    inputs = changes.inputs_of(scene.predicted, scene.other, scene.threshold, scene.data.path, _tags(scene))
    jobs.start("changes", inputs, again=True)


def _tags(scene: Scene) -> str:
    """Changes when a picture or a mask does."""
    tags = "|".join(opened.tag(scene.data, scene.indices[image]) for image in scene.other_rows)
    return hashlib.sha1(tags.encode(), usedforsecurity=False).hexdigest()


@st.cache_resource(max_entries=8, show_spinner="Comparing the two runs …")
def _at_once(stamp_a: str, stamp_b: str, tags: str, threshold: float, _scene: Scene) -> Changes:
    return compare(changes.pairs(_scene.predicted, _scene.other, _scene.data), threshold)


@st.cache_resource(max_entries=8, show_spinner=False)
def _of_job(identity: str, _job: jobs.Job) -> Changes:
    return changes.read(_job.result)


# ---- counts


def of_changes(found: Changes) -> pd.DataFrame:
    """One row an image: image, group, tp_a, union_a, iou_a, the same of b, and what `overlaps` adds."""
    return pd.DataFrame(overlaps({name: found.images[name] for name in ("image", "group", *COUNTS)}))


def of_counts(scene: Scene) -> pd.DataFrame:
    """The same from what both have counted at STORED_THRESHOLD, without the columns of what changed."""
    wanted = shared(scene)
    a, b = (p.set_index("image").loc[wanted] for p in (scene.scores, scenes.scores_of(scene.other)))
    table = pd.DataFrame({"image": wanted, "group": a.group.to_numpy()})
    for name, scores in (("a", a), ("b", b)):
        table[f"tp_{name}"] = scores.tp.to_numpy()
        table[f"union_{name}"] = (scores.tp + scores.fp + scores.fn).to_numpy()
        table[f"iou_{name}"] = (
            table[f"tp_{name}"] / table[f"union_{name}"].where(table[f"union_{name}"] > 0)
        ).to_numpy()
    return table


def difference(scene: Scene, table: pd.DataFrame, names: Names) -> Difference:
    """b − a with its interval. table: as `of_changes` or `of_counts` make it; some image must have a union."""
    columns = table[["image", "group", *(f"{column}_{name}" for name in "ab" for column in ("tp", "union"))]]
    digest = pd.util.hash_pandas_object(columns, index=False).to_numpy().tobytes()
    return _difference(digest, names.a, names.b, columns, _seed(scene.other.run))


@st.cache_resource(max_entries=16, show_spinner="Drawing the images again for the interval …")
def _difference(digest: bytes, name_a: str, name_b: str, _table: pd.DataFrame, seed: int) -> Difference:
    one, other = (
        Overlaps(*(_table[f"{column}_{name}"].to_numpy(np.int64)[None] for column in ("tp", "union"))) for name in "ab"
    )
    images, groups = _table.image.tolist(), _table.group.tolist()
    return answers.difference((name_b, other), (name_a, one), images, groups, [seed])


def _seed(run: Run) -> int:
    """It stands for the one pair of trainings there is."""
    seed = run.settings().get("training", {}).get("seed", 0)
    return seed if isinstance(seed, int) else 0


def budgets_of(scene: Scene) -> tuple[dict[str, int], dict[str, int]] | None:
    """Pixels of each class and `union` of both at STORED_THRESHOLD, over the shared images; None where either run has
    none stored."""
    found = []
    for predicted in (scene.predicted, scene.other):
        try:
            stored = scenes.stored_of(predicted)
        except InputError:
            stored = None
        if stored is None:
            return None
        rows = stored.budgets[stored.budgets.image.isin(shared(scene))]
        found.append(pool(rows[[*CLASSES, "union"]].to_dict("records")))
    return found[0], found[1]

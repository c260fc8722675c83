"""What jobs do: predict, evaluate, find wrong regions, draw the demo data set. Imported by the worker alone.

Each task is function(inputs, result, progress, should_stop): it leaves its files in the folder `result`, and raises
Cancelled when `should_stop()` says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.images import write_png
from seglib.runs.work import Cancelled, Progress, StopAsked, evaluated_data

__all__ = ["Cancelled", "Progress", "StopAsked", "evaluated_data"]


def predict(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Masks and probabilities of pictures.

    inputs: run (folder); images (list of paths; names: what they are called, if not by their files), or data (folder,
    with grouping and split as in the config) and indices (numbers of its pictures; all unlabelled ones where left
    out); checkpoint (best), threshold (0.5).
    result: <stem>.png with 0 and 255, <stem>_probability.png (q), table.csv with one line a picture as
    `seglib.predict.outputs.measured` gives it.
    """
    from seglib.data.readers import read_image
    from seglib.predict import outputs
    from seglib.predict.predictor import load_predictor

    named = _pictures(inputs)
    threshold = float(inputs.get("threshold", outputs.THRESHOLD))
    predictor = load_predictor(Path(inputs["run"]), inputs.get("checkpoint", "best"))
    rows = []
    for number, (stem, name, path) in enumerate(named):
        progress(number / len(named), name)
        if should_stop():
            raise Cancelled
        q = predictor.probabilities(read_image(path), should_stop)
        if should_stop():  # a picture in tiles was left half done
            raise Cancelled
        outputs.save(result, stem, q, threshold)
        rows.append(outputs.measured(name, stem, q, threshold))
    (result / outputs.TABLE).write_text(outputs.as_csv(rows), encoding="utf-8", newline="")
    progress(1.0, f"{len(named)} pictures")


def _pictures(inputs: dict[str, Any]) -> list[tuple[str, str, Path]]:
    """(stem of the results, name shown, path) of every picture. Raises InputError for two of one stem, or none."""
    if "data" in inputs:
        from seglib.data.dataset import open_dataset

        dataset = open_dataset(inputs["data"], grouping=inputs.get("grouping"), split=inputs.get("split"))
        indices = inputs.get("indices")
        chosen = dataset.unlabelled() if indices is None else indices
        found = [(dataset.records[i].image, dataset.path / dataset.records[i].image) for i in chosen]
    else:
        given = inputs.get("images", [])
        found = [(_checked(name), Path(path)) for name, path in zip(inputs.get("names") or map(_name, given), given)]
    if not found:
        raise InputError("no pictures to predict: give some, or choose a data set with unlabelled ones.")
    stems: dict[str, str] = {}
    for name, _ in found:
        stem = Path(name).stem
        if stem.lower() in stems:
            raise InputError(f"{name} and {stems[stem.lower()]} would both become {stem}.png; rename one.")
        stems[stem.lower()] = name
    return [(Path(name).stem, name, path) for name, path in found]


def _name(path: str) -> str:
    return Path(path).name


def _checked(name: str) -> str:
    """`name` if it is a mere file name: results are written under it."""
    if not name or name != Path(name).name or "\\" in name or name.startswith("."):
        raise InputError(f"{name!r} is no name of a picture; allowed: a file name without folders.")
    return name


def evaluate(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Probabilities, counts and wrong regions of a whole split, such as train beside val.

    inputs: run (folder), split (train or val), checkpoint (best), threshold (0.5), data (another folder than the
    run's own), moved (true: `data` is where the run's own lies now, so the run's grouping, split and fold hold).
    result: <row>.png (q), images.parquet and the tables of `diagnosis.write_tables`, as a validation of a run.
    """
    import pandas as pd

    from seglib.errors.report import measure
    from seglib.evaluate import predictions, rows
    from seglib.predict.predictor import load_predictor
    from seglib.runs import diagnosis

    dataset, split = evaluated_data(inputs), inputs.get("split", "val")
    indices = dataset.indices(split)
    if not indices:
        raise InputError(f"{dataset.path}: no {split} pictures; the other split may have some.")
    predictor = load_predictor(Path(inputs["run"]), inputs.get("checkpoint", "best"))
    threshold = float(inputs.get("threshold", 0.5))
    scores = []

    def kept():
        """One picture after the other, so that no more than one is in memory."""
        for prediction in predictions(predictor, dataset, indices, threshold):
            if should_stop():
                raise Cancelled
            write_png(result / f"{len(scores)}.png", prediction.q)  # numbered as the rows of images.parquet
            scores.append(prediction.score)
            progress(len(scores) / len(indices), prediction.sample.name)
            yield diagnosis.case(prediction.sample, prediction.q)

    measured = measure(kept(), threshold)
    columns = ["image", "group", "tp", "fp", "fn", "tn", "n_valid"]
    diagnosis.write_table(result / "images.parquet", pd.DataFrame(rows(scores), columns=columns))
    diagnosis.write_tables(result, measured)


def errors(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """What is measured of stored probabilities, at another threshold or for a run of before; no network runs.

    inputs: as `seglib.runs.predicted.errors_inputs` makes them. result: the tables of `diagnosis.write_tables`.
    """
    from seglib.errors.report import measure
    from seglib.runs import diagnosis, predicted
    from seglib.runs.store import Run

    source = predicted.from_inputs(Run(inputs["run"]), inputs)
    n_images = len(source.scores())

    def told(done: int) -> None:
        if should_stop():
            raise Cancelled
        progress(done / n_images, f"image {done} of {n_images}")

    cases = source.cases(evaluated_data(inputs))
    diagnosis.write_tables(result, measure(cases, float(inputs["threshold"]), told))


def changes(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """What changes from one prediction to another, pixel by pixel; no network runs.

    inputs: as `seglib.runs.changes.inputs_of` makes them. result: as `seglib.runs.changes.write` leaves it.
    """
    from seglib.errors.compare import compare
    from seglib.runs import changes as on_disk
    from seglib.runs import predicted
    from seglib.runs.store import Run

    a, b = (predicted.from_inputs(Run(part["run"]), part) for part in (inputs, inputs["beside"]))
    n_images = len(set(a.scores().image) & set(b.scores().image))

    def told(done: int) -> None:
        if should_stop():
            raise Cancelled
        progress(done / max(n_images, 1), f"image {done} of {n_images}")

    found = compare(on_disk.pairs(a, b, evaluated_data(inputs)), float(inputs["threshold"]), told)
    on_disk.write(result, found)


def demo(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """The demo data set. inputs: folder, n_images (32), seed (0). Nothing in `result`: the folder is the result."""
    from seglib.data.demo import make_demo

    def told(done: int, total: int) -> None:
        if should_stop():
            raise Cancelled  # make_demo takes away what it has begun
        progress(done / total, f"picture {done} of {total}")

    n_images, seed = int(inputs.get("n_images", 32)), int(inputs.get("seed", 0))
    make_demo(Path(inputs["folder"]), n_images=n_images, seed=seed, progress=told)


def survey(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Findings and statistics of a data set. inputs: data (folder), grouping, split, fold; stamp makes it a new job.

    result: as `seglib.data.survey.survey` leaves it; only report.json where the data set does not open.
    """
    from seglib.data import survey as surveys
    from seglib.data.checks import check
    from seglib.data.dataset import open_dataset

    def told(done: int, total: int) -> None:
        if should_stop():
            raise Cancelled
        progress(done / total, f"picture {done} of {total}")

    choices = {key: inputs.get(key) for key in ("grouping", "split", "fold")}
    try:
        dataset = open_dataset(inputs["data"], **choices)
    except InputError:
        surveys.save_report(check(inputs["data"], told), result)
        return
    surveys.survey(dataset, result, told)


def normalisation(inputs: dict[str, Any], result: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Every normalisation on every picture. inputs: data (folder), grouping, split, fold; stamp makes it a new job.

    result: as `seglib.data.separation.save` leaves it.
    """
    from seglib.data import separation
    from seglib.data.dataset import open_dataset

    def told(done: int, total: int) -> None:
        if should_stop():
            raise Cancelled
        progress(done / total, f"picture {done} of {total}")

    dataset = open_dataset(inputs["data"], **{key: inputs.get(key) for key in ("grouping", "split", "fold")})
    separation.save(separation.compare(dataset, progress=told), result)

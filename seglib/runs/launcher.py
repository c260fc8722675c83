"""Start, stop and resume training runs. The app and the command line press the same buttons; none needs torch."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.models.listing import check_name
from seglib.runs import identity, lock, process, record
from seglib.runs.files import write_json
from seglib.runs.store import Run, check_id, checkpoints_root, portable
from seglib.settings import plain
from seglib.training.config import BUDGET, Config
from seglib.training.integrity import can_resume

TAKEN_OUT = "taken out of the queue"


def create(
    config: Config,
    run_id: str | None = None,
    root: str | Path | None = None,
    *,
    name: str = "",
    note: str = "",
    state: str = "starting",
) -> Run:
    """A new run folder with its config, ready for `spawn` or for `worker.run_training` in this process.

    Without `run_id` the id is time, model and loss, as in 20260102-153045-unet-bce_dice. Raises InputError for a name
    that is taken or that some system cannot have, for a model that is not there and for a data set that cannot be
    opened: then no folder is made. `state` is `queued` for a run that waits for its turn.
    """
    check(config)
    return make(config, run_id, root, name=name, note=note, state=state)


def check(config: Config) -> None:
    """Raises InputError for a model that is not there and for a data set that cannot be opened or trained on."""
    check_name(config.model.name)
    data = config.data
    if not data.path:
        raise InputError("no data set: set data.path (--data) to a folder with images and masks.")
    dataset = open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold)
    if not dataset.indices("train"):
        raise InputError(f"{data.path}: no picture with a mask is on the train side; nothing to train on.")


def make(
    config: Config, run_id: str | None, root: str | Path | None, *, name: str = "", note: str = "", state: str
) -> Run:
    """`create` for a config that was checked."""
    root = Path(root) if root else checkpoints_root()
    root.mkdir(parents=True, exist_ok=True)
    run = Run(_new_folder(root, config, run_id))
    config = replace(config, data=replace(config.data, path=portable(config.data.path)))
    try:
        record.update(run.folder, state, boot_id=identity.boot_id())
        if name:
            run.rename(name)
        if note:
            run.write_note(note)
        write_json(run.folder / "config.json", plain(config))  # last: a folder with a config is a run
    except BaseException:  # a full disk, a name too long: the id is not used up by it
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run


def _new_folder(root: Path, config: Config, run_id: str | None) -> Path:
    """Made by us alone: mkdir succeeds for one of several that try at once."""
    if run_id is not None:
        try:
            (root / check_id(run_id)).mkdir()
        except FileExistsError:
            raise InputError(
                f"run {run_id!r} exists in {root}; choose another name, or resume it (--resume)."
            ) from None
        return root / run_id
    stem = check_id(f"{time.strftime('%Y%m%d-%H%M%S')}-{config.model.name.lower()}-{config.loss.name}")
    for i in range(1, 10_000):
        folder = root / (stem if i == 1 else f"{stem}-{i}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise InputError(f"{root} holds too many runs of this second; wait a moment.")


def spawn(run: Run) -> Run:
    """Start the detached trainer of a created or resumed run."""
    process.spawn("train", run.folder)
    return run


def start(
    config: Config, run_id: str | None = None, root: str | Path | None = None, *, name: str = "", note: str = ""
) -> Run:
    """Create a run and start its detached trainer. Raises InputError as `create` does."""
    return spawn(create(config, run_id, root, name=name, note=note))


def stop(run: Run) -> None:
    """Ask the trainer to finish its step, save and end; a run that waits is taken out of the queue.

    Nothing happens to a run that has ended.
    """
    if run.state().name == "queued" and take_out(run):
        return
    if run.state().live:
        requests = run.folder / "requests"
        requests.mkdir(exist_ok=True)
        (requests / "stop").touch()


def take_out(run: Run) -> bool:
    """Make a waiting run one that is stopped; False if it does not wait (any more). The queue mends its order."""
    with lock.hold(run.folder):
        waits = run.record().get("state") == "queued"
        if waits:
            record.update(run.folder, "stopped", TAKEN_OUT)
    return waits


def put_back(run: Run) -> bool:
    """Make a run that was taken out one that waits again; False if it was not. The queue mends its order."""
    with lock.hold(run.folder):
        written = run.record()
        out = (written.get("state"), written.get("reason")) == ("stopped", TAKEN_OUT)
        if out:
            record.update(run.folder, "queued", "put back into the queue")
    return out


def asked_to_stop_s(run: Run) -> float | None:
    """Seconds since a living trainer was asked to stop; None if it was not."""
    try:
        asked = (run.folder / "requests" / "stop").stat().st_mtime
    except FileNotFoundError:  # it takes the request away when it has heard it
        written = run.record()
        if written.get("state") != "stopping":
            return None
        asked = record.since(written)
    return max(0.0, time.time() - asked)


def escalate(run: Run, grace_s: float = 5.0) -> record.State:
    """End a trainer that does not answer `stop`: SIGTERM, then SIGKILL after `grace_s` seconds; the state after.

    Only the process that the run's record names by pid, start time and boot is touched, and what it started.
    """
    state, who = run.state(), identity.from_record(run.record())
    if not state.live or identity.find(who) is None:
        return state
    _mark_forced(run)
    if process.end(who, grace_s):
        record.write_end(run.folder, "stopped", record.FORCED)
    return run.state()


def _mark_forced(run: Run) -> None:
    """So that its warden, who sees it end by a signal, does not take that for an accident."""
    requests = run.folder / "requests"
    requests.mkdir(exist_ok=True)
    (requests / "force").touch()


def prepare_resume(
    run: Run,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    state: str = "starting",
) -> Run:
    """Mark a run that has ended as starting again, with a larger budget if given (new totals, not additions).

    Raises InputError while it is alive or waits, without a checkpoint, and for a budget that is not larger or that
    the run had no limit on: that would end it sooner, not later. `state` is `queued` for one that is to wait.
    """
    process.reap()
    given = {k: v for k, v in {"epochs": epochs, "steps": steps, "minutes": minutes}.items() if v is not None}
    with lock.hold(run.folder):
        written = run.record()
        if written.get("state") == "queued":
            raise InputError(f"run {run.id} waits in the queue already; take it out first, or let its turn come.")
        if record.at_rest(written).live:
            raise InputError(f"run {run.id} is starting already; it cannot be started twice.")
        if not can_resume(run.folder):
            raise InputError(f"run {run.id} has no intact checkpoint (last.pt): nothing to resume; start a new run.")
        _check_budget(run, given)
        for request in ("stop", "force"):
            (run.folder / "requests" / request).unlink(missing_ok=True)
        record.forget_worker(run.folder)
        record.update(run.folder, state, "resumed", budget={**written.get("budget", {}), **given})
    return run


def _check_budget(run: Run, given: dict[str, float]) -> None:
    training = run.config().training
    before = {**plain(training), **run.record().get("budget", {})}
    limits = [key for key in BUDGET if before.get(key) is not None]
    replace(training, **given)  # refuses what is no number
    for key, value in given.items():
        if key not in limits:
            ends = " and ".join(f"training.{limit} ({before[limit]})" for limit in limits)
            raise InputError(f"training.{key} is no limit of run {run.id}: it ends by {ends}; give more of that.")
        if value <= before[key]:
            raise InputError(f"training.{key} is {value}; to go on it must be more than the {before[key]} the run had.")


def resume(run: Run, *, epochs: int | None = None, steps: int | None = None, minutes: float | None = None) -> Run:
    """`prepare_resume`, then start the detached trainer again."""
    return spawn(prepare_resume(run, epochs=epochs, steps=steps, minutes=minutes))

"""A program for the drills: a training that is killed again and again, and the same one undisturbed.

`python killed_runs.py CONFIG.json FOLDER KILLS SEED [BROKEN]` prints {"whole": hash, "killed": hash, "kills": n}, each
hash of the weights, their running average and the best. One process imports torch; each training is a child of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from seglib.runs import launcher, recorder, worker
from seglib.runs.store import Run
from seglib.training import trainer
from seglib.training.checkpoint import load_last, load_weights
from seglib.training.config import read_config
from seglib.training.integrity import BEST

LIMIT_S = 240.0
assert recorder  # all that is heavy is imported here, once, and not by each child


def training(run: Run) -> int:
    """Pid of a child that trains the prepared run."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if worker.run_training(run.folder).name == "finished" else 1
        finally:  # whatever comes, the child must not go on as the parent
            os._exit(code)
    return child


def kill_once(run: Run, rng: random.Random) -> bool:
    """Train until a checkpoint is there and a random moment has passed, then kill; False if it ended before."""
    child, deadline = training(run), time.monotonic() + LIMIT_S
    until = run.last_step + rng.randint(2, 6)
    while time.monotonic() < deadline and not (run.last_step >= until and run.has_checkpoint("last")):
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def end(run: Run) -> None:
    _, status = os.waitpid(training(run), 0)
    if status:
        raise SystemExit(f"{run.id}: {run.state()} {run.state().reason}\n{run.log_tail()}")


def hash_of(run: Run) -> str:
    state, _ = load_last(run.folder)
    digest = hashlib.sha256()
    for weights in (state["model"], state["ema"] or {}, load_weights(run.folder / BEST)[0]):
        for name, value in sorted(weights.items()):
            digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def break_it(how: str) -> None:
    """Take one protection away, so that the drill can be seen to fail."""
    if how == "random state":
        trainer.restore_random_state = lambda state, device: None
    if how == "optimizer":
        torch.optim.Optimizer.load_state_dict = lambda self, state: None


def main(config_file: str, folder: str, kills: str, seed: str, how: str = "") -> dict:
    config, root = read_config(Path(config_file)), Path(folder)
    whole, killed = (launcher.create(config, name, root) for name in ("whole", "killed"))
    end(whole)
    break_it(how)
    rng, count = random.Random(int(seed)), 0
    while count < int(kills) and kill_once(killed, rng):
        count += 1
        launcher.prepare_resume(killed)
    if killed.state().name != "finished":
        end(killed)
    return {"whole": hash_of(whole), "killed": hash_of(killed), "kills": count}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(*sys.argv[1:])))

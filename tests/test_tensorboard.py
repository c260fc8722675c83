"""TensorBoard's life: started on first use, started again when it died, gone when its server is gone, however."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tiny_run import wait_until

from ui import tensorboard

REPOSITORY = Path(__file__).resolve().parents[1]
SERVER = """
import sys, time
from ui.tensorboard import BOARD
BOARD.ensure()
print(BOARD.process.pid, flush=True)
time.sleep(120)
"""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path))
    board = tensorboard.TensorBoard()
    yield board
    board.close()


def asked(board: tensorboard.TensorBoard) -> int:
    return board.answer("GET", "/tensorboard/data/runs", "", b"", {}).status_code


def test_one_that_died_is_started_again_and_close_ends_it(board):
    assert asked(board) == 200
    first = board.process
    first.kill()
    first.wait()
    assert asked(board) == 200 and board.process.pid != first.pid
    second = board.process.pid
    board.close()
    assert gone(second)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_server_that_is_killed_leaves_no_tensorboard_behind(tmp_path):
    environment = {**os.environ, "SEGLIB_CHECKPOINTS": str(tmp_path)}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        child = int(server.stdout.readline())
        family = [child, *(p.pid for p in psutil.Process(child).children(recursive=True))]
        assert not any(map(gone, family))
        server.send_signal(signal.SIGKILL)
        server.wait(20)
        assert wait_until(lambda: all(map(gone, family)), 10), [
            psutil.Process(p).cmdline() for p in family if not gone(p)
        ]
    finally:
        server.kill()
        server.stdout.close()

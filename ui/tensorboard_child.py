"""TensorBoard in a process of its own that ends when the app does, however that ends.

    python -m ui.tensorboard_child --logdir …   (its standard input is a pipe that the app holds open)

The operating system closes the pipe when the app is gone, SIGKILL included: then this process ends. No signal has to
arrive and no pid is watched, so it is the same on every system.
"""

from __future__ import annotations

import os
import sys
import threading


def end_with_the_pipe() -> None:
    """Wait until standard input is closed, then end at once: TensorBoard keeps nothing that could be lost."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_pipe, daemon=True).start()
    from tensorboard.main import run_main

    run_main()

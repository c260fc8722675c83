"""Runs imports as a stranger's files deserve: in a process of their own with a limit of memory, each one timed.

`python guarded.py JOBS.json` runs each list of arguments through the command line and prints one JSON object: exit
code, output, error output, seconds and peak memory of each. Used by the tests through `outcomes`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MEMORY_BYTES = 1_500_000_000
SECONDS = 10.0


def outcomes(jobs: list[list[str]], folder: Path) -> list[dict]:
    """What became of each job, of one process; the test fails where that process crashes or does not end."""
    file = folder / "jobs.json"
    file.write_text(json.dumps(jobs), encoding="utf-8")
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, __file__, str(file)]
    limit_s = 20 + SECONDS * len(jobs)
    done = subprocess.run(command, capture_output=True, timeout=limit_s, env=environment, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout[-500:]} {done.stderr[-2000:]}"
    return json.loads(done.stdout)


def main(file: str) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; time and exit code are still held
        pass
    else:
        with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and does not keep it
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    from seglib.cli import main as command_line

    results = []
    for arguments in json.loads(Path(file).read_text(encoding="utf-8")):
        out, err = io.StringIO(), io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command_line(arguments)
        seconds = time.perf_counter() - start
        results.append(
            {"code": code, "out": out.getvalue(), "err": err.getvalue(), "seconds": seconds, "peak": peak_bytes()}
        )
    print(json.dumps(results))


def peak_bytes() -> int:
    """Most memory held so far, 0 where the system does not say; getrusage would count the parent's before exec."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main(sys.argv[1])

"""Reads the files named on its standard input, one a line, and says of each what came of it: JSON lines.

Run by test_hostile.py in a process of its own, so that time, memory and opened files are those of the readers alone.
"""

import json
import sys
import time
from pathlib import Path

from seglib.data.readers import read_image, read_mask
from seglib.exceptions import InputError

MOST_ADDRESSES = 6 * 2**30  # so that what would take the machine's memory ends in a MemoryError here

opened: list[str] = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)


def peak_mb() -> float:
    """Most memory held so far; 0 where the system does not say. Not ru_maxrss on Linux, which counts the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1000
    if sys.platform != "darwin":
        return 0.0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def outcome(path: str) -> dict:
    answers = {}
    for name, reader in (("image", read_image), ("mask", read_mask)):
        try:
            result = reader(path)
            answers[name] = f"read {getattr(result, 'shape', None) or result[0].shape}"
        except InputError as error:
            answers[name] = f"refused {error}"
        except BaseException as error:
            answers[name] = f"raised {error!r}"
    return answers


def main() -> None:
    if sys.platform.startswith("linux"):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    for line in sys.stdin:
        path = json.loads(line)
        opened.clear()
        start = time.perf_counter()
        answers = outcome(path)
        found = {"path": path, "seconds": time.perf_counter() - start, "peak_mb": peak_mb(), "opened": list(opened)}
        sys.stdout.write(json.dumps(found | answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

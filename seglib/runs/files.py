"""Small JSON files that several processes read while one writes: whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

from seglib.files import put_in_place


def write_json(path: Path, content: Any) -> None:
    """Replace `path` in one move: a reader sees the old file or the new one, never a half."""
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        put_in_place(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; {} where there is no file or no JSON object in it."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class JsonFiles:
    """JSON objects of files that are read far more often than written: parsed again only when the file has changed.

    What `read` returns is shared by all who ask: never change it. Safe for several threads.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most, self._lock = most, Lock()
        self._known: OrderedDict[str, tuple[tuple[int, int, int], dict[str, Any]]] = OrderedDict()

    def read(self, path: str) -> dict[str, Any]:
        """As `read_json`."""
        try:
            stat = os.stat(path)  # noqa: PTH116 (a Path costs more than the look itself)
        except OSError:
            return {}
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        content = read_json(Path(path))
        with self._lock:
            self._known[path] = (stamp, content)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return content

"""The data sets the app knows by name: `datasets.json` in the repository, never committed.

URLs and routes speak of names only; this file is the one place where a name becomes a path. No Streamlit here.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock

from seglib.exceptions import InputError

ROOT = Path(__file__).resolve().parent.parent
DEMO = "demo"


@dataclass(frozen=True)
class Entry:
    """One known data set. `grouping`, `split` and `fold` are what the person chose where there is no dataset.csv;
    `former` are the folders it was moved from."""

    name: str
    path: Path
    grouping: str | None = None
    split: str | None = None
    fold: int | None = None
    former: tuple[str, ...] = ()

    def places(self) -> set[Path]:
        """Where the folder lies and where it lay before it was found again: the runs of both are this data set's."""
        return {self.path.resolve(), *map(Path, self.former)}


def registry_file() -> Path:
    """SEGLIB_DATASETS moves the file (the tests do)."""
    return Path(os.environ.get("SEGLIB_DATASETS") or ROOT / "datasets.json")


def demo_folder() -> Path:
    """Where the demo data set lies; SEGLIB_DEMO moves it."""
    return Path(os.environ.get("SEGLIB_DEMO") or ROOT / "data" / "demo")


def entries() -> dict[str, Entry]:
    """Every known data set by name, in the order they were added; the demo always among them."""
    known = {name: _entry(name, values) for name, values in _read().items()}
    known.setdefault(DEMO, Entry(DEMO, demo_folder()))
    return known


def find(name: str) -> Entry:
    """The entry of that name. Raises InputError naming the known ones."""
    known = entries()
    if name not in known:
        raise InputError(
            f"no data set is called {name!r} here; known: {', '.join(known)}. Open its folder in the sidebar."
        )
    return known[name]


def add(path: Path, grouping: str | None = None, split: str | None = None, fold: int | None = None) -> Entry:
    """Remember a folder; the same folder keeps its name and takes the new choices."""
    path = Path(path).expanduser().resolve()
    with _locked():
        known = entries()
        name = next((e.name for e in known.values() if e.path == path), None) or _free_name(path, known)
        entry = Entry(name, path, grouping, split, fold, known[name].former if name in known else ())
        _write({**known, name: entry})
    return entry


def found_again(old: Path, new: Path, grouping: str | None = None, split: str | None = None) -> Entry:
    """The data set that lay in `old` lies in `new` now: it keeps its name, and the runs trained on it their data."""
    name = next((e.name for e in entries().values() if e.path == old), None)
    entry = add(new, grouping, split)
    with _locked():
        known = entries()
        moved = replace(entry, name=name or entry.name, former=tuple(sorted({*entry.former, str(old)})))
        if name and name != entry.name:
            moved = replace(moved, former=tuple(sorted({*moved.former, *known[name].former})))
            del known[entry.name]
        _write({**known, moved.name: moved})
    return moved


def forget(name: str) -> None:
    """Take a data set off the list; its files stay."""
    with _locked():
        _write({key: entry for key, entry in entries().items() if key != name})


def _free_name(path: Path, known: dict[str, Entry]) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name).strip("-.") or "data"
    names = [stem, *(f"{stem}-{i}" for i in range(2, len(known) + 3))]
    return next(name for name in names if name not in known)


def _entry(name: str, values: dict) -> Entry:
    path = Path(values["path"])
    choices = {key: values.get(key) for key in ("grouping", "split", "fold")}
    former = tuple(map(str, values.get("former", ())))
    return Entry(name, path if path.is_absolute() else ROOT / path, **choices, former=former)


def _read() -> dict[str, dict]:
    file = registry_file()
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); mend or delete it, the data sets themselves are safe."
        ) from None
    if not isinstance(known, dict) or not all(isinstance(v, dict) and "path" in v for v in known.values()):
        raise InputError(f"{file} does not hold names with paths; delete it and open the folders again.")
    return known


def _write(known: dict[str, Entry]) -> None:
    """Whole or not at all: a temporary file beside the real one, then one rename."""
    file = registry_file()
    values = {name: {**asdict(entry), "path": _portable(entry.path)} for name, entry in known.items()}
    for entry in values.values():
        del entry["name"]
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=2)
    Path(temporary).replace(file)


def _portable(path: Path) -> str:
    """Relative where the folder lies in the repository, so that the repository can be moved."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _locked() -> FileLock:
    file = registry_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{file}.lock", timeout=5)

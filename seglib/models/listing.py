"""Listing: the models by name, read from the source text with `ast`. No torch, and no code of the user's is run."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seglib.exceptions import InputError
from seglib.settings import nearest

BUILT_IN = Path(__file__).with_name("unet.py")
YOUR_MODELS = Path(__file__).with_name("your_models.py")
BUILT_IN_NAMES = ("UNet",)
_BASES = {"EncoderDecoder", "UNet"}


@dataclass(frozen=True)
class ModelEntry:
    """A class that can be chosen as `model.name`; doc is the first line of its docstring or the empty string."""

    name: str
    line: int
    doc: str


@dataclass(frozen=True)
class Problem:
    """Why (a part of) the file cannot be used; line is 0 where there is none."""

    file: Path
    line: int
    message: str


def model_names(file: Path = YOUR_MODELS) -> list[ModelEntry]:
    """UNet, then the classes of `file` that descend from EncoderDecoder or UNet, in the order they stand there.

    Names that start with an underscore and names of built-in models are left out. If the file cannot be read or does
    not parse, only UNet: `problem(file)` says why.
    """
    built_in = [entry for entry in _entries(BUILT_IN) if entry.name in BUILT_IN_NAMES]
    try:
        found = _entries(file)
    except (OSError, SyntaxError, ValueError):
        return built_in
    own = [entry for entry in found if entry.name not in BUILT_IN_NAMES and not entry.name.startswith("_")]
    return built_in + own


def check_name(name: str, file: Path = YOUR_MODELS) -> str:
    """`name` if a model is called so. Raises InputError else, saying what is wrong with `file` if it does not parse."""
    names = [entry.name for entry in model_names(file)]
    if name not in names:
        trouble = problem(file)
        why = f" ({file.name}, line {trouble.line}, {trouble.message})" if trouble else ""
        raise InputError(f"model.name is {name!r}; allowed: {', '.join(names)}{why}.{nearest(name, names)}")
    return name


def problem(file: Path = YOUR_MODELS) -> Problem | None:
    """What keeps `file`, or a class in it, out of the list; None if all is well."""
    try:
        found = _entries(file)
    except OSError as error:
        return Problem(Path(file), 0, f"cannot be read: {error.strerror}")
    except SyntaxError as error:
        return Problem(Path(file), error.lineno or 0, f"does not parse: {error.msg}")
    except ValueError as error:
        return Problem(Path(file), 0, f"is not text in UTF-8: {error}")
    for entry in found:
        if entry.name in BUILT_IN_NAMES:
            return Problem(Path(file), entry.line, f"class {entry.name} has the name of a built-in model; rename it")
    return None


def _entries(file: Path) -> tuple[ModelEntry, ...]:
    """Top-level classes with a model as base, directly or through a class further up in the same file.

    A page asks several times a second: a file is parsed again only when it has changed.
    """
    stat = Path(file).stat()
    return _parsed(str(file), (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=16)
def _parsed(file: str, stamp: tuple[int, int, int]) -> tuple[ModelEntry, ...]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"), filename=file)
    models = _BASES | _aliases(tree)
    entries: dict[str, ModelEntry] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_tail(base) in models for base in node.bases):
            models.add(node.name)
            doc = (ast.get_docstring(node) or "").partition("\n")[0]
            entries[node.name] = ModelEntry(node.name, node.lineno, doc)
    return tuple(entries.values())


def _aliases(tree: ast.Module) -> set[str]:
    """New names under which a model was imported: `from seglib.models.unet import UNet as Base`."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.asname for node in imports for name in node.names if name.name in _BASES and name.asname}


def _tail(base: ast.expr) -> str:
    """'UNet' of both `UNet` and `unet.UNet`."""
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")

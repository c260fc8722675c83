"""TIFF stacks: one file with an image stack and one with its masks, or a folder of such pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from seglib.data.splits import natural_key
from seglib.exceptions import InputError
from seglib.sources import stack
from seglib.sources.grouping import groups
from seglib.sources.pairs import open_stacks
from seglib.sources.source import Choices, Source, unread
from seglib.sources.tiff_pages import is_tiff, page_offsets

KIND = "TIFF stack"
SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
_MASK_TAIL = re.compile(r"(?:^|[_. -])(?:cp_masks|masks?|labels?|seg|segmentation|gt)$", re.IGNORECASE)
_IMAGE_TAIL = re.compile(r"(?:^|[_. -])(?:raw|images?|imgs?)$", re.IGNORECASE)


def matches(path: Path) -> bool:
    """A TIFF file, or a folder with TIFF files and no folders that a layout would have."""
    if path.is_file():
        return is_tiff(path)
    return not (path / "images").is_dir() and not (path / "dataset.csv").is_file() and bool(_files(path))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    names = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    return sorted(names, key=lambda p: natural_key(p.name))


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """Pairs by name: `movie.tif` with `movie_mask.tif` (or masks, labels, seg, gt), `raw.tif` with `label.tif`.

    A mask key names the file of masks. Two masks of one image, and a mask without one, are refused.
    Raises InputError for a file that is no stack of planes, and a mask that does not fit its image.
    """
    files = [path] if path.is_file() else _files(path)
    folder = path.parent if path.is_file() else path
    if choices.mask_key and choices.mask_key != "none":
        if path.is_dir() and len(files) > 2:
            raise InputError(f"{path}: a mask key names one file, and here are {len(files)}; give one image instead.")
        mask = _mask_file(choices.mask_key, folder)
        pairs = [(file, mask) for file in files if file != mask]
        said = [f"masks are {mask.name}, as said"]
    else:
        pairs, said = _paired(files, _files(folder), choices.mask_key == "none")
    if not pairs:
        raise InputError(f"{path}: holds masks alone, by their names; the images are missing.")
    _check_links(pairs, folder)
    names = [stack.named(image) for image, _ in pairs]
    if len(pairs) > 1 and not any(_is_stack(image) for image, _ in pairs):  # single pictures: which belong together?
        found, more, questions = groups(names, choices, path)
        if questions:
            return Source(KIND, path, choices, unread, decisions=tuple(said), questions=tuple(questions))
        said += more
    else:
        found = names
    files = [(name, group, *pair) for name, group, pair in zip(names, found, pairs)]
    source = open_stacks(KIND, path, files, choices, resources)
    mask_names = {m.name for _, m in pairs if m is not None}
    key = next(iter(mask_names)) if len(mask_names) == 1 else choices.mask_key
    return replace(source, decisions=(*said, *source.decisions), choices=replace(source.choices, mask_key=key))


def _is_stack(file: Path) -> bool:
    return len(page_offsets(file, most=2)) > 1


def _mask_file(key: str, folder: Path) -> Path:
    for place in (folder / key, Path(key).expanduser()):
        if place.is_file():
            return place
    raise InputError(f"{key}: there is no such file of masks, beside the images or from here.")


Pair = tuple[Path, Path | None]


def _paired(files: Iterable[Path], beside: Iterable[Path], without: bool) -> tuple[list[Pair], list[str]]:
    """Images and their masks by name, and what was decided."""
    files, beside = list(files), list(beside)
    masks = [file for file in beside if _MASK_TAIL.search(stack.named(file))]
    images = [file for file in files if file not in masks]
    if without:
        return [(file, None) for file in images], ["no masks, as said"]
    of_stem: dict[str, Path] = {}
    for mask in masks:
        stem = _MASK_TAIL.sub("", stack.named(mask)).lower()
        if stem in of_stem:
            raise InputError(f"{mask}: is a mask as {of_stem[stem].name} is; say which with a mask key, or remove one.")
        of_stem[stem] = mask
    pairs = [(file, _mask_of(file, of_stem)) for file in images]
    lost = [mask for mask in masks if mask in files and mask not in [paired for _, paired in pairs]]
    if lost and images:
        raise InputError(f"{lost[0]}: a mask, by its name, without an image of that name; add it, or name a mask key.")
    n_paired = sum(mask is not None for _, mask in pairs)
    if len(pairs) == 1:
        return pairs, [f"masks are {pairs[0][1].name}, by its name" if n_paired else "no masks: no file of them beside"]
    return pairs, [f"{len(pairs):,} image files, {n_paired:,} with a file of masks of their name"]


def _mask_of(image: Path, of_stem: dict[str, Path]) -> Path | None:
    """`movie.tif` and `movie_raw.tif` go with `movie_mask.tif`, `raw.tif` with `label.tif`."""
    stem = stack.named(image).lower()
    return of_stem.get(stem) or of_stem.get(_IMAGE_TAIL.sub("", stem))


def _check_links(pairs: Iterable[Pair], folder: Path) -> None:
    root = folder.resolve()
    for file in (file for pair in pairs for file in pair if file is not None):
        if file.is_symlink() and not file.resolve().is_relative_to(root):
            raise InputError(f"{file}: a link that leaves the folder is not followed; copy the file there.")

"""Opened data sets and read samples, shared by pages and routes: read once, until the files change."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from seglib.data.dataset import Dataset, open_dataset
from seglib.data.sample import Sample
from seglib.data.substitute import place_of
from seglib.exceptions import InputError
from ui import registry


def dataset(name: str) -> Dataset:
    """The data set of that name. Raises InputError: unknown name, folder gone, or what is wrong with the folder."""
    return dataset_of(registry.find(name))


def dataset_of(entry: registry.Entry) -> Dataset:
    if not entry.path.is_dir():
        raise InputError(f"the folder of {entry.name!r} is gone: {entry.path}. Open it again from where it lies now.")
    return _open(str(entry.path), entry.grouping, entry.split, entry.fold, _stamp(entry.path))


@st.cache_resource(max_entries=8, show_spinner=False)
def _open(path: str, grouping: str | None, split: str | None, fold: int | None, stamp: str) -> Dataset:
    return open_dataset(path, grouping=grouping, split=split, fold=fold)


def _stamp(folder: Path) -> str:
    """Changes when the csv is written or files come and go."""
    substitute = place_of(folder) / "dataset.csv"
    seen = [folder / "dataset.csv", folder, folder / "images", folder / "masks", substitute]
    return "-".join(str(p.stat().st_mtime_ns) for p in seen if p.exists())


def tag(data: Dataset, index: int) -> str:
    """A short hash that changes when the image or its mask changes on disk: the `v` of immutable addresses."""
    record = data.records[index]
    digest = hashlib.sha1(usedforsecurity=False)
    for relative in (record.image, record.mask, record.ignore):
        if relative:
            file = data.path / relative
            status = file.stat() if file.exists() else None
            digest.update(f"{file}|{status and status.st_mtime_ns}|{status and status.st_size};".encode())
    return digest.hexdigest()[:12]


def sample(data: Dataset, index: int) -> Sample:
    """`data.sample(index)`, the last few kept in memory."""
    return _sample(data, index, tag(data, index))


@st.cache_resource(max_entries=12, show_spinner=False)
def _sample(_data: Dataset, index: int, tag: str) -> Sample:
    # the tag names the files, so two data sets never share an entry
    return _data.sample(index)


def short_name(image: str) -> str:
    """`images/colony0_t001.png` -> `colony0_t001`."""
    return Path(image).stem

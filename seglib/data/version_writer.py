"""Version writer: fills the folder of a new version, row by row; `seglib.data.version` says what of it counts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from seglib import __version__
from seglib.data import changes as rules
from seglib.data import lineage, mask_files
from seglib.data.changes import Change, Effect
from seglib.data.lineage import Done, Version
from seglib.data.origin import BEFORE, Base, write_rows
from seglib.data.readers import read_image
from seglib.data.records import CSV_NAME
from seglib.exceptions import InputError
from seglib.images import write_png

ROOM_BYTES = 64 * 2**20  # left free on the disk
_SAID_OF_DATA = ("readme", "license", "licence", "citation")  # files that come along


class Maker:
    """Fills the folder `made`, row by row."""

    def __init__(self, base: Base, made: Path, links: bool):
        self.base, self.made, self.links = base, made, links
        if any(value.strip().startswith(f"{BEFORE}/") for row in base.rows for value in row.values() if value):
            raise InputError(f"{base.root}: its folder {BEFORE}/ is in the way of what a version keeps; rename it.")
        self.names = {value.strip().lower() for row in base.rows for value in row.values() if value}
        self.rows: list[dict[str, str]] = []
        self.effects: dict[str, Effect] = {}
        self.notes: list[str] = []
        self.n_linked = self.n_copied = 0

    @property
    def writes_csv(self) -> bool:
        return self.base.has_csv or any(row.get("ignore") or row.get("weight") for row in self.rows)

    def add(self, row: dict[str, str], changes: Sequence[Change]) -> None:
        image = row["image"].strip()
        self._place_image(image)
        new = dict(row)
        pixels = [change for change in changes if change.action != "weight"]
        if pixels:
            new |= self._corrected(row, pixels)
        for column in ("mask", "ignore"):
            name = row.get(column, "").strip()
            if name and new.get(column, "") == row[column] and not (self.made / name).exists():
                self._copy(name, self.made / name)
        weights = [change for change in changes if change.action == "weight"]
        if weights:
            new["weight"] = self._weighted(row, weights)
        self.rows.append(new)

    def _place_image(self, name: str) -> None:
        target, source = self.made / name, self.base.file(name).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.links:
            with contextlib.suppress(OSError):
                os.link(source, target)
                self.n_linked += 1
                return
        self._copy(name, target)
        self.n_copied += 1

    def _copy(self, name: str, target: Path) -> None:
        """A file of its own, writable, with the same bytes."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(self.base.file(name), target)
        except OSError as error:
            raise InputError(f"{target}: cannot be written ({error.strerror}).") from None

    def _corrected(self, row: dict[str, str], changes: Sequence[Change]) -> dict[str, str]:
        """Write mask and ignore picture of one image where they change; their columns."""
        mask_name, ignore_name = row["mask"].strip(), row.get("ignore", "").strip()
        mask = mask_files.load(self.base.file(mask_name)) if mask_name else None
        shape = mask.labels.shape if mask else read_image(self.base.file(row["image"].strip())).shape[:2]
        labels = mask.labels if mask else np.zeros(shape, np.int32)
        ignored = ignored_in(self.base.file(ignore_name), shape) if ignore_name else np.zeros(shape, bool)
        found = rules.corrected(labels, ignored, changes, mask is None or mask.binary)
        self.effects |= {change.id: effect for change, effect in zip(changes, found.effects)}
        columns = {}
        if mask is not None and not np.array_equal(found.labels, labels):
            try:
                columns["mask"] = self._save_mask(mask_name, mask, found.labels)
            except InputError as error:
                ids = ", ".join(change.id for change in changes)
                raise InputError(f"{error} Leave some of its changes out: {ids}.") from None
        if not np.array_equal(found.ignored, ignored):
            columns["ignore"] = self._save_ignored(row["image"], ignore_name, found.ignored)
        return columns

    def _save_mask(self, name: str, mask: mask_files.MaskFile, labels: np.ndarray) -> str:
        """Under a name of nobody first: with another suffix it could be another image's mask."""
        self._copy(name, self.made / BEFORE / name)
        new = self.made / f".new{PurePosixPath(name).suffix}"
        file, said = mask_files.save(mask, labels, new)
        path = PurePosixPath(name)
        final = name if file == new else self._free_name(path.with_suffix(file.suffix).as_posix())
        self.notes += [f"{name}: {said}"] if said else []
        (self.made / final).parent.mkdir(parents=True, exist_ok=True)
        file.rename(self.made / final)
        return final

    def _save_ignored(self, image: str, name: str, ignored: np.ndarray) -> str:
        """One ignore picture may serve many images: the others keep it."""
        if name:
            self._copy(name, self.made / BEFORE / name)
        mine = sum(row.get("ignore", "").strip() == name for row in self.base.rows) == 1
        final = self._free_name(f"ignore/{PurePosixPath(image.strip()).stem}.png", name if mine else "")
        (self.made / final).parent.mkdir(parents=True, exist_ok=True)
        write_png(self.made / final, ignored.astype(np.uint8) * np.uint8(255))
        return final

    def _free_name(self, wanted: str, own: str = "") -> str:
        """`wanted`, or with a number where another file has that name; `own` is the one it replaces."""
        path, number, name = PurePosixPath(wanted), 1, wanted
        while name.lower() in self.names and name != own:
            number += 1
            name = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
        self.names.add(name.lower())
        return name

    def _weighted(self, row: dict[str, str], changes: Sequence[Change]) -> str:
        start = float(row.get("weight", "").strip() or 1)
        for number, change in enumerate(changes, start=1):
            before, after = (start * rules.weight_factor(c.weight for c in changes[:n]) for n in (number - 1, number))
            what = f"drawn {after / start:g} times as often" if start else "weight 0 stays 0: it is never drawn"
            self.effects[change.id] = Effect(what, 0, {"weight": before}, {"weight": after})
        return f"{start * rules.weight_factor(c.weight for c in changes):g}"

    def finish(self, out: Path, changes, left_out, about: Mapping[str, Any]) -> Version:
        """dataset.csv, changes.json and what speaks of the data set as a whole."""
        (self.made / BEFORE).mkdir(exist_ok=True)
        write_rows(self.made / BEFORE / CSV_NAME, self.base.columns, self.base.rows)
        if self.writes_csv:
            more = [c for c in ("ignore", "weight") if c not in self.base.columns and any(r.get(c) for r in self.rows)]
            write_rows(self.made / CSV_NAME, (*self.base.columns, *more), self.rows)
        for file in sorted(self.base.root.iterdir()):
            if file.stem.lower() in _SAID_OF_DATA and file.is_file():
                self._copy(file.name, self.made / file.name)
        done = tuple(Done(change, self.effects[change.id]) for change in changes)
        version = Version(out, self.base.source, done, tuple(left_out), self.n_linked, self.n_copied, tuple(self.notes))
        content = _as_json(version, self.base, about)
        (self.made / lineage.FILE_NAME).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        return version


def _as_json(version: Version, base: Base, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": lineage.FORMAT,
        "made_by": f"seglib {__version__}",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": dict(version.source),
        **about,
        "earlier": lineage.earlier(base.root, bool(about)),
        "has_csv": base.has_csv,
        "independent": base.independent,
        "images": {"linked": version.n_linked, "copied": version.n_copied},
        "rules": {"join_share": rules.JOIN_SHARE, "thin_share": rules.THIN_SHARE, "hole_share": rules.HOLE_SHARE,
                  "whole_share": rules.WHOLE_SHARE,
                  "ignore_margin_px": rules.IGNORE_MARGIN_PX, "weight_cap": rules.WEIGHT_CAP},
        "notes": list(version.notes),
        "changes": [{**asdict(done.change), **asdict(done.effect)} for done in version.done],
        "left_out": [{**asdict(change), "reason": reason} for change, reason in version.left_out],
    }  # fmt: skip


def ignored_in(file: Path, shape: tuple[int, int]) -> np.ndarray:
    pixels = read_image(file)
    if pixels.shape[:2] != shape:
        raise InputError(f"{file}: {pixels.shape[:2]} pixels, its image has {shape}; they must be the same.")
    return pixels.reshape(*shape, -1).any(axis=2)


def can_link(base: Base, made: Path) -> bool:
    """Whether a hard link to the first image can be made in `made`: the same disk, and the system allows it."""
    probe = made / ".link"
    try:
        os.link(base.file(base.rows[0]["image"].strip()).resolve(), probe)
        probe.unlink()
        return True
    except OSError:
        return False


def check_room(base: Base, place: Path, links: bool) -> None:
    """Raises InputError where the disk has not enough room for what is copied, before anything is."""
    columns = ("mask", "ignore") if links else ("image", "mask", "ignore")
    names = {row.get(column, "").strip() for row in base.rows for column in columns} - {""}
    needed = sum(base.file(name).stat().st_size for name in names) + ROOM_BYTES
    free = shutil.disk_usage(place).free
    if needed > free:
        got = f"{needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB free"
        raise InputError(f"{place}: {got}; make room or choose another disk. Nothing was written.")

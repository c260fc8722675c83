"""Small data sets in the layouts of other programs, all made from one `Truth`, so that an import can be compared."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tifffile
from conftest import draw_discs

from seglib.data.dataset import open_dataset
from seglib.data.readers import read_image


@dataclass(frozen=True)
class Truth:
    """(T, H, W) uint16 images and (T, H, W) labels of one movie."""

    images: np.ndarray
    labels: np.ndarray


def truth(n: int = 5, height: int = 40, width: int = 56, seed: int = 0) -> Truth:
    """Discs of 16-bit grey; four cells a frame, so that a mask is told as instance ids."""
    rng = np.random.default_rng(seed)
    drawn = [draw_discs(rng, size=max(height, width)) for _ in range(n)]
    images = np.stack([image[:height, :width].astype(np.uint16) * 200 + seed for image, _ in drawn])
    return Truth(images, np.stack([labels[:height, :width] for _, labels in drawn]).astype(np.uint16))


def hdf5(file: Path, data: Truth, keys: tuple[str, str] = ("raw", "label"), **options) -> Path:
    import h5py

    with h5py.File(file, "w") as h:
        h.create_dataset(keys[0], data=data.images, **options)
        h.create_dataset(keys[1], data=data.labels, **options)
    return file


def tiff_stacks(folder: Path, data: Truth, image_options: dict | None = None) -> Path:
    """movie.tif and movie_mask.tif; gives the image's file."""
    folder.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "movie.tif", data.images, photometric="minisblack", **(image_options or {}))
    tifffile.imwrite(folder / "movie_mask.tif", data.labels, photometric="minisblack", compression="zlib")
    return folder / "movie.tif"


def ome_zarr(folder: Path, data: Truth, version: int = 2, channels: int = 1, labels: bool = True, **options) -> Path:
    """An image (T, C, Y, X) of two levels and its label image `cells`; channel c holds the image + c."""
    import zarr

    image = np.stack([data.images + c for c in range(channels)], axis=1)
    root = zarr.open_group(folder, mode="w", zarr_format=version)
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    _levels(root, image, axes, version, options)
    if labels:
        group = root.create_group("labels")
        _attributes(group, {"labels": ["cells"]}, version)
        _levels(group.create_group("cells"), data.labels, [axes[0], *axes[2:]], version, options)
    return folder


def _levels(group, pixels: np.ndarray, axes: list, version: int, options: dict) -> None:
    paths = []
    for level, step in enumerate((1, 2)):
        small = np.ascontiguousarray(pixels[..., ::step, ::step])
        chunks = options.get("chunks") or (*(1,) * (small.ndim - 2), *small.shape[-2:])
        array = group.create_array(str(level), shape=small.shape, dtype=small.dtype, chunks=chunks)
        array[:] = small
        scale = [1.0] * (small.ndim - 2) + [float(step)] * 2
        paths.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    scales = [{"version": "0.4" if version == 2 else "0.5", "axes": axes, "datasets": paths}]
    _attributes(group, {"multiscales": scales}, version)


def _attributes(group, values: dict, version: int) -> None:
    group.attrs.update(values if version == 2 else {"ome": {"version": "0.5", **values}})


def plain_zarr(folder: Path, data: Truth, version: int = 3, **options) -> Path:
    """A group with `raw` and `label`, whose dimensions have no names."""
    import zarr

    root = zarr.open_group(folder, mode="w", zarr_format=version)
    for key, pixels in (("raw", data.images), ("label", data.labels)):
        chunks = options.get("chunks") or (1, *pixels.shape[1:])
        rest = {name: value for name, value in options.items() if name != "chunks"}
        root.create_array(key, shape=pixels.shape, dtype=pixels.dtype, chunks=chunks, **rest)[:] = pixels
    return folder


def nnunet(folder: Path, data: Truth, n_test: int = 1, channels: int = 1, labels: dict | None = None) -> Path:
    """Cases cell_000 …, the last `n_test` in imagesTs; classes are background and cell unless `labels` says more."""
    for part in ("imagesTr", "labelsTr", "imagesTs"):
        (folder / part).mkdir(parents=True)
    n_train = len(data.images) - n_test
    for i, (image, label) in enumerate(zip(data.images, data.labels)):
        for channel in range(channels):
            part = "imagesTr" if i < n_train else "imagesTs"
            save_png(folder / part / f"cell_{i:03d}_{channel:04d}.png", image + channel)
        if i < n_train:
            save_png(folder / "labelsTr" / f"cell_{i:03d}.png", label.astype(np.uint8) if labels else label > 0)
    names = {str(c): f"channel {c}" for c in range(channels)}
    meta = {"channel_names": names, "labels": labels or {"background": 0, "cell": 1}}
    meta |= {"numTraining": n_train, "file_ending": ".png"}
    (folder / "dataset.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


def tracking(folder: Path, movies: dict[str, Truth], annotated: dict[str, list[int]], silver: bool = False) -> Path:
    """Movies by name, with gold truth of the frames in `annotated`; `silver`: silver truth of every frame too."""
    for name, data in movies.items():
        for part in (name, f"{name}_GT/SEG", f"{name}_GT/TRA", *([f"{name}_ST/SEG"] if silver else [])):
            (folder / part).mkdir(parents=True)
        for t, (image, label) in enumerate(zip(data.images, data.labels)):
            tifffile.imwrite(folder / name / f"t{t:03d}.tif", image)
            markers = cv2.erode(label, np.ones((3, 3), np.uint8))
            tifffile.imwrite(folder / f"{name}_GT/TRA/man_track{t:03d}.tif", markers)
            if t in annotated[name]:
                tifffile.imwrite(folder / f"{name}_GT/SEG/man_seg{t:03d}.tif", label)
            if silver:
                tifffile.imwrite(folder / f"{name}_ST/SEG/man_seg{t:03d}.tif", label)
    return folder


def save_png(file: Path, pixels: np.ndarray) -> Path:
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return file


def zipped(file: Path, folder: Path, inside: str = "") -> Path:
    """`folder` as a zip, its files below `inside`."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{inside}{path.relative_to(folder).as_posix()}")
    return file


def same_cells(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two label images outline the same cells, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs) and ((one > 0) == (other > 0)).all()


def check_movie(folder: Path, data: Truth, labelled: list[int] | None = None, group: str | None = None) -> None:
    """`folder` holds the frames of `data` in order, equal bit for bit, and the labels of those in `labelled`."""
    opened = open_dataset(folder)
    records = [r for r in opened.records if group is None or r.group == group]
    labelled = list(range(len(data.images))) if labelled is None else labelled
    assert len(records) == len(data.images)
    for t, record in enumerate(records):
        image = read_image(folder / record.image)
        assert image.dtype == data.images.dtype
        np.testing.assert_array_equal(image, data.images[t])
        assert (record.mask is not None) == (t in labelled), record
        if record.mask:
            np.testing.assert_array_equal(read_image(folder / record.mask), data.labels[t])
            sample = opened.sample(opened.records.index(record))
            np.testing.assert_array_equal(sample.mask, data.labels[t] > 0)
            assert data.labels[t].max() == 1 or same_cells(sample.labels, data.labels[t])

"""Hostile and broken picture files: one clear line each, within 10 s and 1.5 GB, and no other file is ever opened."""

import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from asgi_client import Client
from hostile_files import GREY, GREY16, RGB, RGB16, SECRET, chunk, encoded, imagej, ome, plant, with_chunks
from PIL import Image, ImageOps
from starlette.applications import Starlette

from seglib.data.checks import check
from seglib.data.readers import read_image, read_mask
from seglib.exceptions import InputError
from ui import opened, registry, routes, security

MOST_SECONDS, MOST_MB = 10, 1500


def readings(paths: list[Path]) -> list[dict]:
    """What the readers made of each file, in a process of their own; a file that ends or stops it fails here."""
    root = Path(__file__).resolve().parents[1]
    process = subprocess.Popen(
        [sys.executable, str(root / "tests/hostile_reader.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    found = []
    try:
        for path in paths:
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            # the first answer comes after the imports; a slow machine is given time before it is called a hang
            alarm = threading.Timer(90, process.kill)
            alarm.start()
            line = process.stdout.readline()
            alarm.cancel()
            assert line, f"{path.name!r} ended the process or took more than 90 s"
            found.append(json.loads(line))
    finally:
        process.kill()
        process.communicate()
    return found


def test_every_hostile_file_ends_in_one_clear_line(tmp_path):
    words = plant(tmp_path / "hostile")
    assert len(words) > 60
    paths = [tmp_path / "hostile" / name for name in words]
    for path, found in zip(paths, readings(paths)):
        for kind in ("image", "mask"):
            assert found[kind].startswith("refused "), f"{path.name}: {found[kind]}"
            assert path.name in found[kind] and "\n" not in found[kind] and len(found[kind]) < 500
        assert words[path.name] in found["image"], found["image"]
        assert found["seconds"] < MOST_SECONDS, path.name  # image and mask together
        assert found["peak_mb"] < MOST_MB, path.name
    assert not (tmp_path / "hostile" / "unpickled").exists()


@pytest.mark.parametrize("kind", [ome, imagej])
def test_a_tiff_that_points_at_another_file_is_read_alone(tmp_path, kind):
    """The other file lies there and could be read; it is not opened, and nothing of it comes back."""
    tifffile.imwrite(tmp_path / "planted.tif", SECRET)
    path = tmp_path / "pointing.tif"
    path.write_bytes(ome(path.name, "planted.tif") if kind is ome else imagej(str(tmp_path / "planted.tif")))
    assert tifffile.imread(path).shape[-2:] == GREY.shape  # whole enough for a reader that follows
    (found,) = readings([path])
    mine = [name for name in found["opened"] if str(tmp_path) in name]
    assert mine and set(mine) == {str(path)}
    np.testing.assert_array_equal(read_image(path), GREY)


def formats(folder: Path) -> dict[str, bytes]:
    """Every kind of file that is read, whole."""
    exif = Image.Exif()
    exif[274] = 6
    palette = Image.fromarray(RGB).quantize(16)

    def by_tifffile(pixels, **options):
        tifffile.imwrite(folder / "made.tif", pixels, **options)
        return (folder / "made.tif").read_bytes()

    def by_numpy(pixels):
        np.save(folder / "made.npy", pixels)
        return (folder / "made.npy").read_bytes()

    return {
        "grey.png": encoded(GREY),
        "grey16.png": encoded(GREY16),
        "rgb.png": encoded(RGB, exif=exif),
        "rgb16.png": encoded(RGB16),
        "palette.png": encoded(palette),
        "grey.jpg": encoded(GREY, "JPEG", quality=95),
        "rgb.jpeg": encoded(RGB, "JPEG", exif=exif),
        "progressive.jpg": encoded(RGB, "JPEG", progressive=True),
        "plain.tif": by_tifffile(GREY16),
        "strips.tif": by_tifffile(GREY16, rowsperstrip=5),
        "tiles.tiff": by_tifffile(RGB16, tile=(16, 16), photometric="rgb"),
        "zlib.tif": by_tifffile(RGB, compression="zlib", photometric="rgb"),
        "big.tif": by_tifffile(GREY, bigtiff=True),
        "foreign.tif": by_tifffile(GREY16, byteorder=">"),
        "lzw.tif": encoded(GREY, "TIFF", compression="tiff_lzw"),
        "palette.tif": encoded(palette, "TIFF"),
        "jpeg.tif": encoded(GREY, "TIFF", compression="jpeg"),
        "grey.npy": by_numpy(GREY),
        "float.npy": by_numpy(RGB.astype(np.float64)),
        "columns.npy": by_numpy(np.asfortranarray(GREY16)),
    }


def _extent(name: str, data: bytes, folder: Path) -> int:
    """Bytes up to the last that holds a pixel: what comes behind, such as a page list, is not missed by everybody."""
    if not name.endswith(("tif", "tiff")):
        return len(data)
    (folder / "made.tif").write_bytes(data)
    with tifffile.TiffFile(folder / "made.tif") as file:
        page = file.pages[0]
        return max(offset + count for offset, count in zip(page.dataoffsets, page.databytecounts))


def test_every_format_cut_at_ten_points(tmp_path):
    for name, data in formats(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        whole = read_image(path)
        assert whole.size >= GREY.size, name
        extent = _extent(name, data, tmp_path)
        shares = [int(extent * share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
        for cut in (1, 4, *shares, extent - 7, extent - 2, extent - 1):
            path.write_bytes(data[:cut])
            for reader in (read_image, read_mask):
                with pytest.raises(InputError) as caught:
                    reader(path)
                assert name in str(caught.value) and "\n" not in str(caught.value), (name, cut)


def test_a_big_endian_and_a_by_columns_file_keep_their_pixels(tmp_path):
    for name, data in formats(tmp_path).items():
        (tmp_path / name).write_bytes(data)
    for name, pixels in (("foreign.tif", GREY16), ("columns.npy", GREY16), ("tiles.tiff", RGB16), ("big.tif", GREY)):
        got = read_image(tmp_path / name)
        assert got.dtype == pixels.dtype and got.flags.c_contiguous
        np.testing.assert_array_equal(got, pixels)


def _tiff_turned(picture: np.ndarray | Image.Image, orientation: int, **options) -> bytes:
    """A TIFF with the tag; libtiff writes 1 to 8 only, so that another number is put in its place."""
    written = orientation if 1 <= orientation <= 8 else 8
    data = encoded(picture, "TIFF", tiffinfo={274: written}, **options)
    tags = [struct.pack("<HHIHH", 274, 3, 1, number, 0) for number in (written, orientation)]
    assert data.count(tags[0]) == 1
    return data.replace(*tags)


def _labels() -> np.ndarray:
    labels = np.zeros((24, 37), np.uint8)
    labels[2:9, 3:9], labels[12:20, 20:34] = 1, 2
    return labels


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9])
def test_image_and_mask_of_every_kind_turn_alike(tmp_path, orientation):
    """One rule: the stored orientation is applied, wherever it stands; what is no orientation counts as none."""
    exif, labels = Image.Exif(), _labels()
    exif[274] = orientation
    rule = Image.fromarray(labels)
    rule.getexif()[274] = orientation
    turned = np.asarray(ImageOps.exif_transpose(rule))
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    palette = Image.fromarray(labels).convert("P")
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    for name, data in {
        "grey.png": encoded(labels, exif=exif),
        "late.png": encoded(labels)[:-12] + chunk(b"eXIf", body) + chunk(b"IEND"),
        "palette.png": encoded(palette, exif=exif),
        "deep.png": with_chunks(encoded(np.dstack([labels.astype(np.uint16)] * 3)), chunk(b"eXIf", body)),
        "lzw.tif": _tiff_turned(labels, orientation, compression="tiff_lzw"),
        "plain.tif": _tiff_turned(labels, orientation),
        "palette.tif": _tiff_turned(palette, orientation),
    }.items():
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read_mask(tmp_path / name)[0], turned, err_msg=name)
        image = read_image(tmp_path / name)
        assert image.shape[:2] == turned.shape, name
        np.testing.assert_array_equal(image.reshape(*turned.shape, -1).any(axis=2), turned > 0, err_msg=name)
    (tmp_path / "photo.jpg").write_bytes(encoded(labels * 100, "JPEG", quality=95, exif=exif))
    assert np.abs(read_image(tmp_path / "photo.jpg").astype(int) - turned * 100.0).max() < 30


def test_a_palette_is_its_colours_in_an_image_and_its_numbers_in_a_mask(tmp_path):
    labels = _labels()
    for name, colours in {"colour": [0, 0, 0, 200, 0, 0, 0, 200, 0], "grey": [0, 0, 0, 9, 9, 9, 30, 30, 30]}.items():
        picture = Image.fromarray(labels).convert("P")
        picture.putpalette(colours)
        for suffix in (".png", ".tif"):
            picture.save(tmp_path / f"{name}{suffix}")
            np.testing.assert_array_equal(read_image(tmp_path / f"{name}{suffix}"), np.reshape(colours, (3, 3))[labels])
            got = read_mask(tmp_path / f"{name}{suffix}")[0]
            np.testing.assert_array_equal(got, np.array([0, 9, 30])[labels] if name == "grey" else labels)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_names_stay_one_line_and_never_break_an_encoding(tmp_path):
    no_utf8 = b"latin-\\xe9.png".decode(errors="surrogateescape")
    names = ["new\\nline.png", "two\\r\\nlines.tif", "esc\\x1b[2J.npy", "right\\u202eto left.png", no_utf8]
    for name in names:
        (tmp_path / name).write_bytes(b"no picture")
        with pytest.raises(InputError) as caught:
            read_image(tmp_path / name)
        message = str(caught.value)
        message.encode("utf-8")
        assert message.isprintable() and len(message.splitlines()) == 1


@pytest.fixture
def bad_folder(tmp_path, monkeypatch):
    """A data set of one sound picture and all hostile ones, some of them as masks, with names of every kind."""
    for variable, place in (("DATASETS", "datasets.json"), ("CHECKPOINTS", "checkpoints"), ("CACHE", "cache")):
        monkeypatch.setenv(f"SEGLIB_{variable}", str(tmp_path / place))
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "demo"))
    folder = tmp_path / "bad"
    words = plant(folder / "planted")
    (folder / "images").mkdir()
    names = []
    for number, name in enumerate(words):  # suffixes repeat: stems must not
        target = folder / "images" / f"h{number:02d}_{name}"
        (folder / "planted" / name).rename(target)
        names.append(target.name)
    for name in ("<b>bold.png", "**stars** [x](http:y).png", "a..dots..png.png"):
        (folder / "images" / name).write_bytes(b"no picture")
        names.append(name)
    cv2.imwrite(str(folder / "images" / "sound.png"), GREY)
    return folder, names


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
def test_check_and_the_routes_survive_a_folder_full_of_them(bad_folder):
    folder, names = bad_folder
    report = check(folder)
    unreadable = {file for finding in report.findings if finding.code == "unreadable_image" for file in finding.files}
    assert unreadable == {f"images/{name}" for name in names}
    assert all("\n" not in finding.explanation for finding in report.findings)
    name = registry.add(folder, grouping="file").name
    data, client = opened.dataset(name), Client(Starlette(routes=routes.ROUTES, middleware=security.middleware()))
    sound = [record.image for record in data.records].index("images/sound.png")
    assert len(data.records) == len(names) + 1
    for index, record in enumerate(data.records):
        for kind in ("thumb", "image"):
            reply = client.get(f"/seg/{kind}/{name}/{index}")
            if index == sound:
                assert reply.status_code == 200
                continue
            assert reply.status_code == 400, (record.image, reply.status_code)
            assert len(reply.text.splitlines()) == 1 and "Traceback" not in reply.text
            assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.skipif(not hasattr(os, "symlink") or sys.platform == "win32", reason="needs symbolic links")
def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "outside.png").write_bytes(encoded(SECRET))
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(encoded(GREY))
    (folder / "images" / "b.png").symlink_to(tmp_path / "outside.png")
    (folder / "images" / "c.png").symlink_to("/dev/zero")
    report = check(folder)
    found = {file: finding.code for finding in report.findings for file in finding.files}
    assert found["images/b.png"] == found["images/c.png"] == "bad_path"
    assert report.n_images == 1

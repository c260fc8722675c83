"""Readers: every format gives back its pixels; every damaged or senseless file ends in one line that names it."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from seglib.data import masks
from seglib.data.readers import read_image, read_mask, to_gray
from seglib.exceptions import InputError

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (20, 31)).astype(np.uint8)
GREY16 = RNG.integers(0, 65536, (20, 31)).astype(np.uint16)
FLOAT = RNG.random((20, 31)).astype(np.float32)
RGB8 = RNG.integers(0, 256, (20, 31, 3)).astype(np.uint8)
RGB16 = RNG.integers(0, 65536, (20, 31, 3)).astype(np.uint16)


def save(path, pixels, **options):
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix in (".tif", ".tiff"):
        tifffile.imwrite(path, pixels, **options)
    elif pixels.dtype == np.uint16 and pixels.ndim == 3:
        import cv2

        path.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    else:
        Image.fromarray(pixels).save(path, **options)
    return path


def refused(path, *words, reader=read_image):
    with pytest.raises(InputError) as caught:
        reader(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".npy"])
@pytest.mark.parametrize(
    "pixels", [GREY8, GREY16, RGB8, RGB16, FLOAT], ids=["grey8", "grey16", "rgb8", "rgb16", "float"]
)
def test_round_trip(tmp_path, suffix, pixels):
    if suffix == ".png" and pixels is FLOAT:
        pixels = GREY8  # PNG holds no floats
    image = read_image(save(tmp_path / f"x{suffix}", pixels))
    assert image.dtype == pixels.dtype
    np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize(
    "options", [{"compression": "zlib"}, {"planarconfig": "separate"}, {"rowsperstrip": 3}, {"bigtiff": True}]
)
def test_tiff_variants(tmp_path, options):
    pixels = np.moveaxis(RGB8, 2, 0) if "planarconfig" in options else RGB8
    save(tmp_path / "x.tif", pixels, photometric="rgb", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), RGB8)


def test_tiff_lzw_and_palette(tmp_path):
    Image.fromarray(GREY16).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "lzw.tif"), GREY16)
    Image.fromarray(RGB8).quantize(8).save(tmp_path / "palette.tif")
    np.testing.assert_array_equal(
        read_image(tmp_path / "palette.tif"), np.asarray(Image.open(tmp_path / "palette.tif").convert("RGB"))
    )


def test_jpeg_is_close(tmp_path):
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    assert np.abs(read_image(save(tmp_path / "x.jpg", smooth)).astype(int) - smooth).max() <= 4


def test_a_flipped_bit_in_a_png_is_found(tmp_path):
    data = bytearray(save(tmp_path / "x.png", GREY8).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "x.png").write_bytes(data)
    refused(tmp_path / "x.png", "a checksum does not fit")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity(tmp_path, bad):
    pixels = FLOAT.copy()
    pixels[3, 4] = bad
    for suffix in (".tif", ".npy"):
        refused(save(tmp_path / f"x{suffix}", pixels), "1 values are NaN or infinite")


def test_what_is_no_single_picture(tmp_path):
    refused(save(tmp_path / "stack.tif", np.stack([GREY8, GREY8]), photometric="minisblack"), "stack")
    refused(save(tmp_path / "stack.npy", np.zeros((5, 20, 30))), "(5, 20, 30)")
    tifffile.imwrite(tmp_path / "ij.tif", np.stack([GREY8, GREY8]), imagej=True)
    refused(tmp_path / "ij.tif", "stack")
    frames = [Image.fromarray(GREY8), Image.fromarray(GREY8[::-1].copy())]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    refused(tmp_path / "a.png", "animated")


def test_types_that_are_not_read(tmp_path):
    refused(save(tmp_path / "x.npy", np.zeros((4, 4), np.int64)), "int64", "uint8, uint16 and float")
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    refused(tmp_path / "o.npy", "pickle")
    (tmp_path / "x.bmp").write_bytes(b"BM")
    refused(tmp_path / "x.bmp", ".bmp", ".png")
    refused(tmp_path / "missing.png", "no such file")
    (tmp_path / "text.png").write_text("hello")
    refused(tmp_path / "text.png", "neither PNG nor JPEG")
    (tmp_path / "folder.png").mkdir()
    refused(tmp_path / "folder.png")
    Image.fromarray(RGB8).convert("CMYK").save(tmp_path / "c.jpg")
    refused(tmp_path / "c.jpg", "CMYK")


def test_alpha(tmp_path):
    opaque = np.dstack([RGB8, np.full((20, 31), 255, np.uint8)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", opaque)), RGB8)
    opaque[0, 0, 3] = 7
    refused(save(tmp_path / "b.png", opaque), "transparent")
    refused(tmp_path / "b.png", "transparent", reader=read_mask)


def test_to_gray():
    np.testing.assert_allclose(to_gray(GREY8), GREY8 / 255, rtol=1e-6)
    np.testing.assert_allclose(to_gray(GREY16), GREY16 / 65535, rtol=1e-6)
    np.testing.assert_array_equal(to_gray(FLOAT), FLOAT)
    luminance = (RGB8 @ np.array([0.299, 0.587, 0.114])) / 255
    np.testing.assert_allclose(to_gray(RGB8), luminance, atol=1e-5)
    assert to_gray(RGB16).dtype == np.float32


SQUARES = np.zeros((20, 31), bool)
SQUARES[2:6, 3:9] = SQUARES[6:9, 9:12] = True  # two squares that touch at a corner
SQUARES[12:18, 20:29] = True


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_binary_mask_is_8_connected(tmp_path, value, suffix):
    labels, understood = read_mask(save(tmp_path / f"m{suffix}", SQUARES.astype(np.uint8) * np.uint8(value)))
    assert understood == f"binary 0/{value}, 8-connected components"
    assert labels.dtype == np.int32 and labels.max() == 2
    np.testing.assert_array_equal(labels > 0, SQUARES)
    assert len(np.unique(labels[:10][SQUARES[:10]])) == 1


def test_instance_ids_are_kept(tmp_path):
    ids = np.zeros((20, 31), np.uint16)
    ids[2:6, 3:9], ids[6:9, 3:9], ids[12:18, 20:29] = 3, 700, 5
    labels, understood = read_mask(save(tmp_path / "m.png", ids))
    assert understood == "instance ids"
    np.testing.assert_array_equal(labels, ids)


def test_masks_in_colour(tmp_path):
    grey = np.repeat((SQUARES * np.uint8(255))[..., None], 3, axis=2)
    labels, understood = read_mask(save(tmp_path / "grey.png", grey))
    assert labels.max() == 2 and "stored as RGB" in understood
    colours = np.zeros((20, 31, 3), np.uint8)
    colours[2:6, 3:9], colours[6:9, 3:9] = (255, 0, 0), (0, 255, 0)
    labels, understood = read_mask(save(tmp_path / "rgb.png", colours))
    assert "one colour a number" in understood and set(np.unique(labels)) == {0, 1, 2}
    refused(save(tmp_path / "white.png", np.where(colours.any(axis=2, keepdims=True), colours, 255).astype(np.uint8)),
            "black background", reader=read_mask)  # fmt: skip


def test_masks_in_many_bands_are_those_in_one(tmp_path, monkeypatch):
    """Large masks are looked at in bands of rows; here every row is one."""
    colours = np.zeros((20, 31, 3), np.uint16)
    colours[2:6, 3:9], colours[6:19, 3:9], colours[1:18, 20:29] = (300, 0, 0), (0, 7, 0), (0, 0, 65535)
    ids = np.where(colours.any(axis=2), colours.sum(axis=2), 0).astype(np.uint16)
    for name, pixels in (("rgb16.png", colours), ("rgb8.png", (colours % 251).astype(np.uint8)), ("ids.png", ids)):
        whole = read_mask(save(tmp_path / name, pixels))
        monkeypatch.setattr(masks, "_BAND_PX", 31)
        banded = read_mask(tmp_path / name)
        monkeypatch.undo()
        assert set(np.unique(whole[0])) == ({0, 1, 2, 3} if "rgb" in name else {0, 300, 7, 65535})
        np.testing.assert_array_equal(banded[0], whole[0])
        assert banded[1] == whole[1]


def test_palette_masks(tmp_path):
    indices = np.zeros((20, 31), np.uint8)
    indices[2:6, 3:9], indices[6:9, 3:9] = 1, 2
    image = Image.fromarray(indices, mode="L").copy()
    image = image.convert("P")
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0])
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / "p.png")
    labels, understood = read_mask(tmp_path / "p.png")
    assert "palette indices" in understood
    np.testing.assert_array_equal(labels, indices)
    image.putpalette([255, 255, 255, 0, 0, 0, 0, 0, 0])
    image.save(tmp_path / "white_first.png")
    labels, understood = read_mask(tmp_path / "white_first.png")
    assert "greys of a palette" in understood
    np.testing.assert_array_equal(labels > 0, indices == 0)


def test_masks_whose_values_make_no_sense(tmp_path):
    from scipy.ndimage import gaussian_filter

    big = np.kron(SQUARES, np.ones((4, 4))) * 255
    Image.fromarray(big.astype(np.uint8)).save(tmp_path / "m.jpg", quality=80)
    refused(tmp_path / "m.jpg", "neither binary nor one number a cell", "PNG", reader=read_mask)
    refused(save(tmp_path / "smooth.png", gaussian_filter(big, 1).astype(np.uint8)), "neither", reader=read_mask)
    classes = np.kron(np.indices((8, 8)).sum(axis=0) % 2 + 1, np.pad(np.ones((6, 6)), 2)).astype(np.uint8)
    refused(save(tmp_path / "classes.png", classes), "2 values in 64 separate patches", reader=read_mask)
    refused(save(tmp_path / "half.npy", FLOAT), "not whole numbers", reader=read_mask)
    refused(save(tmp_path / "minus.npy", -SQUARES.astype(int)), "-1", reader=read_mask)


def test_empty_and_full_masks(tmp_path):
    labels, understood = read_mask(save(tmp_path / "e.png", np.zeros((5, 6), np.uint8)))
    assert not labels.any() and "no cell" in understood
    labels, _ = read_mask(save(tmp_path / "f.png", np.full((5, 6), 255, np.uint8)))
    assert (labels == 1).all()

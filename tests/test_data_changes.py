"""What a change does to labels, by hand on small arrays; and masks written back in every format they come in."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from seglib.data import mask_files
from seglib.data.changes import (
    IGNORE_MARGIN_PX,
    WEIGHT_CAP,
    Change,
    change_id,
    corrected,
    from_json,
    weight_factor,
)
from seglib.data.readers import read_mask
from seglib.data.rle import encode
from seglib.exceptions import InputError


def change(action, region, image="images/a.png", weight=0.0):
    """The change of the True pixels of `region` (H, W)."""
    rows, cols = np.nonzero(region)
    box = rows.min(), cols.min(), np.ptp(rows) + 1, np.ptp(cols) + 1
    box = tuple(map(int, box))
    rle = encode(region[box[0] : box[0] + box[2], box[1] : box[1] + box[3]])
    return Change(change_id(image, action, box, rle), image, action, *box, rle, weight)


def picture(text):
    return np.array([[int(c) if c != "." else 0 for c in line] for line in text.split()], np.int32)


def apply(labels, *changes, binary=False):
    return corrected(labels, np.zeros(labels.shape, bool), changes, binary)


LABELS = picture("""
    ..........
    .11...22..
    .11...22..
    .11.......
    ..........
    ..........
""")


def test_a_region_apart_becomes_a_new_cell_with_a_number_above_all_others():
    region = np.zeros(LABELS.shape, bool)
    region[4:6, 4:7] = True
    found = apply(LABELS, change("fill", region))
    assert (found.labels[region] == 3).all() and (found.labels[~region] == LABELS[~region]).all()
    (effect,) = found.effects
    assert (effect.what, effect.changed_px) == ("new cell 3", 6)
    assert effect.before == {"foreground_px": 10, "cells": 2} and effect.after == {"foreground_px": 16, "cells": 3}


def test_a_rim_joins_the_cell_it_lies_along():
    region = np.zeros(LABELS.shape, bool)
    region[1:4, 3] = True  # along the right side of cell 1
    found = apply(LABELS, change("fill", region))
    assert (found.labels[region] == 1).all() and found.effects[0].what == "joined to cell 1"


def test_a_bud_that_touches_with_a_corner_is_a_cell_of_its_own_but_not_in_a_binary_mask():
    region = np.zeros((12, 12), bool)
    region[4:10, 4:10] = True
    labels = np.zeros((12, 12), np.int32)
    labels[2:4, 2:4] = 1
    assert set(np.unique(apply(labels, change("fill", region)).labels)) == {0, 1, 2}
    joined = apply(labels, change("fill", region), binary=True)
    assert set(np.unique(joined.labels)) == {0, 1} and joined.effects[0].what == "joined to what it touches"


def disc(row, col, radius, shape=(60, 60)):
    rows, cols = np.indices(shape)
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def test_a_ring_and_a_hole_join_but_a_cell_pressed_against_another_is_new():
    labels = np.where(disc(30, 20, 12), 4, 0).astype(np.int32)
    ring = disc(30, 20, 15) & ~disc(30, 20, 12)
    assert set(np.unique(apply(labels, change("fill", ring)).labels)) == {0, 4}
    hollow = np.where(disc(30, 20, 7), 0, labels)
    assert set(np.unique(apply(hollow, change("fill", disc(30, 20, 7))).labels)) == {0, 4}
    pressed = disc(30, 34, 12) & ~disc(30, 20, 12)  # more than a third of its rim lies at cell 4
    found = apply(labels, change("fill", pressed))
    assert (found.labels[pressed] == 5).all() and found.effects[0].what == "new cell 5"


def test_only_background_is_filled_and_only_cell_erased():
    region = np.ones(LABELS.shape, bool)
    region[:, :5] = False
    filled = apply(LABELS, change("fill", region)).labels
    assert (filled[:, :5] == LABELS[:, :5]).all() and (filled[1:3, 6:8] == 2).all() and (filled[:, 5:] > 0).all()
    erased = apply(LABELS, change("erase", region))
    assert (erased.labels[:, 5:] == 0).all() and erased.effects[0].what == "erased: cell 2"
    assert erased.effects[0].changed_px == 4


def test_the_last_pixels_of_an_erased_cell_go_too_but_half_a_cell_stays():
    labels = np.zeros((20, 20), np.int32)
    labels[2:12, 2:12] = 7
    most, half = np.zeros_like(labels, bool), np.zeros_like(labels, bool)
    most[2:11, 2:12], half[2:7, 2:12] = True, True  # 90 and 50 of 100 pixels
    assert not apply(labels, change("erase", most)).labels.any()
    kept = apply(labels, change("erase", half))
    assert np.count_nonzero(kept.labels) == 50 and kept.effects[0].what == "erased: a part of cell 7"


def test_an_ignored_area_is_wider_than_the_region_and_stays_in_the_image():
    region = np.zeros(LABELS.shape, bool)
    region[0, 0] = True
    found = apply(LABELS, change("ignore", region))
    expected = np.zeros(LABELS.shape, bool)
    expected[: 1 + IGNORE_MARGIN_PX, : 1 + IGNORE_MARGIN_PX] = True
    assert (found.ignored == expected).all() and (found.labels == LABELS).all()
    assert found.effects[0].before == {"ignored_px": 0} and found.effects[0].after == {"ignored_px": 9}


def test_what_is_so_already_is_said_to_be():
    region = LABELS == 1
    assert apply(LABELS, change("fill", region)).effects[0].what == "already so"
    assert apply(LABELS, change("erase", LABELS == 0)).effects[0].changed_px == 0


def test_a_region_outside_the_image_is_refused():
    region = np.zeros((40, 40), bool)
    region[30:33, 30:33] = True
    with pytest.raises(InputError, match="the image has 6 × 10"):
        apply(LABELS, change("fill", region))


def test_the_weight_grows_by_one_a_hard_negative_up_to_the_cap():
    assert [weight_factor([1.0] * n) for n in (0, 1, 2, 3, 9)] == [1, 2, 3, 4, WEIGHT_CAP]


def test_a_change_from_json_is_checked():
    good = change("fill", LABELS == 1)
    values = {**good.__dict__, "what": "something later"}
    assert from_json(values) == good
    for broken in ({"action": "explode"}, {"row": -1}, {"row": "1"}, {"height": True}, {"weight": float("nan")}):
        with pytest.raises(InputError):
            from_json({**values, **broken})
    with pytest.raises(InputError):
        from_json({"id": "x"})


# ---- masks in their own formats


def blobs():
    """Three cells, one of them touching nothing, with numbers 1 to 3."""
    labels = np.zeros((24, 30), np.int32)
    labels[2:8, 2:8], labels[2:8, 8:14], labels[12:20, 4:12] = 1, 2, 3
    return labels


def new_cell():
    region = np.zeros((24, 30), bool)
    region[14:20, 20:27] = True
    return region


def as_png(file, pixels, palette=None):
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette.tobytes(), "RGB")
    image.save(file)


def palette(colours):
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table


COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
GREYS = np.array([[0] * 3, [80] * 3, [160] * 3, [240] * 3], np.uint8)
FORMATS = {
    "binary255.png": lambda f, m: as_png(f, (m > 0).astype(np.uint8) * 255),
    "binary1.png": lambda f, m: as_png(f, (m > 0).astype(np.uint8)),
    "onebit.png": lambda f, m: as_png(f, m > 0),
    "ids8.png": lambda f, m: as_png(f, m.astype(np.uint8) * 10),
    "ids16.png": lambda f, m: as_png(f, m.astype(np.uint16) * 1000),
    "rgb.png": lambda f, m: as_png(f, COLOURS[m]),
    "rgba.png": lambda f, m: as_png(f, np.dstack([COLOURS[m], np.full(m.shape, 255, np.uint8)])),
    "rgbgrey.png": lambda f, m: as_png(f, np.repeat((m > 0).astype(np.uint8)[..., None] * 255, 3, 2)),
    "palette.png": lambda f, m: as_png(f, m.astype(np.uint8), palette(COLOURS)),
    "palettegreys.png": lambda f, m: as_png(f, m.astype(np.uint8), palette(GREYS)),
    "palettefull.png": lambda f, m: as_png(f, m.astype(np.uint8), palette(np.repeat(np.arange(256)[:, None], 3, 1))),
    "ids16.tif": lambda f, m: tifffile.imwrite(f, m.astype(np.uint16) * 300, compression="zlib"),
    "ids32.tif": lambda f, m: tifffile.imwrite(f, m.astype(np.uint32) * 100_000),
    "float.tif": lambda f, m: tifffile.imwrite(f, m.astype(np.float32)),
    "onebit.tif": lambda f, m: tifffile.imwrite(f, m > 0),
    "palette.tif": lambda f, m: tifffile.imwrite(
        f, m.astype(np.uint8), photometric="palette", colormap=palette(COLOURS).T.astype(np.uint16) * 257
    ),
    "white.tif": lambda f, m: tifffile.imwrite(f, ((m == 0) * 255).astype(np.uint8), photometric="miniswhite"),
    "ids.npy": lambda f, m: np.save(f, m.astype(np.int64)),
}


def stored(file):
    """What a person would call the format of a file."""
    if file.suffix == ".png":
        with Image.open(file) as image:
            return image.mode
    if file.suffix == ".npy":
        array = np.load(file)
        return str(array.dtype), array.ndim
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        return str(page.dtype), page.bitspersample, page.compression, page.colormap is not None


@pytest.mark.parametrize("name", FORMATS)
def test_a_corrected_mask_keeps_its_format_and_its_other_cells(tmp_path, name):
    file, target = tmp_path / name, tmp_path / f"new-{name}"
    FORMATS[name](file, blobs())
    mask = mask_files.load(file)
    gone = mask.labels == mask.labels[15, 8]
    made = corrected(mask.labels, ~(mask.labels >= 0), [change("fill", new_cell()), change("erase", gone)], mask.binary)
    written, said = mask_files.save(mask, made.labels, target)
    assert (written, said) == (target, "") and stored(written) == stored(file)
    labels, _ = read_mask(written)
    assert (labels[new_cell()] > 0).all() and not labels[gone].any()
    elsewhere = ~new_cell() & ~gone
    assert mask_files.same_cells(np.where(elsewhere, labels, 0), np.where(elsewhere, mask.labels, 0))
    assert len(np.unique(labels[new_cell()])) == 1
    if not mask.binary:
        assert not np.isin(labels[new_cell()][0], labels[elsewhere])


@pytest.mark.parametrize("name", ["ids8.png", "ids16.png", "ids16.tif", "ids32.tif", "float.tif", "ids.npy"])
def test_numbers_of_cells_stay(tmp_path, name):
    file = tmp_path / name
    FORMATS[name](file, blobs())
    mask = mask_files.load(file)
    made = corrected(mask.labels, np.zeros(mask.labels.shape, bool), [change("fill", new_cell())], mask.binary)
    labels, _ = read_mask(mask_files.save(mask, made.labels, tmp_path / f"new{file.suffix}")[0])
    assert (labels == made.labels).all()


def test_a_tiff_keeps_its_resolution_and_its_text(tmp_path):
    file, target = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(file, blobs().astype(np.uint16), resolution=(5, 5), resolutionunit=3, description="by hand")
    mask = mask_files.load(file)
    mask_files.save(mask, np.where(new_cell(), 9, mask.labels), target)
    with tifffile.TiffFile(target) as tiff:
        tags = tiff.pages[0].tags
        assert tags["XResolution"].value == (5, 1) and tags["ImageDescription"].value == "by hand"


def test_a_jpeg_mask_becomes_a_png_and_says_so(tmp_path):
    file = tmp_path / "a.jpg"
    Image.fromarray(np.full((24, 30), 0, np.uint8)).save(file, quality=100)
    mask = mask_files.load(file)
    made = corrected(mask.labels, np.zeros((24, 30), bool), [change("fill", new_cell())], mask.binary)
    written, said = mask_files.save(mask, made.labels, tmp_path / "b.jpg")
    assert written == tmp_path / "b.png" and "JPEG" in said and not (tmp_path / "b.jpg").exists()
    assert (read_mask(written)[0] > 0).sum() == new_cell().sum()


def test_eight_bits_that_are_full_become_plain_numbers_of_sixteen(tmp_path):
    labels = np.zeros((16 * 4, 16 * 4 + 8), np.uint8)
    for number in range(1, 256):
        row, col = divmod(number, 16)
        labels[row * 4 : row * 4 + 3, col * 4 : col * 4 + 3] = number
    as_png(tmp_path / "a.png", labels)
    mask = mask_files.load(tmp_path / "a.png")
    region = np.zeros(labels.shape, bool)
    region[10:20, 66:70] = True
    made = corrected(mask.labels, np.zeros(labels.shape, bool), [change("fill", region)], mask.binary)
    written, said = mask_files.save(mask, made.labels, tmp_path / "b.png")
    assert "no value for a new cell" in said and stored(written) == "I;16"
    assert (read_mask(written)[0] == made.labels).all()


@pytest.mark.parametrize("kind", ["L", "1", "P", "RGB", "I;16"])
def test_an_empty_mask_takes_its_first_cell(tmp_path, kind):
    pixels = {"1": np.zeros((24, 30), bool), "RGB": np.zeros((24, 30, 3), np.uint8)}.get(kind)
    pixels = np.zeros((24, 30), np.uint16 if kind == "I;16" else np.uint8) if pixels is None else pixels
    as_png(tmp_path / "a.png", pixels, palette(COLOURS) if kind == "P" else None)
    mask = mask_files.load(tmp_path / "a.png")
    made = corrected(mask.labels, np.zeros((24, 30), bool), [change("fill", new_cell())], mask.binary)
    written, said = mask_files.save(mask, made.labels, tmp_path / "b.png")
    assert said == "" and stored(written) == kind
    assert ((read_mask(written)[0] > 0) == new_cell()).all()

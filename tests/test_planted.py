"""Planted defects: one data set with every defect that `check` knows, each found by its code and its file.

The clean data set that they are planted in raises no warning and no error, and nothing is said of a file that was left
alone.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from seglib.data.cells import cells, touching
from seglib.data.checks import check
from seglib.data.demo import make_demo
from seglib.data.demo_colony import grow
from seglib.data.demo_optics import draw_look, expose

SIZE = 128


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """15 movies of 4 frames; every third is val."""
    return make_demo(tmp_path_factory.mktemp("planted") / "clean", n_images=64, seed=4, size=SIZE)


@pytest.fixture(scope="module")
def planted(clean) -> Path:
    folder = clean.with_name("planted")
    shutil.copytree(clean, folder)
    for plant in PLANTS:
        plant(folder)
    return folder


@pytest.fixture(scope="module")
def found(planted) -> dict:
    """code -> finding; where a code stands there for each file, their files together."""
    by_code: dict = {}
    for finding in check(planted).findings:
        first = by_code.setdefault(finding.code, finding)
        by_code[finding.code] = replace(first, files=tuple(dict.fromkeys(first.files + finding.files)))
    return by_code


def read(folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(folder / name)).copy()


def write(folder: Path, name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(folder / name)


def image(stem: str) -> str:
    return f"images/movie{stem}.png"


def mask(stem: str) -> str:
    return f"masks/movie{stem}.png"


def edit_csv(folder: Path, old: str, new: str) -> None:
    text = (folder / "dataset.csv").read_text(encoding="utf-8")
    assert old in text
    (folder / "dataset.csv").write_text(text.replace(old, new), encoding="utf-8")


def cut_short(folder: Path) -> None:
    for name in (image("01_t000"), mask("01_t002")):
        (folder / name).write_bytes((folder / name).read_bytes()[:-40])
    file = folder / "images/movie01_t001.jpg"
    Image.fromarray(read(folder, image("01_t001"))).save(file, quality=90)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    edit_csv(folder, "movie01_t001.png,masks", "movie01_t001.jpg,masks")


def not_finite(folder: Path) -> None:
    pixels = read(folder, image("07_t003")).astype(np.float32)
    pixels[5, 5] = np.nan
    np.save(folder / "images/movie07_t003.npy", pixels)
    edit_csv(folder, "movie07_t003.png,masks", "movie07_t003.npy,masks")


def other_shapes_and_types(folder: Path) -> None:
    write(folder, mask("02_t000"), read(folder, mask("02_t000"))[:-1])
    write(folder, image("02_t001"), read(folder, image("02_t001")).astype(np.uint16) * 257)
    for name in (image("14_t001"), mask("14_t001")):
        write(folder, name, read(folder, name)[:100])
    write(folder, "ignore.png", np.zeros((50, 50), np.uint8))
    text = (folder / "dataset.csv").read_text(encoding="utf-8").splitlines()
    rows = [f"{row}," + ("ignore.png" if "14_t002" in row else "") for row in text[1:]]
    (folder / "dataset.csv").write_text("\n".join([f"{text[0]},ignore", *rows]) + "\n", encoding="utf-8")


def senseless_masks(folder: Path) -> None:
    blurred = cv2.GaussianBlur(np.uint8(255) * (read(folder, mask("02_t002")) > 0), (0, 0), 1)
    write(folder, mask("02_t002"), blurred)
    write(folder, mask("02_t003"), np.zeros((SIZE, SIZE), np.uint8))
    write(folder, mask("04_t000"), np.ones((SIZE, SIZE), np.uint8))
    labels = read(folder, mask("01_t003"))
    whole = cells(labels).query("not touches_border and solidity > 0.95")["label"].iloc[:3]
    write(folder, mask("01_t003"), np.uint8(255) * ~np.isin(labels, whole))


def masks_off_place(folder: Path) -> None:
    write(folder, mask("09_t002"), np.roll(read(folder, mask("09_t002")), (9, -7), (0, 1)))
    first, second = read(folder, mask("09_t003")), read(folder, mask("15_t002"))
    write(folder, mask("09_t003"), second)
    write(folder, mask("15_t002"), first)
    write(folder, mask("15_t003"), np.rot90(read(folder, mask("15_t003"))))
    shutil.copy(folder / mask("11_t001"), folder / mask("11_t002"))


def badly_drawn_cells(folder: Path) -> None:
    labels = read(folder, mask("05_t001"))
    free = cv2.dilate((labels > 0).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    row, col = np.argwhere(free[5:-5, 5:-5])[0] + 5
    labels[row, col] = labels.max() + 1
    write(folder, mask("05_t001"), labels)
    labels = read(folder, mask("05_t002"))
    depth = cv2.distanceTransform((labels > 0).astype(np.uint8), cv2.DIST_L2, 5)
    row, col = np.unravel_index(depth.argmax(), depth.shape)
    labels[row - 1 : row + 2, col - 1 : col + 2] = 0
    write(folder, mask("05_t002"), labels)
    labels = read(folder, mask("05_t003"))
    write(folder, mask("05_t003"), merged(labels))
    labels = read(folder, mask("07_t000"))
    first, second = apart(labels)
    labels[labels == second] = first
    write(folder, mask("07_t000"), labels)


def merged(labels: np.ndarray) -> np.ndarray:
    """Two touching cells, of those that together are large and not cut, become one: the pair with the finest waist."""
    found = []
    for a, b in combinations(touching(labels).tolist(), 2):
        both = cells(np.isin(labels, (a, b)).astype(np.int32)).iloc[0]
        if not both["touches_border"] and both["area_px"] > 1.5 * cells(labels)["area_px"].median():
            beside = len(touching(np.where(np.isin(labels, (a, b)), labels, 0)))
            found += [(both["solidity"], a, b)] if beside else []
    _, a, b = min(found)
    return np.where(labels == b, a, labels).astype(labels.dtype)


def apart(labels: np.ndarray) -> tuple[int, int]:
    table = cells(labels)
    a = table.iloc[0]
    distance = np.hypot(table["row"] - a["row"], table["col"] - a["col"])
    return int(a["label"]), int(table.loc[distance.idxmax(), "label"])


def poor_exposures(folder: Path) -> None:
    write(folder, image("07_t001"), np.full((SIZE, SIZE), 90, np.uint8))
    pixels = read(folder, image("07_t002"))
    write(folder, image("07_t002"), np.where(pixels > np.percentile(pixels, 90), 255, pixels).astype(np.uint8))


def jpeg(pixels: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_GRAYSCALE)


def moved(pixels: np.ndarray) -> np.ndarray:
    return np.pad(pixels, ((1, 0), (0, 0)), mode="edge")[:-1]


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels * 1.15 + 8, 0, 255).astype(np.uint8)


def same(pixels: np.ndarray) -> np.ndarray:
    return pixels


# source -> copy, and what was done to it; the mask goes with it
COPIES = {
    ("08_t000", "08_t001"): same,
    ("08_t002", "03_t000"): same,
    ("10_t000", "03_t001"): jpeg,
    ("10_t001", "03_t002"): moved,
    ("10_t002", "03_t003"): brighter,
    ("13_t000", "14_t000"): brighter,
}


def copies(folder: Path) -> None:
    for (source, copy), change in COPIES.items():
        write(folder, image(copy), change(read(folder, image(source))))
        labels = read(folder, mask(source))
        write(folder, mask(copy), moved(labels) if change is moved else labels)


def frames(folder: Path) -> None:
    """Frames 5 minutes apart, one in train and one in val, and one each in two groups of train."""
    for seed, pair in ((1, ("11_t000", "06_t000")), (2, ("10_t003", "16_t000"))):
        rng = np.random.default_rng(seed)
        look, hours = draw_look("phase", rng), [2.5, 2.58]
        for stem, time, colony in zip(pair, hours, grow((SIZE, SIZE), 3, hours, rng)):
            pixels, labels = expose(colony, [], time, look, (SIZE, SIZE), rng)
            write(folder, image(stem), pixels)
            write(folder, mask(stem), labels)
    edit_csv(
        folder, "images/movie16_t000.png,,movie16,", "images/movie16_t000.png,masks/movie16_t000.png,movie16,train"
    )


def sides(folder: Path) -> None:
    edit_csv(folder, "movie14_t003.png,movie14,train", "movie14_t003.png,movie14,val")


PLANTS = (cut_short, not_finite, senseless_masks, masks_off_place, badly_drawn_cells, poor_exposures, copies, frames)
PLANTS += (sides, other_shapes_and_types)

EXPECTED = {
    ("unreadable_image", "error"): [image("01_t000"), "images/movie01_t001.jpg"],
    ("unreadable_mask", "error"): [mask("01_t002")],
    ("not_finite", "error"): ["images/movie07_t003.npy"],
    ("shapes_differ", "error"): [image("02_t000"), mask("02_t000"), image("14_t002"), "ignore.png"],
    ("types_differ", "warning"): [image("02_t001")],
    ("sizes_differ", "note"): [image("14_t001")],
    ("mask_values", "error"): [mask("02_t002")],
    ("empty_mask", "note"): [mask("02_t003")],
    ("full_mask", "warning"): [mask("04_t000")],
    ("inverted_mask", "warning"): [mask("01_t003")],
    ("shifted_mask", "warning"): [mask("09_t002")],
    ("mispaired_mask", "warning"): [mask("09_t003"), mask("15_t002"), mask("15_t003")],
    ("repeated_mask", "warning"): [mask("11_t001"), mask("11_t002")],
    ("tiny_fragments", "warning"): [mask("05_t001")],
    ("holes", "note"): [mask("05_t002")],
    ("merged_cells", "note"): [mask("05_t003")],
    ("label_in_pieces", "warning"): [mask("07_t000")],
    ("cut_by_border", "note"): [],
    ("constant_image", "warning"): [image("07_t001")],
    ("saturated_image", "warning"): [image("07_t002")],
    ("duplicate", "warning"): [image("08_t000"), image("08_t001")],
    ("duplicate_across_split", "error"): [image("08_t002"), image("03_t000")],
    ("near_duplicate_across_split", "error"): [
        *(image(f"10_t00{frame}") for frame in range(3)),
        *(image(f"03_t00{frame}") for frame in (1, 2, 3)),
    ],
    ("near_duplicate", "warning"): [image("13_t000"), image("14_t000")],
    ("similar_across_split", "warning"): [image("11_t000"), image("06_t000")],
    ("similar_groups", "warning"): [image("10_t003"), image("16_t000")],
    ("group_on_both_sides", "error"): [image("14_t003")],
}


def test_the_clean_data_set_raises_nothing(clean):
    assert [finding for finding in check(clean).findings if finding.severity != "note"] == []


@pytest.mark.parametrize("code, severity", EXPECTED, ids=[code for code, _ in EXPECTED])
def test_every_planted_defect_is_found(found, code, severity):
    finding = found[code]
    assert finding.severity == severity and finding.explanation and finding.remedy
    assert set(EXPECTED[code, severity]) <= set(finding.files)


def test_nothing_is_said_of_files_that_were_left_alone(found):
    touched = {Path(name).stem for names in EXPECTED.values() for name in names} | {"movie14_t000"}
    touched |= {f"movie14_t00{frame}" for frame in range(4)}  # the whole group that is on both sides
    for finding in found.values():
        if finding.severity != "note":
            assert {Path(name).stem for name in finding.files} <= touched, finding


def test_pairs_name_the_copy_its_original_and_a_small_distance(found):
    pairs = {frozenset(pair[:2]): pair[2] for pair in found["near_duplicate_across_split"].pairs}
    for (source, copy), change in COPIES.items():
        if copy.startswith("03") and change is not same:
            assert pairs[frozenset((image(source), image(copy)))] < 0.25

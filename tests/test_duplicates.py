"""Duplicates: the same scene is found however it was saved, the same optics are not taken for the same scene."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from conftest import real_data

from seglib.data import duplicates, likeness
from seglib.data.checks import check
from seglib.data.dataset import open_dataset
from seglib.data.demo import draw
from seglib.data.facts import look_at
from seglib.data.readers import to_gray
from seglib.data.records import Record

LEAKS = ("duplicate_across_split", "near_duplicate_across_split", "similar_across_split")
LEAKS += ("near_duplicate", "similar_groups")


def scenes(pictures, masks, splits, groups=None) -> duplicates.Scenes:
    """What `check` compares, of pictures in memory; each its own group unless said otherwise."""
    groups = groups or [f"g{number}" for number in range(len(pictures))]
    lineup, facts = likeness.Lineup(), []
    for number, (picture, mask) in enumerate(zip(pictures, masks)):
        look = look_at(number, picture, mask.astype(np.int32), "instance ids", np.ones(picture.shape, bool))
        facts.append(look.facts)
        lineup.add(look.gray, look.labels > 0, look.valid)
    rows = zip(splits, groups)
    records = [Record(f"{number}.png", f"m{number}.png", group, split) for number, (split, group) in enumerate(rows)]
    return duplicates.Scenes(records, facts, lineup.compared(), lambda position: to_gray(pictures[position]))


def cells_under_dirt(n: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Pictures of a few small cells each, at other places, through one very dirty eyepiece that moves about.

    In the last three the dirt lies where it lies in the first three, so that no mean of all pictures takes it away.
    """
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:192, :192]
    field = np.hypot(yy - 96, xx - 96) < 90
    dirt = cv2.GaussianBlur(rng.normal(0, 1, (192, 192)), (0, 0), 4) * 300
    pictures, masks = [], []
    for picture_number in range(n):
        turn = picture_number % (n - 3)
        seen = np.roll(dirt, (11 * turn, 29 * turn), (0, 1))
        mask = np.zeros((192, 192), np.uint8)
        for number in range(12):
            angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0, 80)
            center = int(96 + reach * np.cos(angle)), int(96 + reach * np.sin(angle))
            cv2.circle(mask, center, 5, number + 1, -1)
        picture = 170 + seen + 25 * cv2.GaussianBlur((mask > 0) * 1.0, (0, 0), 1) + rng.normal(0, 3, mask.shape)
        pictures.append(np.where(field, np.clip(picture, 0, 255), 2).astype(np.uint8))
        masks.append(mask)
    return pictures, masks


def test_the_same_optics_are_not_the_same_scene():
    pictures, masks = cells_under_dirt(20)
    compared = scenes(pictures, masks, ["train"] * 15 + ["val"] * 5)
    first, last = np.arange(3), np.arange(17, 20)
    assert np.diag(compared.comparison.likeness(last, first, picture_only=True)).min() > 0.7
    assert compared.comparison.of_pairs(last, first).max() < 0.4  # their cells stand elsewhere
    found, nearest = duplicates.duplicates(compared)
    assert found == [] and len(nearest) == 5 and min(near.distance for near in nearest) > 0.5


def as_jpeg(pixels):
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_GRAYSCALE)


CHANGES = {
    "jpeg": as_jpeg,
    "moved": lambda p: np.pad(p, ((1, 0), (0, 1)), mode="edge")[:-1, 1:],
    "brighter": lambda p: np.clip(p * 1.3, 0, 255).astype(np.uint8),
    "gamma": lambda p: (255 * (p / 255.0) ** 0.7).astype(np.uint8),
    "16 bits": lambda p: p.astype(np.uint16) * 200 + 77,
}


@pytest.fixture(scope="module")
def fields():
    drawn = [draw(seed, 192, kind) for seed in range(8) for kind in ("phase", "bright")]
    return [image for image, _ in drawn], [labels for _, labels in drawn]


@pytest.mark.parametrize("change", CHANGES)
def test_a_picture_saved_again_is_found_with_its_original(fields, change):
    pictures, masks = (list(part) for part in fields)
    pictures.append(CHANGES[change](pictures[3]))
    masks.append(masks[3])
    found, nearest = duplicates.duplicates(scenes(pictures, masks, ["train"] * 14 + ["val"] * 3))
    assert [near.train for near in nearest if near.image == "16.png"] == ["3.png"]
    finding = next(f for f in found if f.code in LEAKS[1:3])
    assert finding.pairs[0][:2] == ("16.png", "3.png") and finding.pairs[0][2] < 0.35
    assert set(finding.files) == {"16.png", "3.png"}


def test_a_copy_with_another_mask_is_found_too(fields):
    pictures, masks = (list(part) for part in fields)
    found, _ = duplicates.duplicates(
        scenes([*pictures, CHANGES["brighter"](pictures[3])], [*masks, masks[4]], ["train"] * 16 + ["val"])
    )
    assert [f.code for f in found] == ["near_duplicate_across_split"]


def test_honest_fields_raise_nothing(fields):
    pictures, masks = fields
    found, nearest = duplicates.duplicates(scenes(pictures, masks, ["train", "train", "val", "train"] * 4))
    assert found == [] and len(nearest) == 4


def test_many_crops_of_round_cells_are_alike_and_no_duplicates():
    """Single cells in the middle are alike by themselves: the limit follows what is usual in the data set."""
    rng = np.random.default_rng(0)
    pictures, masks = [], []
    for _ in range(150):
        mask = np.zeros((48, 48), np.uint8)
        center = tuple(int(v) for v in rng.integers(22, 27, 2))
        axes = tuple(int(v) for v in rng.integers(9, 16, 2))
        cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        inside = 1.0 * mask
        cv2.circle(inside, tuple(int(v) for v in rng.integers(18, 30, 2)), 4, 0.5, -1)  # a vacuole
        picture = 90 + 90 * cv2.GaussianBlur(inside, (0, 0), 1.5) + rng.normal(0, 6, mask.shape)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
        masks.append(mask)
    compared = scenes(pictures, masks, (["train"] * 4 + ["val"]) * 30)
    found, nearest = duplicates.duplicates(compared)
    assert sum(near.distance < 1 - duplicates.LEAST for near in nearest) > 10  # a fixed limit would cry wolf
    assert duplicates.limits(compared).cells > 0.6 and [f for f in found if f.severity == "error"] == []
    assert sum(len(f.pairs) for f in found) <= 3


def test_blocks_give_the_same_neighbours_as_all_at_once(fields, monkeypatch):
    compared = scenes(*fields, ["train"] * 16).comparison
    rows = np.arange(16)
    whole = compared.nearest(rows, rows)
    full = compared.likeness(rows, rows)
    np.fill_diagonal(full, -np.inf)
    monkeypatch.setattr(likeness, "BLOCK", 3)
    parts = compared.nearest(rows, rows)
    assert whole.index.tolist() == parts.index.tolist() == full.argmax(axis=1).tolist()
    np.testing.assert_allclose(parts.likeness, full.max(axis=1), rtol=1e-5)
    np.testing.assert_allclose(compared.of_pairs(rows[1:], rows[:-1]), np.diag(full, -1), rtol=1e-4, atol=1e-6)


def test_nothing_to_compare_is_no_error():
    blank, mask = np.full((32, 32), 7, np.uint8), np.zeros((32, 32), np.uint8)
    assert duplicates.duplicates(scenes([blank], [mask], ["val"])) == ([], [])
    found, nearest = duplicates.duplicates(scenes([blank, blank + 1, blank], [mask] * 3, ["train", "val", "val"]))
    assert found == [] and [near.distance for near in nearest] == [1.0, 1.0]
    assert duplicates.duplicates(scenes([], [], [])) == ([], [])


def test_one_exposure_is_told_from_two(fields):
    image = to_gray(fields[0][0])
    noise = np.random.default_rng(0).normal(0, 0.03, (2, *image.shape)).astype(np.float32)
    once, twice = image + noise[0], image + noise[1]
    assert likeness.same_exposure(once, np.roll(once, 3, 0) * 1.4) > 0.97
    assert likeness.same_exposure(once, twice) < 0.75
    assert likeness.same_exposure(once, once[:-1]) == 0


def leaks(dataset) -> dict:
    return {finding.code: finding for finding in check(dataset).findings if finding.code in LEAKS}


@pytest.mark.parametrize("name", ["brightfield", "baby"])
def test_honest_splits_of_real_images_raise_nothing(name):
    data = open_dataset(real_data(name))
    assert leaks(data) == {}


def test_frames_of_a_real_movie_on_both_sides_are_found():
    """Phylocell is one movie: with every picture on its own, a fifth of the frames in val are near frames of train."""
    data = open_dataset(real_data("phylocell"))
    val = np.random.default_rng(0).choice(len(data.records), 20, replace=False)
    rows = [replace(r, group=f"g{i}", split="val" if i in val else "train") for i, r in enumerate(data.records)]
    found = leaks(replace(data, records=tuple(rows)))
    named = {pair[0] for finding in found.values() if "across" in finding.code for pair in finding.pairs}
    assert len(named) >= 18 and "near_duplicate_across_split" not in found


@pytest.mark.slow
def test_movies_of_real_images_are_told_apart():
    data = open_dataset(real_data("colony"))
    assert leaks(data) == {}
    rows = [replace(r, group=f"g{i}", split="val" if i % 7 == 3 else "train") for i, r in enumerate(data.records)]
    found = leaks(replace(data, records=tuple(rows)))
    named = {pair[0] for code in LEAKS[1:3] if code in found for pair in found[code].pairs}
    assert len(named) == sum(row.split == "val" for row in rows)


def test_what_all_pictures_have_in_common_is_taken_away():
    rng = np.random.default_rng(0)
    common, *own = (cv2.GaussianBlur(rng.normal(0, 1, (128, 128)), (0, 0), 3) for _ in range(21))
    pictures = [(0.5 + common + 0.4 * one).astype(np.float32) for one in own]
    described = [likeness.describe(p, np.ones(p.shape, bool)).astype(float) for p in pictures]
    assert np.corrcoef(described).min() > 0.7
    lineup = likeness.Lineup()
    for picture in pictures:
        lineup.add(picture, None, np.ones(picture.shape, bool))
    rows = np.arange(20)
    assert lineup.compared().nearest(rows, rows).likeness.max() < 0.4

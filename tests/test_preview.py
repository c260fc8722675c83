"""The live preview: what its route sends is what training draws, to the last bit, and stale questions are dropped."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette

from seglib.augment import pipeline
from seglib.augment.fixed import Fixed
from seglib.augment.recipe import Recipe
from seglib.data.records import Record, write_csv
from seglib.settings import build, merge, nest, plain
from seglib.training.config import Config
from seglib.training.draws import Draws, Normalise
from ui import opened, preview, preview_route, registry, security

H, W = 40, 56
RECIPE = {
    "elastic": {"probability": 1.0, "displacement_px": [1, 2], "sigma_px": [8, 9]},
    "noise": {"probability": 1.0},
    "blur": {"probability": 0.5},
    "quarter_turns": {"probability": 0.75},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four train pictures of two touching cells, one with an ignored corner, and one of 90² without a mask."""
    for key, place in {"DATASETS": "datasets.json", "DEMO": "demo", "CHECKPOINTS": "ck", "CACHE": "cache"}.items():
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / place))
    root = tmp_path / "cells"
    for sub in ("images", "masks"):
        (root / sub).mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels, ignore = np.zeros((H, W), np.uint8), np.zeros((H, W), np.uint8)
    labels[10:20, 10:20], labels[10:20, 20:30], ignore[:5, :5] = 1, 2, 255
    cv2.imwrite(str(root / "ignore.png"), ignore)
    records = []
    for i in range(4):
        cv2.imwrite(str(root / f"images/p{i}.png"), rng.integers(0, 256, (H, W), dtype=np.uint8))
        cv2.imwrite(str(root / f"masks/p{i}.png"), np.roll(labels, i, 0))
        record = Record(
            f"images/p{i}.png", f"masks/p{i}.png", f"g{i}", "train", ignore="ignore.png" if i == 0 else None
        )
        records.append(record)
    cv2.imwrite(str(root / "images/u.png"), rng.integers(0, 256, (90, 90), dtype=np.uint8))
    write_csv(root, [*records, Record("images/u.png", None, "u", "")])
    return root


@pytest.fixture
def name(folder):
    opened.st.cache_resource.clear()
    return registry.add(folder).name


@pytest.fixture
def client():
    return Client(Starlette(routes=preview_route.ROUTES, middleware=security.middleware()))


def ask(client, name, index=0, /, **query):
    query = {"recipe": json.dumps(RECIPE), "seed": 5, "n": 3, "normalisation": "zscore", **query}
    return client.get(preview_route.url(name, opened.dataset(name), index), params=query)


def unpacked(reply) -> tuple[dict, dict | None, list[dict]]:
    """(header, original, samples), each with its grey and marks."""
    assert reply.status_code == 200, reply.text
    content = reply.content
    length = struct.unpack_from("<I", content)[0]
    header, offset, blobs = json.loads(content[4 : 4 + length]), 4 + length, []
    for part in header["parts"]:
        blobs.append(np.frombuffer(content, np.uint8, part, offset))
        offset += part
    assert offset == len(content)

    def layers(shape):
        return {"grey": blobs.pop(0).reshape(shape), "marks": blobs.pop(0).reshape(shape)}

    original = layers(header["original"]) if header["has_original"] else None
    shape = header["height"], header["width"]
    return header, original, [told if told["kept"] else {**told, **layers(shape)} for told in header["samples"]]


def config_of(folder, crop_px, seed=5) -> Config:
    values = {"data.path": str(folder), "data.crop_px": crop_px, "data.normalisation": "percentile"}
    values |= {"training.seed": seed, "recipe": RECIPE}
    return build(Config, nest(values))


def assert_shows(shown: dict, header: dict, image, target, valid) -> None:
    np.testing.assert_array_equal(shown["grey"], preview.to_bytes(image, header["low"], header["high"]))
    np.testing.assert_array_equal(shown["marks"] & preview.INSIDE > 0, target)
    np.testing.assert_array_equal(shown["marks"] & preview.OUTSIDE > 0, ~valid)


# -- the bytes of training


def test_every_draw_of_a_training_is_shown_by_the_route_to_the_last_bit(client, name, folder):
    """All draws of two epochs: the image that the order puts at a place, with the numbers of that place."""
    draws = Draws(opened.dataset(name), config_of(folder, 24))
    for number in range(2 * len(draws)):
        epoch, place = draws.position(number)
        record, wanted = int(draws.order(epoch)[place]), draws[number]
        query = {"crop": 24, "normalisation": "percentile", "epoch": epoch, "place": place, "n": 1}
        header, _, (shown,) = unpacked(ask(client, name, record, **query))
        assert_shows(shown, header, wanted.x, wanted.target, wanted.valid)


def test_the_samples_of_an_image_are_draws_of_that_image_at_its_own_place(client, name, folder):
    draws = Draws(opened.dataset(name), config_of(folder, 24))
    header, _, samples = unpacked(ask(client, name, 2, crop=24, normalisation="percentile"))
    for epoch, shown in enumerate(samples):
        wanted = draws.draw(2, pipeline.generator(5, epoch, 2))
        assert (shown["seed"], shown["epoch"]) == (5, epoch)
        assert_shows(shown, header, wanted.x, wanted.target, wanted.valid)


def test_a_whole_picture_is_augmented_by_the_same_code(client, name):
    sample = Normalise("zscore")(opened.dataset(name).sample(0))
    header, original, samples = unpacked(ask(client, name))
    assert_shows(original, header, sample.image, sample.labels > 0, sample.valid)
    for epoch, shown in enumerate(samples):
        rng = pipeline.generator(5, epoch, 0)
        drawn = pipeline.augment(sample.image, sample.labels, sample.valid, build(Recipe, RECIPE), rng)
        assert_shows(shown, header, drawn.image, drawn.labels > 0, drawn.valid)
        np.testing.assert_array_equal(shown["marks"] & preview.OUTLINE > 0, preview.outline(drawn.labels))
    assert samples[0]["outside"] and header["outside"]


@pytest.mark.parametrize("crop", [0, 24])
def test_a_fixed_sample_is_that_sample(client, name, crop):
    """The draw that the header tells, sent back as exact values, gives the same pixels."""
    _, _, samples = unpacked(ask(client, name, crop=crop))
    for shown in samples:
        query = {"draw": json.dumps(shown["draw"]), "corner": ",".join(map(str, shown["corner"]))}
        _, _, (again,) = unpacked(ask(client, name, crop=crop, **query))
        assert again["text"] == shown["text"]
        for layer in ("grey", "marks"):
            np.testing.assert_array_equal(again[layer], shown[layer])


def test_exact_values_move_only_what_they_name(client, name):
    _, original, (shown,) = unpacked(ask(client, name, draw=json.dumps(plain(Fixed()))))
    np.testing.assert_array_equal(shown["grey"], original["grey"])
    assert shown["text"] == "unchanged"
    _, _, (turned,) = unpacked(ask(client, name, draw='{"quarter_turns": 2}'))
    np.testing.assert_array_equal(turned["grey"], np.rot90(original["grey"], 2))
    assert turned["text"] == "turned 180°"


def test_pinned_sample_comes_last_with_a_seed_of_its_own(client, name):
    _, _, samples = unpacked(ask(client, name, also="9.4"))
    _, _, alone = unpacked(ask(client, name, seed=9, epoch=4, n=1))
    assert [(s["seed"], s["epoch"]) for s in samples] == [(5, 0), (5, 1), (5, 2), (9, 4)]
    np.testing.assert_array_equal(samples[-1]["grey"], alone[0]["grey"])


def test_grey_values_are_rounded_between_black_and_white():
    values = np.array([[-9.0, 1.0, 1.004, 2.0, 2.99, 3.0, 9.0]], np.float32)
    np.testing.assert_array_equal(preview.to_bytes(values, 1.0, 3.0), [[0, 0, 1, 128, 254, 255, 255]])


# -- what is asked for and what is sent


def test_preview_follows_recipe_seed_and_crop(client, name):
    base = ask(client, name).content
    assert ask(client, name).content == base
    assert ask(client, name, seed=6).content != base
    assert ask(client, name, recipe="{}").content != base
    header, _, _ = unpacked(ask(client, name, crop=24))
    assert (header["height"], header["width"], header["original"]) == (24, 24, [H, W])


def test_pictures_are_not_kept_on_the_browsers_disk_and_say_what_they_cost(client, name):
    headers = ask(client, name).headers
    assert headers["cache-control"] == "no-store" and float(headers["server-timing"].removeprefix("compute;dur=")) > 0


def test_what_the_browser_holds_is_not_sent_again(client, name):
    _, _, samples = unpacked(ask(client, name))
    have = ",".join(s["tag"] for s in samples)
    header, original, again = unpacked(ask(client, name, have=have, original=0))
    assert original is None and header["parts"] == [] and all(s["kept"] for s in again)
    # another seed of the noise makes another sample; so does the field, whose marks differ
    assert not any(s["kept"] for s in unpacked(ask(client, name, have=have, seed=6))[2])
    assert not any(s["kept"] for s in unpacked(ask(client, name, have=have, field=1))[2])
    # only samples in which something changes are drawn anew
    blurred = merge(RECIPE, {"blur": {"sigma_px": [2.0, 2.0]}})
    changed = unpacked(ask(client, name, have=have, recipe=json.dumps(blurred), n=8))[2]
    assert [s["kept"] for s in changed[:3]] == ["blur" not in s["text"] for s in samples]


def test_a_newer_turn_of_the_same_browser_ends_the_work_on_an_older_one(client, name):
    assert ask(client, name, client="a", turn=7).status_code == 200
    stale = ask(client, name, client="a", turn=6)
    assert stale.status_code == 409 and "newer" in stale.text
    assert ask(client, name, client="b", turn=6).status_code == 200
    assert ask(client, name, turn=6).status_code == 200


def test_the_recipe_none_shows_the_same_picture(client, name):
    _, original, samples = unpacked(ask(client, name, recipe="{}", field=1))
    for shown in samples:
        assert (shown["grey"] == original["grey"]).all() and (shown["marks"] == original["marks"]).all()
        assert shown["arrows"] == [] and shown["longest_px"] == 0


def test_the_field_is_a_bent_grid_and_arrows_with_a_length(client, name):
    _, plain_original, without = unpacked(ask(client, name))
    _, _, samples = unpacked(ask(client, name, field=1))
    assert not (plain_original["marks"] & preview.GRID).any()
    for shown, bare in zip(samples, without):
        assert 0.2 < (shown["marks"] & preview.GRID > 0).mean() < 0.6 and (shown["grey"] == bare["grey"]).all()
        lengths = [np.hypot(down, right) for _, _, down, right in shown["arrows"]]
        assert 0 < max(lengths) <= shown["longest_px"] + 0.01 and shown["folded"] == 0
    assert (samples[0]["marks"] & preview.GRID != samples[1]["marks"] & preview.GRID).any()


def test_folds_are_marked_and_warned_of(client, name):
    folding = {"elastic": {"probability": 1, "displacement_px": [30, 30], "sigma_px": [8, 9]}}
    header, _, samples = unpacked(ask(client, name, recipe=json.dumps(folding), field=1))
    assert "fold" in header["warnings"][0]
    for shown in samples:
        marked = (shown["marks"] & preview.FOLDED > 0).mean()
        assert marked == pytest.approx(shown["folded"]) and 0.05 < marked < 0.95
    exact = json.dumps({"displacement_px": 30, "sigma_px": 8})
    assert "fold" in unpacked(ask(client, name, draw=exact))[0]["warnings"][0]
    assert unpacked(ask(client, name, recipe="{}"))[0]["warnings"] == []


def test_a_wide_field_is_shown_shrunk_and_says_so(client, name, monkeypatch):
    monkeypatch.setattr(preview, "WHOLE_SIDES", (30, 100))
    header, original, samples = unpacked(ask(client, name, recipe="{}", most=30))
    assert (header["factor"], header["full"], header["original"]) == (2, [H, W], [20, 28])
    assert (header["height"], header["width"]) == (20, 28) and (samples[0]["grey"] == original["grey"]).all()
    header, _, samples = unpacked(ask(client, name, crop=24, most=30))
    assert (header["original"], samples[0]["grey"].shape) == ([20, 28], (24, 24))
    header, _, _ = unpacked(ask(client, name, most=100))
    assert (header["factor"], header["original"]) == (1, [H, W])


def test_an_unlabelled_picture_shows_pixels_and_no_outlines(client, name):
    header, _, samples = unpacked(ask(client, name, 4))
    assert header["full"] == [90, 90] and not (samples[0]["marks"] & (preview.INSIDE | preview.OUTLINE)).any()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"n": 1000}, "n is '1000'; allowed: a whole number from 0 to 16"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"crop": -1}, "crop is '-1'"),
        ({"crop": 4096, "n": 2}, "choose a smaller crop"),
        ({"field": 2}, "field is '2'"),
        ({"most": 100_000}, "most is '100000'; allowed: 640, 1600 px"),
        ({"also": "1.2.3"}, "also is '1.2.3'; allowed: a seed"),
        ({"also": "9999999999.0"}, "allowed: a seed up to 2147483647"),
        ({"corner": "1;2"}, "corner is '1;2'"),
        ({"draw": "["}, "draw is not JSON"),
        ({"draw": "[]"}, "draw is not a mapping"),
        ({"draw": '{"angle_deg": 1000}'}, "angle_deg is 1000.0; allowed: from -180.0 to 180.0"),
        ({"draw": '{"noise_seed": "-1"}'}, "noise_seed is '-1'; allowed: 1 to 19 digits"),
        ({"draw": '{"angel_deg": 1}'}, "Did you mean angle_deg?"),
        ({"recipe": "{"}, "recipe is not JSON"),
        ({"recipe": "[" * 20_000}, "recipe is not JSON"),
        ({"recipe": '{"noise": {"probability": Infinity}}'}, "noise.probability is inf"),
        ({"recipe": '{"noise": {"probability": 1' + "0" * 400 + "}}"}, "noise.probability is"),
        ({"recipe": '{"elastik": {}}'}, "Did you mean elastic?"),
        ({"recipe": '{"noise": {"probability": 7}}'}, "noise.probability is 7"),
        ({"normalisation": "magic"}, "normalisation is 'magic'"),
    ],
)
def test_a_bad_question_gets_one_clear_line(client, name, query, said):
    reply = ask(client, name, **query)
    assert reply.status_code == 400 and said in reply.text and "\n" not in reply.text
    assert reply.headers["cache-control"] == "no-store"


def test_turns_of_many_browsers_take_no_room():
    turns = preview_route.Turns(most=2)
    for client in "abc":
        turns.take(client, 5)
    assert turns.stale("c", 4) and not turns.stale("c", 5) and not turns.stale("a", 4)

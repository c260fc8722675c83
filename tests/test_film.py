"""The film of a training: which validations it shows, their IoU, and the addresses of its pictures."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from tiny_run import finished_run

from seglib.data.dataset import open_dataset
from seglib.data.sample import Sample
from seglib.runs import film, validation
from seglib.runs.events import EventFile
from seglib.runs.store import Run
from ui import film_route, registry, routes
from ui.film_route import small_mask
from ui.live.film import rows


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    """A trained run of four steps with validations at 2 and 4."""
    run = finished_run(tmp_path)
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(run.folder.parent))
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    return run


def append(run: Run, *rows: dict) -> None:
    file = EventFile(run.folder / "events.jsonl")
    for row in rows:
        file.append(row)
    file.close()


def test_every_validation_is_a_frame_and_its_iou_is_the_counts(run):
    found = film.of(run)
    assert [frame.step for frame in found.frames] == [2, 4] and found.best == run.progress().best_step
    for frame in found.frames:
        table = validation.scores(run, frame.step)
        assert list(found.images) == list(table["image"])[: len(found.images)]
        for iou, (tp, fp, fn) in zip(frame.ious, zip(table["tp"], table["fp"], table["fn"])):
            assert iou == (pytest.approx(tp / (tp + fp + fn), abs=1e-4) if tp + fp + fn else None)


def test_a_run_that_kept_no_strips_has_no_film(run):
    for strip in (run.folder / "validation").glob("*/strip"):
        shutil.rmtree(strip)
    assert film.of(run) is None


def test_what_lies_beyond_the_step_of_a_resume_is_not_shown(run):
    append(run, {"kind": "started", "step": 3})
    assert [frame.step for frame in film.of(run).frames] == [2]


def test_a_validation_that_is_done_again_has_another_address(run):
    before = film.of(run).frames
    listing = run.folder / "validation" / "000004" / "strip" / "images.json"
    text = listing.read_text(encoding="utf-8")
    listing.unlink()
    listing.write_text(text, encoding="utf-8")
    after = film.of(run).frames
    assert before[0] == after[0] and before[1].stamp != after[1].stamp and before[1].ious == after[1].ious


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '[{"number": "x", "image": "a"}]'])
def test_a_damaged_listing_is_no_film_and_no_error(run, damage):
    (run.folder / "validation" / "000004" / "strip" / "images.json").write_text(damage, encoding="utf-8")
    assert film.of(run) is None


def test_a_damaged_table_only_costs_the_ious(run):
    (run.folder / "validation" / "000002" / "images.parquet").write_bytes(b"nonsense")
    first, second = film.of(run).frames
    assert set(first.ious) == {None} and second.ious == film.of(run).frames[1].ious


def test_its_addresses_are_answered_and_nothing_else(run):
    name = registry.add(run.data_path()).name
    data, found = open_dataset(run.data_path()), film.of(run)
    images = rows(found, data, name)
    assert [image["id"] for image in images] == [
        [record.image for record in data.records].index(image) for image in found.images
    ]
    client = Client(Starlette(routes=[*film_route.ROUTES, *routes.ROUTES]))
    for frame in found.frames:
        for k, image in enumerate(images):
            reply = client.get(f"{film_route.film_root(run)}{frame.step}/{k}?v={frame.stamp}")
            assert reply.status_code == 200 and "immutable" in reply.headers["cache-control"]
            q = cv2.imdecode(np.frombuffer(reply.content, np.uint8), cv2.IMREAD_UNCHANGED)
            for address in (image["image"], image["mask"]):
                shown = client.get(address)
                assert shown.status_code == 200, shown.text
            mask = cv2.imdecode(np.frombuffer(client.get(image["mask"]).content, np.uint8), cv2.IMREAD_UNCHANGED)
            assert mask.shape == q.shape and set(np.unique(mask)) <= {0, 128, 255}
    for wrong in ("2/99", "3/0", "99999999999/0"):
        assert client.get(f"{film_route.film_root(run)}{wrong}").status_code == 404
    assert client.get("/seg/film/..%2Ftiny/2/0").status_code == 404


def test_a_picture_that_left_the_data_set_makes_no_rows(run):
    data = open_dataset(run.data_path())
    listing = run.folder / "validation" / "000004" / "strip" / "images.json"
    named = json.loads(listing.read_text(encoding="utf-8"))
    listing.write_text(json.dumps([{**named[0], "image": "images/gone.png"}]), encoding="utf-8")
    assert rows(film.of(run), data, "x") == []


def test_a_small_mask_says_cell_background_and_left_out():
    labels = np.zeros((400, 800), np.int32)
    labels[100:300, 0:400] = 7
    valid = np.ones(labels.shape, bool)
    valid[:, 600:] = False
    png = small_mask(Sample("a", "g", np.zeros(labels.shape, np.uint8), labels, valid), 200)
    small = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert small.shape == (100, 200)
    assert (small[50, 10], small[5, 10], small[50, 190]) == (255, 0, 128)

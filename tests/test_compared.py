"""The image with two outlines that the Train page shows, as PNG and by its address."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from tiny_run import finished_run

from seglib.data.dataset import open_dataset
from seglib.data.sample import Sample
from seglib.exceptions import InputError
from ui import registry, routes
from ui.compared import MASK_BGR, PREDICTION_BGR, compared_png
from ui.live.pictures import strip_items


def decoded(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


def square(size: int, first: int, last: int) -> np.ndarray:
    drawn = np.zeros((size, size), np.int32)
    drawn[first:last, first:last] = 1
    return drawn


def sample(labels: np.ndarray) -> Sample:
    return Sample("a", "g", np.full(labels.shape, 90, np.uint8), labels, np.ones(labels.shape, bool))


def test_mask_and_prediction_are_outlined_in_their_colours():
    labels = square(40, 4, 20)
    q = (square(40, 22, 36) * 255).astype(np.uint8)
    shown = decoded(compared_png(sample(labels), q, 40))
    assert shown.shape == (40, 40, 3)
    for (first, last), colour in (((4, 20), MASK_BGR), ((22, 36), PREDICTION_BGR)):
        assert (shown[first, first:last] == colour).all() and (shown[first:last, last - 1] == colour).all()
        assert (shown[first + 1, first + 1] == 90).all() and (shown[first - 1, first - 1] == 90).all()


def test_the_threshold_decides_what_is_prediction():
    labels, q = square(20, 0, 0), (square(20, 5, 15) * 127).astype(np.uint8)
    assert (decoded(compared_png(sample(labels), q, 20)) == 90).all()
    assert (decoded(compared_png(sample(labels), q, 20, threshold=0.4)) == PREDICTION_BGR).any()


def test_a_picture_that_has_changed_since_is_one_line():
    with pytest.raises(InputError, match="the image has changed since"):
        compared_png(sample(square(20, 2, 8)), np.zeros((10, 10), np.uint8), 20)


def test_the_addresses_of_the_strip_are_answered(tmp_path, monkeypatch):
    run = finished_run(tmp_path)
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(run.folder.parent))
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    name = registry.add(run.data_path()).name
    data = open_dataset(run.data_path())
    items = strip_items(run, data, name, "best")
    assert [item["id"] for item in items] == data.indices("val") and all("IoU" in i["note"] for i in items)
    client = Client(Starlette(routes=routes.ROUTES))
    reply = client.get(items[0]["outlined"])
    assert reply.status_code == 200 and decoded(reply.content).shape == (192, 256, 3)
    assert client.get(items[0]["outlined"].replace("/best/0", "/best/77")).status_code == 404

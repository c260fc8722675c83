"""The pixel routes: exact pixels, one clear line for every bad address, and never a path."""

from __future__ import annotations

import json
import zlib
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette

from seglib.data.records import Record, write_csv
from ui import crops, opened, pixels, registry, routes, security

H, W = 40, 56


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three pictures: 8 bits with two touching cells and an ignored corner, 16 bits, and one without a mask."""
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "demo"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "my cells"
    for sub in ("images", "masks"):
        (root / sub).mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels, ignore = np.zeros((H, W), np.uint8), np.zeros((H, W), np.uint8)
    labels[10:20, 10:20], labels[10:20, 20:30], ignore[:5, :5] = 1, 2, 255
    cv2.imwrite(str(root / "images/a.png"), rng.integers(0, 256, (H, W), dtype=np.uint8))
    cv2.imwrite(str(root / "images/b.png"), rng.integers(1000, 3000, (H, W), dtype=np.uint16))
    cv2.imwrite(str(root / "images/c.png"), rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
    cv2.imwrite(str(root / "masks/a.png"), labels)
    cv2.imwrite(str(root / "masks/b.png"), labels)
    cv2.imwrite(str(root / "ignore.png"), ignore)
    write_csv(
        root,
        [
            Record("images/a.png", "masks/a.png", "one", "train", ignore="ignore.png"),
            Record("images/b.png", "masks/b.png", "two", "val"),
            Record("images/c.png", None, "three", ""),
        ],
    )
    return root


@pytest.fixture
def name(folder):
    return registry.add(folder).name


@pytest.fixture
def client():
    return Client(Starlette(routes=routes.ROUTES, middleware=security.middleware()))


def decoded(reply) -> np.ndarray:
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    return cv2.imdecode(np.frombuffer(reply.content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_eight_bits_arrive_as_they_are(client, name, folder):
    reply = client.get(routes.image_url(name, opened.dataset(name), 0))
    np.testing.assert_array_equal(decoded(reply), cv2.imread(str(folder / "images/a.png"), cv2.IMREAD_UNCHANGED))
    assert "immutable" in reply.headers["cache-control"]


def test_sixteen_bits_are_shown_between_their_percentiles(client, name, folder):
    raw = cv2.imread(str(folder / "images/b.png"), cv2.IMREAD_UNCHANGED).astype(float)
    low, high = np.percentile(raw, (0.1, 99.9))
    wanted = np.clip((raw - low) / (high - low) * 255, 0, 255)
    got = decoded(client.get(routes.image_url(name, opened.dataset(name), 1)))
    assert got.dtype == np.uint8
    assert np.abs(got - wanted).max() <= 0.51
    assert got.min() == 0 and got.max() == 255


def test_colours_arrive_as_luminance(client, name, folder):
    bgr = cv2.imread(str(folder / "images/c.png")).astype(float)
    gray = bgr @ [0.114, 0.587, 0.299]
    assert np.abs(decoded(client.get(routes.image_url(name, opened.dataset(name), 2))) - gray).max() <= 1.6


def values_of(reply) -> tuple[dict, np.ndarray]:
    assert reply.status_code == 200, reply.text
    length = int.from_bytes(reply.content[:4], "little")
    header = json.loads(reply.content[4 : 4 + length])
    pixels = np.frombuffer(reply.content, np.dtype(header["type"]).newbyteorder("<"), offset=4 + length)
    return header, pixels.reshape(header["height"], header["width"])


@pytest.mark.parametrize(("index", "file"), [(0, "a"), (1, "b")])
def test_values_arrive_as_stored(client, name, folder, index, file):
    header, values = values_of(client.get(routes.values_url(name, opened.dataset(name), index)))
    stored = cv2.imread(str(folder / f"images/{file}.png"), cv2.IMREAD_UNCHANGED)
    assert not header["colour"] and header["type"] == stored.dtype.name == ("uint8", "uint16")[index]
    np.testing.assert_array_equal(values, stored)


def test_values_of_colours_are_their_luminance(client, name, folder):
    header, values = values_of(client.get(routes.values_url(name, opened.dataset(name), 2)))
    gray = cv2.imread(str(folder / "images/c.png")).astype(float) @ [0.114, 0.587, 0.299]
    assert header["colour"] and np.abs(values - gray).max() <= 0.51


def test_values_of_floats_are_not_rounded():
    image = np.random.default_rng(0).normal(0, 1e-3, (H, W)).astype(np.float32)
    sent = pixels.values(image)
    assert sent.endswith(image.tobytes()) and len(sent) % 4 == 0


def test_label_map_marks_what_is_not_counted(client, name):
    reply = client.get(routes.labels_url(name, opened.dataset(name), 0))
    labels = np.frombuffer(zlib.decompress(reply.content), "<u2").reshape(H, W)
    assert (labels[:5, :5] == pixels.INVALID).all()
    assert (labels[10:20, 10:20] == 1).all() and (labels[10:20, 20:30] == 2).all()
    assert (labels == pixels.INVALID).sum() == 25 and (labels > 0).sum() == 225


def test_huge_ids_stay_apart():
    labels = np.zeros((H, W), np.int32)
    labels[2:4], labels[6:8] = 70_000, 70_000 + 65_536  # equal modulo 2^16
    sample = opened.Sample("x", "x", labels.astype(np.uint8), labels, np.ones((H, W), bool))
    sent = np.frombuffer(zlib.decompress(pixels.label_map(sample)), "<u2").reshape(H, W)
    assert sorted(np.unique(sent)) == [0, 1, 2]
    assert (sent[2:4] == 1).all() and (sent[6:8] == 2).all()


def test_outline_is_where_a_cell_touches_something_else():
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:5], labels[2:7, 5:7] = 1, 2
    mark = pixels.outline(labels)
    inside = np.zeros_like(mark)
    inside[3:6, 3] = True  # the only pixels with all four neighbours of their own cell
    np.testing.assert_array_equal(mark, (labels > 0) & ~inside)


def test_thumbnails_keep_the_shape_and_draw_outlines(client, name):
    data = opened.dataset(name)
    plain = decoded(client.get(routes.thumb_url(name, data, 0, size_px=28)))
    outlined = decoded(client.get(routes.thumb_url(name, data, 0, size_px=28, outlined=True)))
    assert plain.shape == (20, 28)
    assert outlined.shape == (20, 28, 3) and (outlined == (115, 158, 0)).all(-1).sum() > 10


@pytest.mark.parametrize(
    "path",
    [
        "/seg/image/nobody/0",
        "/seg/image/NAME/3",
        "/seg/labels/NAME/2",
        "/seg/image/NAME/-1",
        "/seg/image/NAME/" + "9" * 5000,
        "/seg/image/..%2Fmy%20cells/0",
        "/seg/probability/no-run/best/0",
        "/seg/probability/..%2F..%2Fetc/best/0",
        "/seg/probability/run1/..%2F..%2Fbest/0",
        "/seg/result/deadbeef/x.png",
        "/seg/result/" + "0" * 64 + "/x.png",
    ],
)
def test_what_does_not_exist_is_404(client, name, path):
    reply = client.get(path.replace("NAME", quote(name)))
    assert reply.status_code == 404 and "Traceback" not in reply.text


def test_probabilities_of_a_run(client, name, tmp_path):
    folder = tmp_path / "checkpoints" / "run1" / "validation" / "best"
    folder.mkdir(parents=True)
    q = np.arange(H * W, dtype=np.uint8).reshape(H, W)
    cv2.imwrite(str(folder / "0.png"), q)
    np.testing.assert_array_equal(decoded(client.get(routes.probability_url("run1", "best", 0))), q)
    assert routes.probability_url("run1", "best", 1) is None
    assert routes.probability_url("run1", "secret", 0) is None


def test_results_of_a_job_stay_in_its_folder(client, name, tmp_path, folder):
    job = routes.jobs.Job(tmp_path / "cache" / "jobs" / ("a" * 64))
    job.result.mkdir(parents=True)
    inputs = {"images": [str(folder / "images" / "a.png")]}
    (job.folder / "job.json").write_text(json.dumps({"kind": "predict", "inputs": inputs}), encoding="utf-8")
    cv2.imwrite(str(job.result / "my cell.png"), np.full((H, W), 9, np.uint8))
    cv2.imwrite(str(job.folder / "secret.png"), np.zeros((H, W), np.uint8))
    assert (decoded(client.get(routes.result_url(job, "my cell.png"))) == 9).all()
    assert client.get(f"/seg/result/{job.id}/..%2Fsecret.png").status_code == 404
    assert client.get(f"/seg/result/{job.id}/%2e%2e%2fsecret.png").status_code == 404
    assert values_of(client.get(routes.source_url(job, 0)))[1].shape == (H, W)
    assert client.get(f"/seg/source/{job.id}/1").status_code == 404


def test_a_changed_mask_changes_the_address(name, folder):
    data = opened.dataset(name)
    before = routes.labels_url(name, data, 0)
    mask = cv2.imread(str(folder / "masks/a.png"), cv2.IMREAD_UNCHANGED)
    mask[30:35, 30:35] = 3
    cv2.imwrite(str(folder / "masks/a.png"), mask)
    assert routes.labels_url(name, data, 0) != before
    assert opened.sample(data, 0).labels.max() == 3


def test_headers_and_hosts(client, name):
    reply = client.get(routes.image_url(name, opened.dataset(name), 0))
    for header, value in security.HEADERS:
        assert reply.headers[header.decode()] == value.decode()
    assert client.get("/seg/image/x/0", host="evil.example").status_code == 400
    assert client.get("/seg/image/x/0", host="127.0.0.1:8501").status_code == 404


def test_tensorboard_answers_behind_our_address_and_ends_with_the_server(client, folder):
    board = routes.tensorboard.BOARD
    try:
        reply = client.get("/tensorboard/")
        assert reply.status_code == 200 and b"TensorBoard" in reply.content
        assert reply.headers["x-frame-options"] == "SAMEORIGIN"
        assert client.get("/tensorboard/data/runs").content.strip() == b"[]"
        assert client.get("/tensorboard/../secret").status_code in (400, 404)
        process = board.process
        assert process.poll() is None
    finally:
        board.close()
    assert process.poll() is not None


def test_one_cell_stands_in_the_middle_and_only_it_is_outlined(folder, name):
    client = Client(Starlette(routes=crops.ROUTES, middleware=security.middleware()))
    data = opened.dataset(name)
    plain, green = (decoded(client.get(crops.cell_url(name, data, 0, 1, outlined=on))) for on in (False, True))
    rows, cols = np.nonzero((green == crops.TRUTH).all(axis=2))
    scale = 192 / H  # the whole picture's height: a crop is never smaller than LEAST_PX
    assert plain.shape == (192, 192) and green.shape == (192, 192, 3)
    assert rows.min() == round(10 * scale) and rows.max() == round(20 * scale) - 1
    assert cols.max() - cols.min() + 1 == round(10 * scale)  # the cell beside it, 10 px wide too, is not outlined
    for wrong in (0, 9):
        assert client.get(crops.cell_url(name, data, 0, wrong)).status_code == 404
    assert client.get(crops.cell_url(name, data, 2, 1)).status_code == 404  # without a mask

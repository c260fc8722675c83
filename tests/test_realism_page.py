"""The realism meter on the Augment page: its routes, and what the page hands to it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from asgi_client import Client
from conftest import make_disc_data
from starlette.applications import Starlette
from test_page_augment import drag, home, page  # noqa: F401 - a fixture
from test_realism_verdict import ABSURD

from seglib.augment import realism as measured
from seglib.augment.pipeline import augment, generator
from seglib.augment.recipe import Recipe, load_recipe
from seglib.augment.verdict import gauges
from seglib.data.dataset import open_dataset
from seglib.data.readers import to_gray
from seglib.settings import build, plain
from ui import opened, realism, registry, routes


@pytest.fixture
def name(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    opened.st.cache_resource.clear()
    return registry.add(make_disc_data(tmp_path / "discs", n_train=20)).name


@pytest.fixture
def client() -> Client:
    return Client(Starlette(routes=[*realism.ROUTES, *routes.ROUTES]))


def ask(client: Client, name: str, recipe: Recipe | str = ABSURD, **query):
    text = recipe if isinstance(recipe, str) else json.dumps(plain(recipe))
    return client.get(realism.url(name, opened.dataset(name)), params={"recipe": text, "seed": 3, **query})


def test_the_figures_fill_up_and_end_with_those_of_the_command_line(client, name, monkeypatch):
    monkeypatch.setattr(realism, "EVERY_S", 0)
    reply = ask(client, name)
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-store"
    first, *others = [json.loads(line) for line in reply.content.splitlines()]
    sources = measured.material(open_dataset(registry.find(name).path))
    assert first["of"] == 64 and first["n_images"] == 20 and first["unread"] == []
    assert first["pictures"] == [[p.index, f"d{p.index}"] for p in sources.pictures] and len(sources.pictures) == 16
    assert [line["n"] for line in others] == [*range(4, 65), 64]
    assert [line.get("advised", False) for line in others] == [False] * 61 + [True]
    found = gauges(sources, list(measured.read(sources, ABSURD, 3)), ABSURD, 3)
    told = others[-1]["gauges"]
    assert [(g["key"], g["status"], g["value"], g["sentence"]) for g in told] == [
        (g.key, g.status, g.value, g.sentence) for g in found
    ]
    assert not any(g["changes"] for g in others[0]["gauges"]) and told[0]["changes"]


def test_a_draw_that_cannot_be_made_ends_in_one_line(client, name, monkeypatch):
    broken = measured.material(open_dataset(registry.find(name).path))
    broken.pictures[2].image[:] = np.nan
    monkeypatch.setattr(realism, "_material", lambda data, tag: broken)
    lines = [json.loads(line) for line in ask(client, name).content.splitlines()]
    assert "NaN or infinite" in lines[-1]["error"] and not any("advised" in line for line in lines)


def test_nothing_more_is_computed_for_who_has_hung_up(name, monkeypatch):
    made = []
    monkeypatch.setattr(
        measured, "reading", lambda source, *rest, real=measured.reading: made.append(1) or real(source, *rest)
    )
    told = realism.told_of(measured.material(opened.dataset(name)), Recipe(), 0)
    assert [next(told).get("n") for _ in range(2)] == [None, 4]
    told.close()
    assert len(made) == 4


def test_a_draw_beside_its_image_is_the_trainers(client, name):
    data = opened.dataset(name)
    recipe = Recipe(rotation=ABSURD.rotation, elastic=ABSURD.elastic)
    url = realism.url(name, data).replace("?", "/draw?")
    query = {"recipe": json.dumps(plain(recipe)), "seed": 3, "epoch": 2, "place": 1}
    reply = client.get(url, params=query)
    shown = cv2.imdecode(np.frombuffer(reply.content, np.uint8), cv2.IMREAD_COLOR)
    assert reply.headers["content-type"] == "image/png" and shown.shape == (256, 512, 3)
    source = measured.material(data).pictures[1]
    sample = data.sample(source.index)
    wanted = augment(to_gray(sample.image), sample.labels, sample.valid, recipe, generator(3, 2, source.index))
    cells = cv2.resize(wanted.labels.astype(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST) > 0
    green = (shown[:, 256:] == (115, 158, 0)).all(axis=2)
    orange = (shown[:, 256:] == (0, 159, 230)).all(axis=2)
    assert orange.any() and not (shown[:, :256] == (0, 159, 230)).all(axis=2).any()
    assert green.any() and cells[green].all()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"recipe": "{"}, "recipe is not JSON"),
        ({"recipe": '{"elastik": {}}'}, "Did you mean elastic?"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"seed": -1}, "seed is '-1'"),
    ],
)
def test_a_bad_question_gets_one_clear_line(client, name, query, said):
    reply = ask(client, name, **query) if "recipe" not in query else ask(client, name, query["recipe"])
    assert reply.status_code == 400 and said in reply.text and "\n" not in reply.text


def test_what_does_not_exist_is_not_found(client, name):
    assert client.get("/seg/realism/nobody?recipe={}").status_code == 404
    url = realism.url(name, opened.dataset(name)).replace("?", "/draw?")
    assert client.get(url, params={"place": 16}).status_code == 400
    assert client.get("/seg/realism/..%2F..%2Fetc?recipe={}").status_code == 404


def test_the_address_changes_with_an_image_and_with_the_split(name):
    before = realism.url(name, opened.dataset(name))
    assert realism.url(name, opened.dataset(name)) == before
    folder = registry.find(name).path
    mask = cv2.imread(str(folder / "masks" / "d0.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(folder / "masks" / "d0.png"), np.where(mask == 1, 0, mask))
    assert realism.url(name, opened.dataset(name)) != before


def meter(at) -> dict:
    """What the page hands to the meter."""
    (component,) = [e for e in at.get("bidi_component") if e.proto.component_name.endswith("realism_meter")]
    return json.loads(component.proto.json)


def test_the_page_hands_over_the_recipe_in_hand(home):  # noqa: F811
    at = page()
    assert not at.exception
    assert build(Recipe, meter(at)["recipe"]) == load_recipe("gentle")
    assert meter(at)["url"].startswith("/seg/realism/discs?v=") and meter(at)["seed"] == 0
    drag(at, {"rotation": {"probability": 0.11}})
    assert meter(at)["recipe"]["rotation"]["probability"] == 0.11
    at.session_state["augment_preview"] = {"recipe": None, "seed": 5}
    assert meter(at.run())["seed"] == 5


def test_a_draw_asked_for_brings_its_image_into_the_preview(home, monkeypatch):  # noqa: F811
    at = page()
    assert at.selectbox(key="augment_image_discs").value == 0
    monkeypatch.setattr(realism.st, "session_state", state := {"augment_realism": {"show": 2}})
    realism._show("discs")
    assert state["augment_image_discs"] == 2
    state["augment_realism"] = {"show": "../x"}
    realism._show("discs")
    assert state["augment_image_discs"] == 2

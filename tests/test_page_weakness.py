""" "Where is the model weak?" under AppTest, on a real small run; its route, and the figure without Streamlit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from asgi_client import Client
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run, make_data, tiny_config, wait_until

from seglib.augment.pipeline import apply
from seglib.augment.recipe import Recipe
from seglib.data.dataset import open_dataset, write_csv
from seglib.experiments import weakness as maps
from seglib.experiments.grid import Grid
from seglib.metrics import Counts
from seglib.runs import identity, jobs, launcher, lock, record
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.settings import build
from seglib.training.draws import Normalise
from ui import heat_map, registry, weak_images

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"
GRID = Grid(
    "rotation.angle_deg", (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0), "elastic.displacement_px", (0, 1.5, 3, 4.5, 6)
)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "demo"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(home) -> Run:
    found = finished_run(home)
    registry.add(found.data_path())
    return found


def page() -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"] = "data"
    return at.run().switch_page("../pages/augment.py").run()


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.info, at.caption, at.markdown) for e in kind)


def keys(at: AppTest) -> set:
    return {button.key for button in at.button}


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def the_map(at: AppTest) -> dict:
    """The trace of the heat map."""
    (found,) = [trace for spec in charts(at) for trace in spec["data"] if trace["type"] == "heatmap"]
    return found


def asked(run: Run, grid: Grid = GRID, n_images: int = 3) -> jobs.Job:
    inputs = maps.inputs(run, "best", maps.own_data(run), grid, n_images)
    return jobs.find(maps.KIND, inputs)


def left_behind(run: Run, counts: dict, state: str = "done") -> jobs.Job:
    """The job of the page's first question as a worker would have left it, with counts chosen here."""
    job = asked(run)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, maps.KIND, maps.inputs(run, "best", maps.own_data(run), GRID, 3))
    dataset = maps.own_data(run)
    write_json(job.result / maps.PLAN, maps.plan(GRID, dataset, dataset.indices("val"), 0.5, "reflect", "zscore"))
    lines = [json.dumps(maps.line(cell, [found] * 3, [])) for cell, found in counts.items()]
    (job.result / maps.CELLS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    record.update(job.folder, state, name="job.json")
    return job


def falling(angle_from: float = 45.0) -> dict:
    """IoU 0.9, from that angle on 0.6, whatever the bending."""
    good, bad = Counts(90, 5, 5, 900), Counts(60, 20, 20, 900)
    return {None: good} | {c: bad if GRID.at(c)["rotation.angle_deg"] >= angle_from else good for c in GRID.cells()}


def test_without_a_run_it_leads_to_train(home):
    registry.add(make_data(home / "data"))
    at = page()
    assert not at.exception and "No run on this data set yet" in texts(at) and "weak_start" not in keys(at)


def test_a_run_without_weights_or_val_images_says_so(home):
    data = open_dataset(make_data(home / "data"))
    made = launcher.create(tiny_config(data.path), "early", home / "checkpoints")
    registry.add(data.path)
    at = page()
    assert not at.exception and "no weights yet" in texts(at) and "weak_start" not in keys(at)
    (made.folder / "best.safetensors").touch()
    assert "weak_start" in keys(page())
    write_csv(data.path, [replace(record, split="train") for record in data.records if record.mask])
    at = page()
    assert not at.exception and "has no validation set" in texts(at) and "weak_start" not in keys(at)


def test_a_map_is_computed_shown_and_kept(run):
    at = page()
    assert not at.exception and not at.error
    assert "35 cells × 3 images: about" in texts(at) and "a rough guess" in texts(at)  # four steps tell no speed
    for name, value in (("rotation.angle_deg_n", 2), ("elastic.displacement_px_n", 2)):
        at.number_input(key=f"weak_{name}").set_value(value)
    at.run()
    assert "4 cells × 3 images" in texts(at)
    at.button(key="weak_start").click().run()
    grid = Grid(GRID.x, (0.0, 90.0), GRID.y, (0.0, 6.0))
    job = asked(run, grid)
    assert wait_until(lambda: not job.state().live) and job.state().name == "done", job.state()
    at = at.run()
    found = maps.read(job.result)
    assert not at.exception and not at.error and "weak_start" not in keys(at)
    expected = [[found.scores[(ix, iy)].pooled_iou for ix in range(2)] for iy in range(2)]
    assert the_map(at)["z"] == expected
    assert f"pooled IoU of {found.baseline.pooled_iou:.4f}" in texts(at) and "The worst images" in texts(at)
    galleries = [json.loads(e.proto.json) for e in at.get("bidi_component") if "gallery" in e.proto.component_name]
    (items,) = [g["items"] for g in galleries if g["items"] and "/seg/weak/" in g["items"][0]["thumb"]]
    weakest = min(grid.cells(), key=lambda c: found.scores[c].pooled_iou)
    assert [item["id"] for item in items] == found.worst[None if grid.is_neutral(weakest) else weakest]
    assert the_map(page_with(2))["z"] == expected, "kept for a later visit"


def page_with(n: int) -> AppTest:
    at = page()
    for name in ("rotation.angle_deg_n", "elastic.displacement_px_n"):
        at.number_input(key=f"weak_{name}").set_value(n)
    return at.run()


def test_use_this_range_writes_it_into_the_recipe_in_hand(run):
    left_behind(run, falling())
    at = page()
    at.selectbox(key="recipe_pick").select("exercise").run()  # turns by quarters only
    text = texts(at)
    assert "Weakest: rotation 45°" in text and "pooled IoU 0.600 where the unchanged images have 0.900" in text
    assert "from 45° on the pooled IoU falls below 0.880 (0.900 unchanged; 0.600 at 45°)" in text
    assert "Elastic displacement: the pooled IoU stays above 0.880" in text
    at.button(key="weak_use_rotation.angle_deg").click().run()
    in_hand = build(Recipe, at.session_state["recipe_values"])
    assert in_hand.rotation.angle_deg == (0, 90) and in_hand.rotation.probability == 0.3
    assert at.selectbox(key="recipe_pick").value == "exercise" and not at.button(key="recipe_save").disabled
    assert "weak_use_rotation.angle_deg" not in keys(at)
    at.number_input(key="weak_tolerance").set_value(0.4).run()
    assert "Nothing in this map costs more than 0.300" in texts(at)


def test_the_frame_follows_the_recipe_without_computing_again(run):
    job = left_behind(run, falling())
    at = page()
    before = (job.folder / "job.json").stat().st_mtime_ns

    def frame():
        (trace,) = [
            t for s in charts(at) for t in s["data"] if t.get("name") == "recipe in hand" and t.get("showlegend")
        ]
        return trace["x"], trace["y"]

    at.selectbox(key="recipe_pick").select("exercise").run()
    narrow = frame()
    at.selectbox(key="recipe_pick").select("strong").run()
    assert frame() != narrow and (job.folder / "job.json").stat().st_mtime_ns == before


def test_a_cancelled_map_shows_what_it_has_and_can_be_computed_again(run):
    some = dict(list(falling().items())[:6])
    left_behind(run, some, "cancelled")
    at = page()
    assert not at.exception and at.button(key="weak_start").label == "Compute it again"
    flat = [value for row in the_map(at)["z"] for value in row]
    assert sum(value is not None for value in flat) == 5


def test_a_map_in_the_making_is_shown_with_cancel(run):
    some = dict(list(falling().items())[:4])
    job = left_behind(run, some)
    record.update(job.folder, "running", name="job.json", **identity.mine().to_dict())
    with lock.hold(job.folder):
        at = page()
        assert not at.exception and "weak_start" not in keys(at)
        assert sum(value is not None for row in the_map(at)["z"] for value in row) == 3
        at.button(key="weak_job_cancel").click().run()
    assert (job.folder / "requests" / "cancel").exists()


def test_a_curve_and_a_value_that_is_not_allowed(run):
    at = page()
    at.selectbox(key="weak_y").select("none: a curve").run()
    assert "7 cells × 3 images" in texts(at) and not at.exception
    at.number_input(key="weak_rotation.angle_deg_low").set_value(95.0).run()
    assert not at.exception and "the first number must be below the second" in at.error[0].value


def test_a_click_shows_that_cells_images(run):
    job = left_behind(run, falling())
    at = page()
    assert "Rotation 45° · Elastic displacement 0 px" in texts(at) and "click another one" in texts(at)
    point = {"customdata": [6, 2]}
    at.session_state[f"weak_map_{job.id[:16]}"] = {
        "selection": {"points": [point], "point_indices": [], "box": [], "lasso": []}
    }
    at.run()
    assert not at.exception and "Rotation 90° · Elastic displacement 3 px" in texts(at)


def test_a_split_that_changed_since_the_training_is_said(home):
    data = open_dataset(make_data(home / "data"))
    made = finished_run(home)
    settings = json.loads((made.folder / "config.json").read_text(encoding="utf-8"))
    settings["data"]["path"] = str(data.path)  # the same pictures, where this test may change their split
    (made.folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    registry.add(data.path)
    assert "were not val" not in " ".join(w.value for w in page().warning)
    swapped = {"train": "val", "val": "train"}
    write_csv(data.path, [replace(r, split=swapped[r.split]) for r in data.records if r.mask])
    at = page()
    assert not at.exception and "3 of these 3 images, such as images/" in at.warning[0].value


def test_a_folder_that_moved_is_found_again(home):
    data = make_data(home / "data")
    made = launcher.create(tiny_config(data), "early", home / "checkpoints")
    (made.folder / "best.safetensors").touch()
    registry.add(data)
    data.rename(home / "elsewhere")
    assert "weak_start" not in keys(page())
    registry.found_again(data, home / "elsewhere")
    at = page()
    assert not at.exception and "35 cells × 3 images" in texts(at)


# ---- the pictures


def test_the_route_shows_what_the_network_saw_and_only_what_was_kept(run):
    grid = Grid("rotation.angle_deg", (0.0, 30.0))
    job = jobs.start(maps.KIND, maps.inputs(run, "best", maps.own_data(run), grid, 2))
    assert wait_until(lambda: not job.state().live)
    found, client = maps.read(job.result), Client(Starlette(routes=weak_images.ROUTES))
    row = found.worst[(1, 0)][0]
    replies = [client.get(f"/seg/weak/{job.id}/1_0/{row}?size=64&outline={on}") for on in (0, 1)]
    gray, colour = (cv2.imdecode(np.frombuffer(r.content, np.uint8), cv2.IMREAD_UNCHANGED) for r in replies)
    assert [r.status_code for r in replies] == [200, 200] and gray.shape == (48, 64) and colour.shape == (48, 64, 3)
    sample = Normalise("zscore")(maps.own_data(run).sample(found.images[row][0]))
    seen = apply(grid.draw((1, 0), found.images[row][0]), sample.image, sample.labels, sample.valid)
    inside = (
        seen.valid & (seen.image > np.percentile(sample.image, 0.1)) & (seen.image < np.percentile(sample.image, 99.9))
    )
    assert np.corrcoef(gray[inside], seen.image[inside])[0, 1] > 0.999
    assert gray[~seen.valid].mean() < 0.6 * gray[seen.valid].mean()
    kept = set(found.worst[(1, 0)])
    wrong = [
        f"{job.id}/1_0/{max(kept) + 5}",
        f"{job.id}/7_7/0",
        f"{job.id}/0_0/0",
        f"{'a' * 64}/1_0/0",
        f"{job.id}/..%2f/0",
    ]
    assert [client.get(f"/seg/weak/{address}").status_code for address in wrong] == [404] * 5
    assert client.get(f"/seg/weak/{job.id}/1_0/{row}?size=99999").status_code == 400


# ---- the figure


def figure_of(counts, grid=GRID, **recipes):
    plan = {"grid": grid.plain(), "images": [[0, "a"]], "n_val": 1, "threshold": 0.5, "border": "reflect"}
    lines = [maps.line(cell, [found], []) for cell, found in counts.items()]
    found = maps.as_map({**plan, "normalisation": "zscore"}, lines)
    return found, heat_map.figure(found, {name.replace("_", " "): recipe for name, recipe in recipes.items()})


def recipe(low, high, probability=0.5):
    return build(Recipe, {"rotation": {"probability": probability, "angle_deg": [low, high]}})


def frames(picture):
    return {
        t.name: (min(t.x), max(t.x)) for t in picture.data if t.type == "scatter" and t.mode == "lines" and t.showlegend
    }


def test_the_frame_goes_around_the_cells_a_recipe_reaches():
    for made, left, right in (
        (recipe(-10, 10), 0, 0),  # 15° is beyond it
        (recipe(0, 30), 0, 2),
        (recipe(20, 50), 0, 3),  # half of the samples are not turned: 0° is covered too
        (recipe(20, 50, 1.0), 2, 3),
        (recipe(-180, 180), 0, 6),
        (Recipe(), 0, 0),
    ):
        _, picture = figure_of(falling(), recipe_in_hand=made)
        assert frames(picture)["recipe in hand"] == pytest.approx((left - 0.45, right + 0.45))


def test_what_the_run_was_trained_with_is_drawn_only_where_it_differs():
    _, same = figure_of(falling(), recipe_in_hand=recipe(-10, 10), trained_with=recipe(-10, 10, 0.2))
    assert set(frames(same)) == {"recipe in hand"}
    _, other = figure_of(falling(), recipe_in_hand=recipe(-10, 10), trained_with=recipe(0, 90))
    assert frames(other)["trained with"] == pytest.approx((-0.53, 6.53))


def test_no_change_is_marked_and_the_hover_holds_the_loss():
    found, picture = figure_of({**falling(), (6, 4): Counts(0, 0, 0, 500)})
    cells = picture.data[0]
    assert cells.text[0][0] == "<b>◆ 0.900</b>" and cells.text[0][3] == "0.600" and cells.text[4][6] == "none"
    assert cells.zmax == 0.9 and cells.zmin <= 0.8
    assert "(unchanged)" in heat_map.told(found, (0, 0)) and "(−0.3000 against unchanged)" in heat_map.told(
        found, (3, 0)
    )
    empty = heat_map.told(found, (6, 4))
    assert "undefined" in empty and "1 with neither cell nor prediction" in empty and "50% of the pixels" in empty
    assert [list(c) for c in picture.data[-1].customdata] == [list(c) for c in GRID.cells()]


def test_a_curve_has_both_means_and_the_recipes_ends():
    grid = Grid("rotation.angle_deg", (0.0, 45.0, 90.0))
    counts = {
        None: Counts(9, 1, 0, 0),
        (0, 0): Counts(9, 1, 0, 0),
        (1, 0): Counts(5, 5, 0, 0),
        (2, 0): Counts(8, 2, 0, 0),
    }
    _, picture = figure_of(counts, grid, recipe_in_hand=recipe(-10, 10))
    lines = {t.name: list(t.y) for t in picture.data if t.type == "scatter" and t.mode == "lines+markers"}
    assert lines == {"pooled IoU": [0.9, 0.5, 0.8], "mean IoU": [0.9, 0.5, 0.8]}
    assert {shape.x0 for shape in picture.layout.shapes if shape.x0 == shape.x1} == {-10, 10}

"""A report of one tiny run: every output is there, it runs again, and nothing in it tells of this machine."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zipfile
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
from made_report import made_report
from PIL import Image
from tiny_run import finished_run

import seglib.report
from seglib.cli import main
from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.experiments.answers import Difference, FactorAnswer, Level
from seglib.experiments.statistics import Units
from seglib.metrics import count, pooled
from seglib.places import REPOSITORY
from seglib.report import answers, build, comments, curves, kernel, notebook, page, places, predictions
from seglib.report.kernel import Session
from seglib.report.mistakes import once_a_place
from seglib.report.shown import Plot
from seglib.report.study import Study
from seglib.runs import predicted, record
from seglib.runs.store import Run
from seglib.training.config import to_json


@pytest.fixture(scope="module")
def made():
    """(folder with checkpoints/, what was built) of one run."""
    return made_report()


def book_of(report):
    return nbformat.read(report.notebook, as_version=4)


def outputs_of(book):
    return [output for cell in book.cells for output in cell.get("outputs", [])]


def test_every_output_is_in_the_notebook(made):
    book = book_of(made[1])
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(code) > 15
    assert all(cell.outputs for cell in code)
    assert all(output.output_type != "error" for output in outputs_of(book))
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert book.metadata.kernelspec.name == "python3"


def test_parts_stand_in_order_each_with_a_place_for_a_comment(made):
    book = book_of(made[1])
    names = [comments.name_of(cell) for cell in book.cells]
    parts = ["runs", "data", "settings", "curves", "scores", "predictions", "mistakes", "closing"]
    assert [name for name in names if name in parts] == parts
    assert [name for name in names if name.startswith("comment-")] == [f"comment-{part}" for part in parts]
    assert all(cell.id == comments.name_of(cell) for cell in book.cells)


def test_cells_are_short(made):
    code = [cell for cell in book_of(made[1]).cells if cell.cell_type == "code"]
    assert all(len(cell.source.splitlines()) == 1 for cell in code[1:])


def test_it_runs_again_and_gives_the_same(made):
    """As somebody runs it who has the project: no variable tells it where the runs are."""
    folder, report = made
    book = book_of(report)
    before = [table(o) for o in outputs_of(book)]
    again = book_of(report)
    assert notebook.run(again, Session(report.notebook.parent)) == []
    private = places.private_folders([Run(folder / "checkpoints" / "tiny")], report.notebook.parent)
    cleaned = notebook.without_places(again, lambda text: places.without_places(text, private))
    assert [table(o) for o in outputs_of(cleaned)] == before
    assert sum(kind == "image/png" for kind, _ in before) >= 6


def table(output):
    """The kind of an output and its content: of a figure its very pixels."""
    data = output.get("data", {})
    kind = next(k for k in ("image/png", "text/html", "text/plain") if k in data)
    return kind, data[kind]


def test_the_persons_own_jupyter_and_ipython_are_left_alone(made):
    assert list((made[0] / "home").iterdir()) == []


def test_no_path_of_this_machine_is_in_it(made):
    folder, report = made
    private = [str(REPOSITORY), str(folder), str(Path.home()) + "/"]
    texts = {file.name: file.read_text(encoding="utf-8") for file in (report.notebook, report.html)}
    with zipfile.ZipFile(report.zip) as packed:
        texts |= {name: packed.read(name).decode("latin-1") for name in packed.namelist()}
    for name, text in texts.items():
        assert not [path for path in private if path in text], name


def test_the_page_needs_nothing_else(made):
    html = made[1].html.read_text(encoding="utf-8")
    assert "<script" not in html and "<link" not in html and "@import" not in html and "url(" not in html
    sources = re.findall(r'src="([^"]{0,40})', html)
    assert len(sources) >= 6 and all(s.startswith("data:image/png;base64,") for s in sources)
    assert all(href.startswith("#") for href in re.findall(r'href="([^"]*)"', html))
    assert "Tiny &lt;b&gt;yeast&lt;/b&gt;" in html and "<b>yeast</b>" not in html


def test_the_zip_is_ready_to_hand_in(made):
    with zipfile.ZipFile(made[1].zip) as packed:
        names = packed.namelist()
        figures = [name for name in names if name.startswith("figures/")]
        assert {"report.ipynb", "report.html", "your_models.py"} == set(names) - set(figures)
        assert [int(name[8:10]) for name in figures] == list(range(1, len(figures) + 1)) and len(figures) >= 6
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in packed.infolist())
        first = Image.open(BytesIO(packed.read(figures[0])))
    pictures = [o.data["image/png"] for o in outputs_of(book_of(made[1])) if "image/png" in o.get("data", {})]
    assert first.size == Image.open(BytesIO(base64.b64decode(pictures[0]))).size


def test_the_table_of_iou_says_what_the_run_says(made):
    folder, report = made
    cell = next(c for c in book_of(report).cells if c.id == "iou-per-run")
    row = re.findall(r"<td[^>]*>(.*?)</td>", cell.outputs[0].data["text/html"])
    events = [json.loads(line) for line in (folder / "checkpoints/tiny/events.jsonl").read_text().splitlines()]
    best = [e for e in events if e["kind"] == "validation" and e["best"]][-1]
    end = next(e for e in events if e["kind"] == "finished")
    assert row[0] == "tiny" and row[3] == f"{best['val']['pooled_iou']:.4f}" and row[4] == str(best["step"])
    assert row[5] == f"{best['val']['mean_iou']:.4f}" and row[7] == f"{end['train']['pooled_iou']:.4f}"


def test_runs_that_are_gone_are_named(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "none"))
    with pytest.raises(places.RunsNotFound, match=r"gone-1, gone-2; looked for in .*CHECKPOINTS in the first cell"):
        places.find_runs(["gone-1", "gone-2"])
    assert "gone-1" in places.RunsNotFound("gone-1")._render_traceback_()[0]


def test_a_path_that_tells_of_the_machine_is_not_written():
    assert (
        places.relative_root(Path("/data/anna/x/reports/a"), [Path("/data/anna/x/checkpoints")]) == "../../checkpoints"
    )
    assert places.relative_root(Path("/data/reports/a"), [Path("/srv/anna/checkpoints")]) == ""
    assert places.relative_root(Path.home() / "reports/a", [Path.home() / "work/checkpoints"]) == ""
    assert places.relative_root(Path("/a/b/c/d"), [Path("/a/b/c/e"), Path("/a/b/c/f")]) == ""


def test_bad_requests_are_refused_before_any_work(tmp_path, capsys):
    run = finished_run(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        build([run], tmp_path / "file")
    with pytest.raises(InputError, match="at least one run"):
        build([], tmp_path / "out")
    other = shutil.copytree(run.folder, tmp_path / "elsewhere" / "tiny")
    with pytest.raises(InputError, match="two runs are called tiny"):
        build([run, Run(other)], tmp_path / "out")
    (tmp_path / "theirs").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "theirs" / "report.ipynb")
    with pytest.raises(InputError, match="somebody else's"):
        build([run], tmp_path / "theirs")
    assert (
        main(["report", "tiny", "--checkpoints", str(tmp_path / "checkpoints"), "--out", str(tmp_path / "file")]) == 2
    )
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()


# -- whatever the runs are like: every cell's function, without a kernel

CELLS = [name for name in seglib.report.__all__ if name not in ("build", "Report", "open_study")]
OF_FACTORS = [name for name in CELLS if name.endswith("_factor")]


def shown(study) -> str:
    """All that the cells would show, as text."""
    found = []
    for name in CELLS:
        made = getattr(seglib.report, name)(*((study, "none", "loss.name") if name in OF_FACTORS else (study,)))
        parts = getattr(made, "parts", (made,))
        found += [
            f"{p.alt}\n{p.caption}" if isinstance(p, Plot) else p._repr_mimebundle_()["text/plain"] for p in parts
        ]
    return "\n".join(found)


def run_without_val(folder: Path) -> Run:
    """As one trained on a data set that has no val images: its validations score train alone."""
    run = finished_run(folder)
    shutil.rmtree(run.folder / "validation")
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    for event in events:
        if event["kind"] == "validation":
            event["val"] = None
    (run.folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    return run


def test_a_run_without_validation_says_so(tmp_path):
    text = shown(Study([run_without_val(tmp_path)]))
    assert "No validation: tiny" in text and "no run has a validation" in text and "There is one set-up" in text


def test_data_that_is_gone_is_said_and_the_rest_stays(tmp_path):
    run = finished_run(tmp_path)
    config = json.loads((run.folder / "config.json").read_text())
    config["data"]["path"] = str(tmp_path / "moved away")
    (run.folder / "config.json").write_text(json.dumps(config))
    text = shown(Study([run]))
    assert "The data set moved away is not where run tiny found it" in text
    assert str(tmp_path) not in text
    assert "Where the IoU of every set-up is lost" in text, "regions were stored with the run"


def test_a_failed_run_and_one_that_never_began_are_listed_with_the_reason(tmp_path):
    run = finished_run(tmp_path)
    failed, empty = (shutil.copytree(run.folder, run.folder.with_name(name)) for name in ("failed", "empty"))
    record.update(failed, "failed", "killed by SIGKILL")
    lines = [line for line in (failed / "events.jsonl").read_text().splitlines(True) if '"finished"' not in line]
    (failed / "events.jsonl").write_text("".join(lines) + '{"kind": "st')
    for entry in empty.iterdir():
        if entry.name not in ("config.json", "run.json"):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    record.update(empty, "failed", "out of memory")
    text = shown(Study([run, Run(failed), Run(empty)]))
    assert "failed: failed, killed by SIGKILL." in text and "empty: failed, out of memory." in text
    assert "not there: failed, empty" in text
    assert shown(Study([Run(empty)]))


def test_damaged_files_of_a_run_become_words(tmp_path):
    run = finished_run(tmp_path)
    for file in run.folder.glob("validation/*/*.parquet"):
        file.write_bytes(b"no parquet")
    for file in run.folder.glob("validation/*/*.png"):
        file.write_bytes(b"no picture")
    (run.folder / "environment.json").write_text("{")
    text = shown(Study([run]))
    assert "cannot be read" in text


def test_runs_of_two_data_sets_are_kept_apart(tmp_path):
    from conftest import make_disc_data
    from tiny_run import tiny_config

    run = finished_run(tmp_path)
    other = Run(shutil.copytree(run.folder, run.folder.with_name("other")))
    config = tiny_config(make_disc_data(tmp_path / "discs"))
    (other.folder / "config.json").write_text(to_json(config))
    (other.folder / "environment.json").write_text(json.dumps({"data": {"fingerprint": "another"}}))
    study = Study([run, other])
    assert [m.name for m in study.materials] == ["data", "discs"] and len(study.setups) == 2
    text = shown(study)
    assert "2 different sets of pictures" in text and "is not in the data set any more" in text


def test_seeds_are_one_setup_and_their_spread_is_shown(tmp_path):
    run = finished_run(tmp_path)
    other = Run(shutil.copytree(run.folder, run.folder.with_name("seed1")))
    config = json.loads((other.folder / "config.json").read_text())
    config["training"]["seed"] = 1
    (other.folder / "config.json").write_text(json.dumps(config))
    events = (other.folder / "events.jsonl").read_text()
    best = run.progress().best_iou
    (other.folder / "events.jsonl").write_text(events.replace(repr(best), repr(best / 2)))
    study = Study([run, other])
    assert [setup.seeds for setup in study.setups] == [[0, 1]] and study.differing == []
    row = seglib.report.iou_per_setup(study).rows[0]
    assert row[2] == f"{0.75 * best:.4f}\n{best / 2:.4f} to {best:.4f}"


def test_another_threshold_is_counted_anew(tmp_path):
    run = finished_run(tmp_path)
    table = seglib.report.iou_per_run(Study([run], threshold=0.3))
    assert table.columns[-1] == "Val best at 0.3"
    source = predicted.of_validation(run, "best")
    data = open_dataset(run.data_path())
    index = {r.image: i for i, r in enumerate(data.records)}
    counts = []
    for row, image in enumerate(source.scores().image):
        sample = data.sample(index[image])
        counts.append(count(source.q(row), sample.mask, sample.valid, 0.3))
    assert table.rows[0][-1] == f"{pooled(counts).iou:.4f}"


def test_names_from_outside_are_text(tmp_path):
    run = finished_run(tmp_path)
    run.rename("<script>alert(1)</script> $x$ *b*")
    for name in ("runs_in_short", "iou_per_run", "best_images"):
        made = getattr(seglib.report, name)(Study([run]))
        assert "<script" not in getattr(made, "_repr_mimebundle_", lambda: {"text/html": ""})()["text/html"]
    assert page.escape("<script>") in seglib.report.runs_in_short(Study([run]))._html()


def test_one_mistake_of_a_movie_is_told_once():
    rows = [
        *(("a0", "fp", 10, 10, 90.0), ("a1", "fp", 11, 10, 80.0), ("a1", "fn", 10, 10, 70.0)),
        *(("b0", "fp", 10, 10, 60.0), ("a0", "fp", 40, 40, 50.0), ("a2", "fp", 12, 11, 40.0)),
    ]
    table = pd.DataFrame(rows, columns=["image", "kind", "centre_row", "centre_col", "n_pixels"])
    kept = once_a_place(table, {"a0": "a", "a1": "a", "a2": "a", "b0": "b"})
    assert list(kept.index) == [0, 2, 3, 4] and list(kept.n_images) == [3, 1, 1, 1]
    assert list(once_a_place(table, {}, most=1).index) == [0]


def test_best_middle_and_worst_share_no_image():
    for n in range(20):
        ranked = list(range(n))
        chosen = [predictions.best_of(ranked), predictions.worst_of(ranked), predictions.middle_of(ranked)]
        together = [image for part in chosen for image in part]
        assert len(together) == len(set(together)) == min(n, 9)
        if n >= 9:
            assert chosen[0] == [n - 1, n - 2, n - 3] and chosen[1] == [0, 1, 2]
            assert abs(sum(chosen[2]) / 3 - (n - 1) / 2) <= 0.5


# -- the kernel


def code_cell(source: str, name: str = ""):
    cell = nbformat.v4.new_code_cell(source)
    return comments.mark(cell, name) if name else cell


def test_a_failing_cell_of_the_author_does_not_stop_the_report(tmp_path):
    cells = [code_cell("1 / 0"), code_cell("import sys; print('w', file=sys.stderr); __name__", "ours")]
    book = notebook.notebook(cells, {})
    told = []
    failed = notebook.run(book, Session(tmp_path), lambda fraction, text: told.append((fraction, text)))
    assert failed == ["a cell of your own failed: ZeroDivisionError: division by zero"]
    assert book.cells[0].outputs[0].ename == "ZeroDivisionError"
    assert [o.data["text/plain"] for o in book.cells[1].outputs] == ["'__main__'"], "no stderr of ours is kept"
    assert told == [(0.0, "cell 1 of 2"), (0.5, "cell 2 of 2"), (1.0, "2 cells")]


class NoKernel:
    """A session whose every cell ends with `error`."""

    def __init__(self, error: str = ""):
        self.error = error

    @contextmanager
    def started(self, book):
        yield lambda cell, index: self.error


def test_a_failing_cell_of_ours_is_one_line():
    book = notebook.notebook([code_cell("curves(study)", "curves")], {})
    with pytest.raises(InputError, match=r"the report's cell `curves\(study\)` failed: ValueError: no"):
        notebook.run(book, NoKernel("ValueError: no"))


def test_cancel_ends_it_between_two_cells():
    book, asked = notebook.notebook([code_cell("1", "a"), code_cell("2", "b")], {}), iter([False, True])
    told = []
    with pytest.raises(kernel.Stopped):
        notebook.run(book, NoKernel(), lambda fraction, text: told.append(text), lambda: next(asked))
    assert told == ["cell 1 of 2"]


# -- what an experiment says

SENTENCE = "dice is ahead of bce by 0.6 points, 95 % interval 0.1 to 1.0, within this one movie, 2 seeds <b>"


def test_an_answer_is_quoted_word_for_word(tmp_path, monkeypatch):
    def level(name, ious):
        points = tuple((seed, f"{name}-{seed}", iou) for seed, iou in enumerate(ious))
        return Level(
            name, tuple(p[1] for p in points), points, sum(ious) / 2, min(ious), max(ious), 0.9, None, 0.8, 3.0
        )

    levels = (level("bce", (0.90, 0.902)), level("dice", (0.906, 0.92)))
    units = Units("blocks", 7, 12, ())
    found = Difference("dice", "bce", 0.6, 0.1, 1.0, ((0, 0.6), (1, -0.2)), None, None, "this movie", "m", 2, units)
    answered = FactorAnswer("loss.name", "Loss", levels, (found,), (SENTENCE,), ("a note",))
    monkeypatch.setattr(answers, "_answers", lambda experiment: (answered,))
    study = Study([finished_run(tmp_path)], [SimpleNamespace(id="which")])
    said = answers.answer_to_factor(study, "which", "loss.name").parts
    assert said[0].lines == (SENTENCE,) and said[1].lines == ("a note",)
    assert "2 seeds &lt;b&gt;" in said[0]._repr_mimebundle_()["text/html"]
    table, differences = answers.table_of_factor(study, "which", "loss.name").parts
    assert [row[:5] + row[-1:] for row in table.rows] == [
        ("bce", "2", "0.9010", "0.9000", "0.9020", "no"),
        ("dice", "2", "0.9130", "0.9060", "0.9200", "✓"),
    ]
    assert differences.rows == (("dice − bce", "+0.60", "+0.10 to +1.00", "2", "+0.60, −0.20", "–", "this movie"),)
    assert isinstance(answers.plot_of_factor(study, "which", "loss.name"), Plot)
    assert "says nothing of model.norm" in answers.answer_to_factor(study, "which", "model.norm").lines[0]
    assert "not among those" in answers.plot_of_factor(study, "another", "loss.name").lines[0]


def test_folders_are_taken_out_of_paths_and_nothing_else():
    clean = places.without_places
    private = [Path("/home/ada"), Path("/home/ada/yeast"), Path("/")]
    assert clean("/home/ada/yeast/data/x.png: broken", private) == "data/x.png: broken"
    assert clean("in /home/ada.", private) == "in ."
    assert clean("/home/adam/x and /srv/home/ada2", private) == "/home/adam/x and /srv/home/ada2"
    assert clean("a / b", private) == "a / b"


def test_outputs_are_cleaned_and_the_authors_text_is_not():
    cell = code_cell("x = '/home/ada/y'")
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="/home/ada/y"),
        nbformat.v4.new_output("error", ename="E", evalue="/home/ada/y", traceback=["/home/ada/y"]),
        nbformat.v4.new_output("display_data", {"text/html": "<p>/home/ada/y</p>", "image/png": "/home/ada/"}),
    ]
    book = notebook.notebook([cell], {})
    found = notebook.without_places(book, lambda text: places.without_places(text, [Path("/home/ada")]))
    assert nbformat.writes(found).count("/home/ada/") == 2  # the source, and the bytes of the picture
    assert found.cells[0].source == cell.source and book.cells[0].outputs[0].text == "/home/ada/y"


def test_recipes_are_told_field_by_field(tmp_path):
    run = finished_run(tmp_path)
    alike = seglib.report.all_other_settings(Study([run]))
    assert "recipe.rotation.angle_deg" in [row[0] for row in alike.rows] and "-180 to 180 °" in str(alike)
    other = Run(shutil.copytree(run.folder, run.folder.with_name("turned")))
    config = json.loads((other.folder / "config.json").read_text())
    config["recipe"]["rotation"]["probability"] = 0.77
    (other.folder / "config.json").write_text(json.dumps(config))
    study = Study([run, other])
    assert study.differing == ["recipe"] and len(study.setups) == 2
    _, recipes = seglib.report.all_other_settings(study).parts
    assert next(row for row in recipes.rows if row[0] == "recipe.rotation.probability")[2] == "0.77"


def test_a_loss_that_falls_far_has_plain_numbers_on_its_axis(tmp_path, monkeypatch):
    """The style takes $ for $, so a formula of matplotlib's would stand there as it is written."""
    run = finished_run(tmp_path)
    lines = [{"kind": "step", "step": n, "loss": 2.0 * 0.8**n, "lr": 1e-3} for n in range(1, 30)]
    (run.folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    drawn = []
    monkeypatch.setattr(curves, "as_plot", lambda fig, *about: (fig.draw_without_rendering(), drawn.append(fig)))
    curves.curves_of_loss(Study([run]))
    (axis,) = drawn[0].axes
    labels = [label.get_text() for label in axis.get_yticklabels(which="both")]
    assert axis.get_yscale() == "log" and {"0.1", "1"} <= set(labels) and not any("$" in text for text in labels)


def test_the_scale_of_iou_is_that_of_the_later_steps():
    assert curves._range([[(10, 0.1), (100, 0.9), (200, 0.95)], [], [(50, 0.92)]]) == (0.9, 0.95)

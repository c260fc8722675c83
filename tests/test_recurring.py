"""The jobs `transforms` and `recurrence` on a real small run, and the question that both answer."""

import numpy as np
import pandas as pd
import pytest
from test_jobs import done_here, prepared
from tiny_run import finished_run

from seglib.errors.recurrence import recurrent
from seglib.exceptions import InputError
from seglib.runs import jobs, looks, predicted, recurring, validation, worker
from seglib.runs.recurring import Question
from seglib.runs.transforms import FLIPS, TRANSFORMS


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path))  # its jobs/ is where the tests put theirs
    return finished_run(tmp_path)


def test_the_eight_flips_and_turns_are_all_different_and_undone_exactly():
    picture = np.arange(5 * 7).reshape(5, 7)
    done = [transform.do(picture) for transform in FLIPS]
    assert len({(a.shape, a.tobytes()) for a in map(np.ascontiguousarray, done)}) == 8
    for transform, turned in zip(FLIPS, done):
        assert (transform.undo(turned) == picture).all()
        assert turned.shape == ((7, 5) if transform.quarters % 2 else (5, 7))
    assert FLIPS[0].name == looks.AS_IT_IS and (done[0] == picture).all()
    assert len({transform.name for transform in TRANSFORMS}) == len(TRANSFORMS) == 11


class Seen:
    """Stands for a predictor: it gives back the grey values it was shown, and remembers them."""

    normalisation = "zscore"

    def quantised(self, x):
        self.x = x
        return np.clip(127 + 40 * x, 0, 255).astype(np.uint8)


def test_a_prediction_under_a_transform_is_laid_back_over_the_picture():
    gray, plain = np.random.default_rng(0).random((20, 30)).astype(np.float32), Seen()
    as_it_is = TRANSFORMS[0].predict(plain, gray)
    for transform in FLIPS:
        seen = Seen()
        assert (transform.predict(seen, gray) == as_it_is).mean() > 0.999
        assert not np.array_equal(seen.x, plain.x) or transform.name == looks.AS_IT_IS  # it was another picture
    brighter, darker, blurred = (t.predict(Seen(), gray).astype(float) for t in TRANSFORMS[8:])
    assert 4 < (brighter - as_it_is).mean() < 8 and -8 < (darker - as_it_is).mean() < -4
    assert blurred.std() < 0.9 * as_it_is.std()


def test_transforms_of_a_run_as_looks(run, tmp_path):
    job = done_here("transforms", predicted.evaluate_inputs(run, "best", "val", run.data_path()), tmp_path)
    found = looks.of_transforms(job)
    assert len(found) == 11 and found[-1].name == looks.AS_IT_IS and {look.run_id for look in found} == {run.id}
    stored = validation.regions(run, "best")
    columns = ["image", "kind", "row", "col", "n_pixels", "rle"]
    pd.testing.assert_frame_equal(found[-1].regions[columns], stored[columns])  # as it is = what the training stored
    assert found[-1].counts.iou == predicted.counts(validation.scores(run, "best").sum().to_frame().T)[0].iou
    assert any(look.regions.rle.tolist() != stored.rle.tolist() for look in found[:-1])
    answer = recurring.follow(Question("transform", run, "best", made=job.id).looks())
    assert answer.names[-1] == looks.AS_IT_IS and (answer.table.n_looks == 11).all()
    assert answer.table.persistence.between(1 / 11 - 1e-9, 1).all()
    assert answer.table.won.notna().tolist() == answer.table.alive.tolist()


def test_transforms_can_be_cancelled(run, tmp_path):
    job = prepared("transforms", predicted.evaluate_inputs(run, "best", "val", run.data_path()), tmp_path)
    (job.folder / "requests").mkdir(exist_ok=True)
    (job.folder / "requests" / "cancel").touch()
    assert worker.run_job("transforms", job.folder).name == "cancelled"
    assert not (job.result / "regions.parquet").exists()


def test_the_job_finds_what_is_found_while_one_waits(run, tmp_path):
    question = Question("checkpoint", run, "last")
    assert question.n_regions() == sum(len(look.regions) for look in question.looks()) > 0
    job = done_here("recurrence", question.inputs(), tmp_path)
    there, here = recurring.read(job.result), recurring.follow(question.looks())
    assert (there.names, there.counts, there.n_images, there.left_out) == (
        here.names, here.counts, here.n_images, here.left_out
    )  # fmt: skip
    assert here.names == ["step 2", "step 4"] and here.left_out > 0
    plain = [c for c in here.table if not c.startswith(("course", "seen"))]
    pd.testing.assert_frame_equal(there.table[plain], here.table[plain], check_dtype=False)
    assert [list(c) for c in there.table.course_pixels] == [list(c) for c in here.table.course_pixels]
    assert Question.from_inputs(job.inputs) == question


def test_new_regions_are_a_new_question(run, tmp_path):
    question = Question("checkpoint", run, "last")
    first = jobs.find("recurrence", question.inputs(), tmp_path)
    file = question.tables()[0]
    pd.read_parquet(file).iloc[1:].to_parquet(file)
    assert jobs.find("recurrence", question.inputs(), tmp_path) != first


def test_a_place_fixed_wins_what_the_counts_say(run):
    """The largest mistakes of the tiny run, put right one at a time."""
    answer = recurring.follow(Question("checkpoint", run, "last").looks())
    alive = answer.table[answer.table.alive].nlargest(5, "n_pixels")
    c = answer.counts
    for row in alive.itertuples():
        n = row.course_pixels[-1]
        fixed = (c.tp + n) / (c.tp + c.fp + c.fn) if row.kind == "fn" else c.tp / (c.tp + c.fp - n + c.fn)
        assert row.won == pytest.approx(fixed - c.iou, abs=1e-15)


def test_one_look_alone_says_nothing(run):
    with pytest.raises(InputError, match="nothing can come back yet"):
        recurring.follow(Question("run", run, "best").looks())
    with pytest.raises(InputError, match="do the job again"):
        looks.of_transforms(jobs.Job(run.folder))
    with pytest.raises(InputError, match="do the job again"):
        recurring.read(run.folder)


def test_what_is_read_back_can_be_followed_by_hand(run):
    tables = [look.regions for look in looks.of_run(run, "last")]
    assert len(recurrent(tables)) >= len(recurrent([t[t.n_pixels >= recurring.MIN_PIXELS] for t in tables]))


def test_a_damaged_table_is_named(run):
    question = Question("checkpoint", run, "last")
    question.tables()[0].write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"regions\.parquet cannot be read"):
        question.n_regions()
    with pytest.raises(InputError, match=r"regions\.parquet cannot be read"):
        question.looks()

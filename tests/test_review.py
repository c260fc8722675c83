"""review.jsonl: the latest word on a place holds, nothing that was said is lost, whatever happens to the file."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from seglib.errors import review
from seglib.errors.review import Verdict
from seglib.exceptions import InputError


def word(**changes) -> Verdict:
    place = dict(image="images/a.png", kind="fp", row=10, col=20, height=8, width=8, n_pixels=40, rle="0 8")
    rest = dict(verdict="label_wrong", who="ada", when=review.now(), run="one", probability=0.9)
    return Verdict(**{**place, **rest, **changes})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_nothing_said_is_no_file(data):
    assert review.history(data) == review.standing(data) == review.cluster_names(data) == []
    assert not list(data.iterdir())


def test_what_is_appended_is_read_again(data):
    said = [word(why='dust "on" the lens, müde\n2 lines'), word(row=100, probability=None, verdict="ignore")]
    for verdict in said:
        assert review.append(data, verdict) == data / "review.jsonl"
    assert review.history(data) == review.standing(data) == said
    assert len((data / "review.jsonl").read_text().splitlines()) == 2
    assert sorted(p.name for p in data.iterdir()) == ["review.jsonl"]  # no lock and no temporary beside the data


@pytest.mark.parametrize(
    "moved, one_place",
    [
        (dict(), True),
        (dict(row=12), True),  # 6·8 of 2·64 − 48: IoU 0.6
        (dict(row=13), False),  # 5·8 of 2·64 − 40: IoU 0.45
        (dict(kind="fn"), False),
        (dict(image="images/b.png"), False),
    ],
)
def test_the_latest_word_on_a_place_holds(data, moved, one_place):
    first, second = word(), word(verdict="unsure", **moved)
    review.append(data, first)
    review.append(data, second)
    assert review.standing(data) == ([second] if one_place else [first, second])
    assert review.history(data) == [first, second]


def test_boxes_that_overlap_by_exactly_half_are_one_place():
    assert review.same_place(word(height=4, width=4), word(height=8, width=4))  # 16 of 32
    assert not review.same_place(word(height=4, width=4), word(height=9, width=4))


def test_a_word_is_taken_back_by_one_more_line(data):
    kept, gone = word(row=50), word()
    for verdict in (kept, gone, review.taken_back(gone, "bob")):
        review.append(data, verdict)
    assert review.standing(data) == [kept]
    assert [v.verdict for v in review.history(data)] == ["label_wrong", "label_wrong", None]
    assert review.history(data)[-1].who == "bob"


def test_the_word_on_a_region_of_another_run(data):
    near, nearer = word(row=8, verdict="ignore"), word(row=30)
    known = review.Known([near, nearer])
    assert known.of(word(row=9, run="two")) == near
    assert known.of(word(row=29)) == nearer
    assert known.of(word(row=20)) is None


def test_names_of_clusters_stand_in_the_same_file(data):
    members = ({"image": "images/a.png", "row": 1, "col": 2, "height": 3, "width": 4},)
    name = review.ClusterName("dust", "fp", "ada", review.now(), members)
    review.append_name(data, name)
    review.append(data, word())
    [read] = review.cluster_names(data)
    assert (read.name, list(read.members)) == ("dust", list(members))
    assert len(review.history(data)) == 1


@pytest.mark.parametrize("at", [1, 40, -2])
def test_a_line_cut_off_at_the_end_is_said_and_nothing_else_is_lost(data, at):
    first = word()
    file = review.append(data, first)
    torn = json.dumps({"image": "images/b.png", "kind": "fp"}).encode() * 3
    file.write_bytes(file.read_bytes() + torn[:at])
    assert review.history(data) == [first]
    assert "line 2 was cut off" in review.read(data).notes[0]
    second = word(row=90)
    review.append(data, second)  # the torn line stays, and does not swallow the next
    review.append(data, word(row=200))
    assert review.history(data)[:2] == [first, second] and len(review.history(data)) == 3
    assert torn[:at] in file.read_bytes() and len(review.read(data).notes) == 1


def test_a_last_line_that_only_lacks_its_end_counts(data):
    file = review.append(data, word())
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    review.append(data, word(row=90))
    assert len(review.history(data)) == 2 and not review.read(data).notes


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"half": ', "no JSON object"),
        ("[1, 2]", "no JSON object"),
        (json.dumps({**vars(word()), "verdict": "label_wrnog"}), "did you mean|label_wrong"),
        (json.dumps({**vars(word()), "kind": "tp"}), "allowed: fp, fn"),
        (json.dumps({**vars(word()), "row": "ten"}), "row is 'ten'"),
        (json.dumps({**vars(word()), "height": 0}), "height is '0'"),
        (json.dumps({"image": "a"}), "is missing"),
    ],
)
def test_a_damaged_line_is_one_message_with_its_number(data, line, said):
    file = review.append(data, word())
    file.write_text(file.read_text() + line + "\n" + json.dumps(vars(word(row=90))) + "\n", encoding="utf-8")
    before = file.read_bytes()
    for ask in (review.history, review.standing, review.cluster_names):
        with pytest.raises(InputError, match=f"line 2: .*({said})"):
            ask(data)
    assert len(review.read(data).verdicts) == 2 and len(review.read(data).damage) == 1
    review.append(data, word(row=200))
    assert file.read_bytes().startswith(before)  # never repaired in silence


def test_a_word_that_could_not_be_read_again_is_refused(data):
    for wrong in (dict(verdict="maybe"), dict(kind="x"), dict(row=-1), dict(probability=float("nan"))):
        with pytest.raises(InputError):
            review.append(data, word(**wrong))
    assert not (data / "review.jsonl").exists()


def test_a_read_only_folder_is_kept_in_the_cache_and_read_with_its_own(data, monkeypatch):
    own = word(when="2026-01-01T00:00:00.000+00:00")
    review.append(data, own)
    monkeypatch.setattr(review, "_can_write", lambda file: False)
    assert review.in_cache(data)
    later = replace(own, verdict="unsure", when="2026-01-02T00:00:00.000+00:00")
    file = review.append(data, later)
    assert data not in file.parents and review.standing(data) == [later]
    monkeypatch.undo()


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from seglib.errors import review
data, name = Path(sys.argv[1]), sys.argv[2]
one = review.history(data)[0]
for number in range(1, 51):
    review.append(data, replace(one, row=100 * number, image=name))
"""


def test_two_writers_lose_nothing(data):
    review.append(data, word())
    # processes of their own, not forks: a lock must hold between programs
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(data), f"{name}.png"]) for name in "ab"]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    assert len(review.history(data)) == len(review.standing(data)) == 101


def test_the_stamp_changes_with_every_word(data):
    stamps = {review.stamp(data)}
    for row in (0, 100):
        review.append(data, word(row=row))
        stamps.add(review.stamp(data))
    assert len(stamps) == 3

"""Editing a split: folds and proposals by group, other groupings, what is refused, and what lands on disk."""

from __future__ import annotations

import csv
import os
import time

import pytest
from conftest import make_disc_data
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.data import draft, folds, grouping, substitute
from seglib.data.dataset import open_dataset
from seglib.data.records import Record, read_csv
from seglib.exceptions import InputError

SIZES = st.dictionaries(st.text("abcxyz019_", min_size=1, max_size=6), st.integers(1, 60), min_size=2, max_size=40)


def record(image: str, group: str, split: str = "train", masked: bool = True, **more) -> Record:
    return Record(f"images/{image}.png", f"masks/{image}.png" if masked else None, group, split, **more)


THREE = (
    record("a_t1", "a"),
    record("a_t2", "a"),
    record("b_t7", "b", "val"),
    record("c_t1", "c", ""),
    record("c_t3", "c", "", masked=False),
)


@given(sizes=SIZES, data=st.data(), seed=st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_every_group_is_in_one_fold_and_the_folds_are_balanced(sizes, data, seed):
    k = data.draw(st.integers(2, len(sizes)))
    dealt = folds.deal(sizes, k, seed)
    assert dealt == folds.deal(sizes, k, seed)
    assert set(dealt) == set(sizes) and set(dealt.values()) == set(range(k))
    loads = [sum(sizes[group] for group, fold in dealt.items() if fold == number) for number in range(k)]
    assert max(loads) - min(loads) <= max(sizes.values())


def test_fewer_groups_than_folds_are_refused_in_one_line():
    with pytest.raises(InputError, match="3 folds need at least 3 groups with masks, there are 2"):
        folds.deal({"a": 5, "b": 5, "empty": 0}, 3)
    with pytest.raises(InputError, match="2 to 100"):
        folds.deal({"a": 5, "b": 5}, 1)


@given(sizes=SIZES, share=st.floats(0.05, 0.9), seed=st.integers(0, 1000))
@settings(max_examples=200, deadline=None)
def test_a_proposal_is_whole_groups_near_the_share_and_never_all(sizes, share, seed):
    val = folds.propose_val(sizes, share, seed)
    assert val == folds.propose_val(sizes, share, seed)
    assert 1 <= len(val) < len(sizes)
    taken, wanted = sum(sizes[group] for group in val), share * sum(sizes.values())
    assert abs(taken - wanted) <= max(sizes.values())  # one more or fewer group would not be nearer on average


def test_another_seed_proposes_another_movie():
    proposals = {frozenset(folds.propose_val(dict.fromkeys("abcde", 20), 0.2, seed)) for seed in range(20)}
    assert len(proposals) == 5 and all(len(val) == 1 for val in proposals)
    with pytest.raises(InputError, match="only one"):
        folds.propose_val({"a": 5}, 0.2)


def test_groups_tell_side_frames_and_folds():
    a, b, c = draft.groups(THREE)
    assert (a.name, a.indices, a.n_labelled, a.n_used, a.side, a.frames) == ("a", (0, 1), 2, 2, "train", (1, 2))
    assert b.side == "val" and (c.side, c.n_labelled, c.n_used, c.frames) == ("", 1, 0, (1, 3))
    both = draft.with_groups(THREE, ["one"] * 5)
    assert [group.side for group in draft.groups(both)] == [draft.BOTH]
    dealt = draft.with_folds(THREE, {"a": 1, "b": 0})
    assert [r.fold for r in dealt] == [1, 1, 0, None, None]
    assert [group.folds for group in draft.groups(dealt)] == [(1,), (0,), ()]


def test_a_side_is_given_to_whole_groups_and_not_to_a_row_without_mask():
    moved = draft.with_sides(THREE, {"a": "val", "c": "train"})
    assert [r.split for r in moved] == ["val", "val", "val", "train", ""]
    assert draft.changes(THREE, moved) == (3, {"split": 3})
    assert draft.changes(THREE, draft.with_groups(THREE, ["z", None, None, None, None])) == (1, {"group": 1})
    assert draft.changes(THREE[:4], THREE) == (1, {}) and draft.changes(THREE, THREE) == (0, {})
    with pytest.raises(InputError, match="'test'"):
        draft.with_sides(THREE, {"a": "test"})


def severities(records) -> list[str]:
    return [concern.severity for concern in draft.concerns(records)]


def texts(records) -> str:
    return " ".join(concern.text for concern in draft.concerns(records))


def test_concerns():
    assert "Val is one group" in texts(THREE) and severities(THREE) == ["note"]
    assert "On both sides: a" in texts(draft.with_groups(THREE, ["a", "a", "a", None, None]))
    assert "Train is empty" in texts(draft.with_sides(THREE, {"a": ""}))
    assert "Val is empty" in texts(draft.with_sides(THREE, {"b": ""}))
    one = draft.with_sides(draft.with_groups(THREE, ["a"] * 5), {"a": "train"})
    assert "one group, a" in texts(one) and "Val is empty" in texts(one)
    many = [record(f"m{i}_1", f"m{i}", "val" if i == 0 else "train") for i in range(40)]
    assert "Val holds 1 of 40" in texts(many)
    assert "little to learn from" in texts(draft.with_sides(many, {f"m{i}": "val" for i in range(30)}))
    folded = draft.with_folds(THREE, {"a": 0, "b": 1})
    assert "1 pictures with a mask are in no fold" in texts(folded)
    torn = draft.with_groups(folded, ["b", None, None, None, None])
    assert "In more than one fold: b" in texts(torn)


def test_groupings():
    images = ["images/colony2_t040.png", "images/colony2_t041.png", "images/d7/scan-frame12.tif"]
    assert grouping.by_name(images) == ["colony2", "colony2", "scan"]
    assert grouping.by_file(images) == ["colony2_t040", "colony2_t041", "scan-frame12"]
    assert grouping.by_pattern(images, r"colony\d|scan") == ["colony2", "colony2", "scan"]
    assert grouping.by_pattern(images, r"(colony)(\d)") == ["colony_2", "colony_2", None]


@pytest.mark.parametrize(
    "pattern, words", [("(", "no regular expression"), ("", "0 characters"), ("x*", "empty text"), ("a" * 201, "201")]
)
def test_bad_patterns_are_one_line(pattern, words):
    with pytest.raises(InputError, match=words):
        grouping.by_pattern(["images/b.png"], pattern)


def test_a_pattern_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(grouping, "PATIENCE_S", 1.0)
    start = time.monotonic()
    with pytest.raises(InputError, match="takes longer than 1 s"):
        grouping.by_pattern(["images/" + "a" * 60 + "!.png"], r"(a+)+$")
    assert time.monotonic() - start < 10


# ---- on disk


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def with_note(folder):
    """The csv of a folder with a column that is not ours."""
    rows = list(csv.reader((folder / "dataset.csv").read_text(encoding="utf-8").splitlines()))
    lines = [",".join([*row, "stain" if number == 0 else f"dye {number}"]) for number, row in enumerate(rows)]
    (folder / "dataset.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_written_with_a_backup_and_the_columns_that_are_not_ours(cached, discs):
    with_note(discs)
    before = (discs / "dataset.csv").read_bytes()
    records = read_csv(discs / "dataset.csv")
    saved = substitute.save_split(discs, draft.with_sides(records, {"g0": "val"}))
    assert saved.file == discs / "dataset.csv" and not saved.in_cache and saved.backup.read_bytes() == before
    assert open_dataset(discs).counts()["val"] == 3
    assert [r.extra["stain"] for r in read_csv(saved.file)] == [f"dye {n}" for n in range(1, 7)]
    assert substitute.backups(discs) == [saved.backup] and not cached.exists()


def test_a_group_on_both_sides_changes_nothing(cached, discs):
    before = (discs / "dataset.csv").read_bytes()
    torn = draft.with_groups(open_dataset(discs).records, ["g"] * 6)
    with pytest.raises(InputError, match="both sides"):
        substitute.save_split(discs, torn)
    assert (discs / "dataset.csv").read_bytes() == before and substitute.backups(discs) == []


def test_a_read_only_folder_gets_its_split_from_the_cache(cached, discs, monkeypatch):
    monkeypatch.setattr(substitute, "writable", lambda folder: False)
    before = (discs / "dataset.csv").read_bytes()
    saved = substitute.save_split(discs, draft.with_sides(open_dataset(discs).records, {"g0": "val"}))
    assert saved.in_cache and saved.file.is_relative_to(cached.resolve()) and saved.backup is None
    assert (discs / "dataset.csv").read_bytes() == before and sorted(p.name for p in discs.iterdir()) == [
        "dataset.csv", "images", "masks"]  # fmt: skip
    data = open_dataset(discs)
    assert data.counts()["val"] == 3 and "read-only" in data.notes[0] and data.sample(0).mask.any()
    again = substitute.save_split(discs, draft.with_sides(data.records, {"g1": "val"}))
    assert again.backup.parent == saved.file.parent and open_dataset(discs).counts()["val"] == 4


def test_the_substitute_stops_to_count_when_the_folders_own_file_changes(cached, discs, monkeypatch):
    monkeypatch.setattr(substitute, "writable", lambda folder: False)
    substitute.save_split(discs, draft.with_sides(open_dataset(discs).records, {"g0": "val"}))
    with (discs / "dataset.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    data = open_dataset(discs)
    assert data.counts()["val"] == 2 and "no longer counts" in data.notes[0]


def test_the_substitute_retires_when_the_folder_can_be_written(cached, discs, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(substitute, "writable", lambda folder: False)
        kept = substitute.save_split(discs, draft.with_sides(open_dataset(discs).records, {"g0": "val"})).file
    saved = substitute.save_split(discs, open_dataset(discs).records)
    assert not saved.in_cache and not kept.exists() and open_dataset(discs).counts()["val"] == 3
    assert len(substitute.backups(discs)) == 2 and open_dataset(discs).notes == []


def test_a_folder_without_csv_gets_one_from_the_cache(cached, tmp_path, monkeypatch):
    folder = make_disc_data(tmp_path / "movie")
    (folder / "dataset.csv").unlink()
    monkeypatch.setattr(substitute, "writable", lambda folder: False)
    substitute.save_split(folder, draft.with_sides(open_dataset(folder, grouping="file").records, {"d0": "val"}))
    assert open_dataset(folder).has_csv and open_dataset(folder).counts()["val"] >= 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_not_writable(tmp_path):
    tmp_path.chmod(0o500)
    try:
        assert not substitute.writable(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_can_be_written_is(tmp_path):
    assert substitute.writable(tmp_path) and list(tmp_path.iterdir()) == []
    assert not substitute.writable(tmp_path / "not there")

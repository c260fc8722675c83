"""A version of a data set: the original untouched, everything listed, everything taken back again."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from conftest import make_disc_data, real_data
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from test_data_changes import change

from seglib.data import lineage, version_writer
from seglib.data.dataset import open_dataset
from seglib.data.readers import read_mask
from seglib.data.version import (
    Stopped,
    make_version,
    read_version,
    usable,
    verify,
    weights_after,
    without,
)
from seglib.exceptions import InputError


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def somewhere(labels, value, rng=None):
    """Pixels of a 5 × 5 window with that background or cell: around the first (or a drawn) such pixel."""
    rows, cols = np.nonzero((labels > 0) == value)
    number = 0 if rng is None else int(rng.integers(len(rows)))
    region = np.zeros(labels.shape, bool)
    region[max(0, rows[number] - 2) : rows[number] + 3, max(0, cols[number] - 2) : cols[number] + 3] = True
    return region & ((labels > 0) == value)


def one_of_each(data):
    """A fill and an erase in the first image, an ignored area in the second, hard negatives in the third."""
    first, second, third = (data.records[i].image for i in range(3))
    labels = data.sample(0).labels
    return [
        change("fill", somewhere(labels, False), first),
        change("erase", somewhere(labels, True), first),
        change("ignore", somewhere(data.sample(1).labels, False), second),
        change("weight", somewhere(data.sample(2).labels, False), third, weight=1.0),
    ]


def test_what_is_listed_changes_and_the_original_does_not(discs, tmp_path):
    (discs / "LICENSE.txt").write_text("CC0")
    before, data = digests(discs), open_dataset(discs)
    made = make_version(data, tmp_path / "v2", one_of_each(data))
    assert digests(discs) == before
    new = open_dataset(tmp_path / "v2")
    fill, erase = (done.effect for done in made.done[:2])
    old, corrected = data.sample(0), new.sample(0)
    assert (corrected.mask != old.mask).sum() == fill.changed_px + erase.changed_px > 0
    assert new.sample(1).valid.sum() == old.valid.size - made.done[2].effect.changed_px
    assert [record.weight for record in new.records] == [1, 1, 2, 1, 1, 1]
    assert verify(tmp_path / "v2", discs).problems == () and (tmp_path / "v2" / "LICENSE.txt").read_text() == "CC0"
    told = json.loads((tmp_path / "v2" / "changes.json").read_text())
    assert told["source"] == {"name": "discs", "path": str(discs), "fingerprint": data.fingerprint()}
    assert [c["after"] != c["before"] for c in told["changes"]] == [True] * 4
    assert read_version(tmp_path / "v2") == replace(made, folder=tmp_path / "v2")


def test_images_are_links_and_masks_are_not(discs, tmp_path):
    data = open_dataset(discs)
    made = make_version(data, tmp_path / "v2", one_of_each(data))
    assert (made.n_linked, made.n_copied) == (6, 0)
    for record in data.records:
        assert (tmp_path / "v2" / record.image).samefile(discs / record.image)
        assert not (tmp_path / "v2" / record.mask).samefile(discs / record.mask)
    before = digests(discs)
    for record in open_dataset(tmp_path / "v2").records:  # somebody draws in the new masks
        (tmp_path / "v2" / record.mask).write_bytes(b"scribble")
    assert digests(discs) == before


def test_without_links_images_are_copied(discs, tmp_path, monkeypatch):
    def no_links(*args):
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", no_links)
    made = make_version(open_dataset(discs), tmp_path / "v2", [])
    assert (made.n_linked, made.n_copied) == (0, 6) and verify(tmp_path / "v2", discs).problems == ()


def test_all_taken_back_is_the_original_and_one_taken_back_is_the_rest(discs, tmp_path):
    data = open_dataset(discs)
    changes = one_of_each(data)
    make_version(data, tmp_path / "v2", changes)
    of_v2 = digests(tmp_path / "v2")
    without(tmp_path / "v2", [c.id for c in changes], tmp_path / "v3")
    back = open_dataset(tmp_path / "v3")
    assert back.records == data.records and back.fingerprint() == data.fingerprint()
    for record in data.records:
        assert (tmp_path / "v3" / record.mask).read_bytes() == (discs / record.mask).read_bytes()
    without(tmp_path / "v2", [changes[0].id], tmp_path / "v4")
    make_version(data, tmp_path / "direct", changes[1:])
    assert open_dataset(tmp_path / "v4").fingerprint() == open_dataset(tmp_path / "direct").fingerprint()
    assert verify(tmp_path / "v3", discs).problems == verify(tmp_path / "v4", discs).problems == ()
    assert digests(tmp_path / "v2") == of_v2
    with pytest.raises(InputError, match="no change 'nonsense'"):
        without(tmp_path / "v2", ["nonsense"], tmp_path / "v5")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from(["fill", "erase", "ignore"]), min_size=1, max_size=6),
    st.booleans(),
)
def test_applying_and_taking_all_back_gives_the_same_pixels(tmp_path_factory, seed, actions, binary):
    folder = tmp_path_factory.mktemp("property")
    data = open_dataset(make_disc_data(folder / "a", 2, 1))
    for record in data.records if binary else ():
        file = data.path / record.mask
        cv2.imwrite(str(file), (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) > 0).astype(np.uint8) * 255)
    rng = np.random.default_rng(seed)
    made = {}
    for action in actions:
        index = int(rng.integers(3))
        labels = data.sample(index).labels
        new = change(action, somewhere(labels, action == "erase", rng), data.records[index].image)
        made[new.id] = new
    before = digests(folder / "a")
    try:
        make_version(data, folder / "b", list(made.values()))
    except InputError as error:
        assert "Leave some of its changes out" in str(error) and not (folder / "b").exists()
        reject()  # mostly specks: the reader would refuse such a mask
    assert verify(folder / "b", folder / "a").problems == ()
    without(folder / "b", list(made), folder / "c")
    for record in data.records:
        assert (read_mask(folder / "c" / record.mask)[0] == read_mask(folder / "a" / record.mask)[0]).all()
    assert open_dataset(folder / "c").records == data.records and digests(folder / "a") == before
    shutil.rmtree(folder)


def test_a_version_of_a_version_knows_both(discs, tmp_path):
    data = open_dataset(discs)
    fill, erase, ignore, weight = one_of_each(data)
    make_version(data, tmp_path / "v2", [fill, ignore])
    make_version(open_dataset(tmp_path / "v2"), tmp_path / "v3", [erase, weight])
    told = json.loads((tmp_path / "v3" / "changes.json").read_text())
    assert told["source"]["name"] == "v2"
    assert [[c["id"] for c in e["changes"]] for e in told["earlier"]] == [[fill.id, ignore.id]]
    assert verify(tmp_path / "v3", tmp_path / "v2").problems == ()
    assert not open_dataset(tmp_path / "v3").sample(1).valid.all()
    without(tmp_path / "v3", [weight.id], tmp_path / "v4")
    told = json.loads((tmp_path / "v4" / "changes.json").read_text())
    assert len(told["earlier"]) == 1 and told["taken_back"] == [weight.id]
    assert open_dataset(tmp_path / "v4").notes[0].startswith("a version of v2: 1 place erased")


# ---- what a data set may look like


def test_every_old_column_and_text_stays(discs, tmp_path):
    rows = (discs / "dataset.csv").read_text().splitlines()
    extra = ["fold,stain,weight,ignore", '0,"a, b",1,', "0,,0.5,ig/all.png", "1,x,,ig/all.png", "1,,0,", ",,,", ",,,"]
    lines = [f"{row},{more}" for row, more in zip(rows, extra)]
    (discs / "dataset.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    (discs / "ig").mkdir()
    dust = np.zeros((48, 48), np.uint8)
    dust[40:, 40:] = 7
    cv2.imwrite(str(discs / "ig" / "all.png"), dust)
    data = open_dataset(discs)
    changes = [
        change("ignore", np.eye(48, dtype=bool) & (np.arange(48) < 9), "images/d1.png"),
        change("weight", np.ones((48, 48), bool), "images/d1.png", weight=1.0),
        change("weight", np.ones((48, 48), bool), "images/d3.png", weight=1.0),
    ]
    make_version(data, tmp_path / "v2", changes)
    old, new = (open_dataset(folder) for folder in (discs, tmp_path / "v2"))
    header, *_ = (tmp_path / "v2" / "dataset.csv").read_text().splitlines()
    assert header == "image,mask,group,split,fold,stain,weight,ignore"
    assert [r.extra for r in new.records] == [r.extra for r in old.records]
    assert [r.weight for r in new.records] == [1, 1.0, 1, 0, 1, 1]  # 0.5 doubled; 0 stays 0
    assert new.records[1].ignore == "ignore/d1.png" and new.records[2].ignore == "ig/all.png"
    assert not new.sample(1).valid[40:, 40:].any() and not new.sample(1).valid[:3, :3].any()
    assert (new.sample(2).valid == old.sample(2).valid).all()
    assert verify(tmp_path / "v2", discs).problems == ()


def test_a_folder_without_csv_stays_one_unless_it_needs_a_column(discs, tmp_path):
    (discs / "dataset.csv").unlink()
    data = open_dataset(discs, grouping="file")
    fill, _, ignore, _ = one_of_each(data)
    make_version(data, tmp_path / "v2", [fill])
    assert not (tmp_path / "v2" / "dataset.csv").exists()
    again = open_dataset(tmp_path / "v2", grouping="file")
    assert again.records == data.records and again.notes == [
        "a version of discs: 1 place filled in; changes.json lists every change"
    ]
    make_version(data, tmp_path / "v3", [fill, ignore])
    new = open_dataset(tmp_path / "v3")
    assert [(r.image, r.group, r.split) for r in new.records] == [(r.image, r.group, r.split) for r in data.records]
    assert verify(tmp_path / "v2", discs).problems == verify(tmp_path / "v3", discs).problems == ()
    without(tmp_path / "v3", [ignore.id, fill.id], tmp_path / "v4")
    assert not (tmp_path / "v4" / "dataset.csv").exists()


def test_blocks_of_one_movie_stay_marked_as_not_independent(tmp_path):
    folder = make_disc_data(tmp_path / "movie", 10, 0)
    (folder / "dataset.csv").unlink()
    data = open_dataset(folder, split="blocks")
    assert not data.independent and data.counts()["val"] == 2
    make_version(data, tmp_path / "v2", [one_of_each(data)[2]])
    new = open_dataset(tmp_path / "v2")
    assert not new.independent and new.counts() == data.counts() and "not independent" in new.notes[0]


def test_a_read_only_data_set_with_16_bit_tiffs(discs, tmp_path):
    data = open_dataset(discs)
    for record in data.records:
        sample = data.sample(data.records.index(record))
        tifffile.imwrite(discs / record.mask.replace(".png", ".tif"), sample.labels.astype(np.uint16) * 500)
        (discs / record.mask).unlink()
        tifffile.imwrite(discs / record.image.replace(".png", ".tif"), sample.image.astype(np.uint16) * 200)
        (discs / record.image).unlink()
    csv = (discs / "dataset.csv").read_text().replace(".png", ".tif")
    (discs / "dataset.csv").write_text(csv)
    for place in [discs, *discs.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
    data, before = open_dataset(discs), digests(discs)
    modes = {str(p): p.stat().st_mode for p in discs.rglob("*")}
    make_version(data, tmp_path / "v2", one_of_each(data))
    assert digests(discs) == before and {str(p): p.stat().st_mode for p in discs.rglob("*")} == modes
    mask = tmp_path / "v2" / data.records[0].mask
    assert tifffile.imread(mask).dtype == np.uint16 and os.access(mask, os.W_OK)
    assert set(np.unique(tifffile.imread(mask))) - {0} >= {500, 1000}
    assert verify(tmp_path / "v2", discs).problems == ()


def test_real_data_with_numbers_of_cells(tmp_path):
    folder = real_data("baby")
    data = open_dataset(folder)
    changes = one_of_each(data)
    make_version(data, tmp_path / "v2", changes)
    assert verify(tmp_path / "v2", folder).problems == ()
    without(tmp_path / "v2", [c.id for c in changes], tmp_path / "v3")
    assert open_dataset(tmp_path / "v3").fingerprint() == data.fingerprint()


# ---- refusals


def test_an_existing_folder_is_refused_and_left_alone(discs, tmp_path):
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "thesis.txt").write_text("mine")
    for out in (tmp_path / "v2", discs, discs / "v2", discs / "images" / "v2"):
        with pytest.raises(InputError):
            make_version(open_dataset(discs), out, [])
    assert (tmp_path / "v2" / "thesis.txt").read_text() == "mine" and not (discs / "v2").exists()


def test_no_room_is_said_before_anything_is_written(discs, tmp_path, monkeypatch):
    monkeypatch.setattr(version_writer, "ROOM_BYTES", 2**60)
    with pytest.raises(InputError, match="Nothing was written"):
        make_version(open_dataset(discs), tmp_path / "v2", [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["discs"]


@pytest.mark.parametrize("calls", [1, 5, 9, 13])
def test_cancelled_leaves_nothing(discs, tmp_path, calls):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) >= calls

    before = digests(discs)
    with pytest.raises(Stopped):
        make_version(open_dataset(discs), tmp_path / "v2", [], should_stop=should_stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["discs"] and digests(discs) == before


def test_changes_of_images_that_are_not_there_and_two_of_one_name(discs, tmp_path):
    data = open_dataset(discs)
    fill = one_of_each(data)[0]
    with pytest.raises(InputError, match="not in the data set"):
        make_version(data, tmp_path / "v2", [replace(fill, image="images/other.png")])
    with pytest.raises(InputError, match="twice"):
        make_version(data, tmp_path / "v2", [fill, fill])
    assert not (tmp_path / "v2").exists()


def test_hard_negatives_of_val_are_listed_and_not_used(discs, tmp_path):
    data = open_dataset(discs)
    val = change("weight", np.ones((48, 48), bool), "images/d5.png", weight=1.0)
    train = change("weight", np.ones((48, 48), bool), "images/d0.png", weight=1.0)
    wanted, left_out = usable(data, [val, train])
    assert wanted == [train] and left_out[0][0] == val and "a val image is never trained on" in left_out[0][1]
    assert weights_after(data, [val, train]) == {"images/d0.png": (1, 2)}
    made = make_version(data, tmp_path / "v2", [val, train])
    assert made.left_out == left_out and read_version(tmp_path / "v2").left_out == left_out
    new = open_dataset(tmp_path / "v2")
    assert [r.split for r in new.records] == [r.split for r in data.records]
    assert new.records[5].weight == 1 and new.records[0].weight == 2


# ---- the proof can fail


@pytest.mark.parametrize("where", ["image", "mask", "changed mask", "ignore", "csv", "weight"])
def test_the_proof_sees_what_is_not_listed(discs, tmp_path, where):
    data = open_dataset(discs)
    make_version(data, tmp_path / "v2", one_of_each(data))
    v2 = tmp_path / "v2"
    files = {
        "image": "images/d3.png",
        "mask": "masks/d4.png",
        "changed mask": "masks/d0.png",
        "ignore": "ignore/d1.png",
    }
    if where in files:
        file = v2 / files[where]
        pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        pixels[20, 20] = 255 if pixels[20, 20] == 0 else 0
        file.unlink()  # an image is a link
        cv2.imwrite(str(file), pixels)
    else:
        text = (v2 / "dataset.csv").read_text()
        text = text.replace(",g4,val", ",g4,") if where == "csv" else text.replace(",2\n", ",3\n")
        (v2 / "dataset.csv").write_text(text)
    (problem,) = verify(v2, discs).problems
    expected = {"image": "bytes", "mask": "mask", "changed mask": "mask", "ignore": "ignore", "csv": "split"}
    assert expected.get(where, "weight") in problem


def test_damaged_lists_of_changes(discs, tmp_path):
    data = open_dataset(discs)
    make_version(data, tmp_path / "v2", one_of_each(data))
    file = tmp_path / "v2" / lineage.FILE_NAME
    for text in ("{", "[]", '{"format": 99}', '{"format": 1, "source": {}, "changes": [{"id": 1}]}'):
        file.write_text(text)
        assert open_dataset(tmp_path / "v2").notes  # opens, and says something
        with pytest.raises(InputError):
            read_version(tmp_path / "v2")
    with pytest.raises(InputError, match="no version"):
        read_version(discs)

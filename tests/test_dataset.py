"""Data sets: contracts.md, rule by rule, on folders made by hand."""

import os

import numpy as np
import pytest
from PIL import Image

from seglib.data.dataset import ChoiceNeeded, Record, open_dataset, save_records, write_csv
from seglib.data.splits import group_of
from seglib.exceptions import InputError


def picture(file, value=0, shape=(8, 9), seed=None):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(shape, value, np.uint8)
    if seed is not None:
        pixels = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
    Image.fromarray(pixels).save(file)


def folder_of(path, stems, unlabelled=()):
    for seed, stem in enumerate([*stems, *unlabelled]):
        picture(path / f"images/{stem}.png", seed=seed)
        if stem in stems:
            picture(path / f"masks/{stem}.png", 255)
    return path


def csv_of(path, *lines, header="image,mask,group,split"):
    folder_of(path, ["a1", "a2", "b1", "b2"])
    (path / "dataset.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


A1, A2, B1 = (
    f"images/{s}.png,masks/{s}.png,{s[0]},{side}" for s, side in (("a1", "train"), ("a2", "train"), ("b1", "val"))
)


def refused(path, *words, **options):
    with pytest.raises(InputError) as caught:
        open_dataset(path, **options)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_csv_to_the_letter(tmp_path):
    csv_of(tmp_path, A1 + ",,,0.5,x", B1 + ",images/a2.png,3,,", "images/b2.png,,,,,,,y",
           header="image,mask,group,split,ignore,fold,weight,stain")  # fmt: skip
    dataset = open_dataset(tmp_path)
    assert dataset.has_csv and dataset.counts() == {"train": 1, "val": 1, "unused": 0, "unlabelled": 1}
    first, second, third = dataset.records
    assert first == Record("images/a1.png", "masks/a1.png", "a", "train", None, None, 0.5, {"stain": "x"})
    assert (second.ignore, second.fold, second.weight) == ("images/a2.png", 3, 1.0)
    assert third.mask is None and third.extra == {"stain": "y"} and dataset.unlabelled() == [2]
    assert open_dataset(tmp_path / "dataset.csv").records == dataset.records


def test_sample_applies_ignore_and_gives_zeros_without_mask(tmp_path):
    csv_of(tmp_path, A1 + ",ignore.png", "images/b2.png,,,,", header="image,mask,group,split,ignore")
    pixels = np.zeros((8, 9), np.uint8)
    pixels[2, 3] = 1
    Image.fromarray(pixels).save(tmp_path / "ignore.png")
    sample = open_dataset(tmp_path).sample(0)
    assert sample.name == "images/a1.png" and sample.group == "a" and sample.mask.all()
    np.testing.assert_array_equal(sample.valid, pixels == 0)
    plain = open_dataset(tmp_path).sample(1)
    assert not plain.labels.any() and plain.valid.all()


@pytest.mark.parametrize(
    "lines, words",
    [
        ([A1, "images/a2.png,masks/a2.png,a,val"], ["group a", "both sides"]),
        ([A1, A1], ["two images of one stem", "images/a1.png"]),
        (["images/a1.png,masks/a1.png,a,test"], ["line 2", "'test'", "train, val"]),
        ([",masks/a1.png,a,train"], ["line 2", "mask without an image"]),
        (["images/a1.png,masks/a1.png,,train"], ["no group"]),
        (["images/zz.png,,,"], ["images/zz.png", "no such image"]),
        (["images/a1.png,masks/zz.png,a,train"], ["masks/zz.png", "no such mask"]),
        (["nowhere/a1.png,,,"], ["nowhere"]),
        (["../x.png,,,"], ["../x.png", "inside the folder"]),
        (["images/../../x.png,,,"], ["inside the folder"]),
        (["/etc/passwd,,,"], ["inside the folder"]),
        (["C:/x.png,,,"], ["inside the folder"]),
        ([r"images\a1.png,,,"], ["with /"]),
        ([A1, "images/a2.png,masks/a1.png,a,train"], ["mask of two images"]),
        (["images/a1.png,masks/a1.png,a"], ["line 2", "number of fields"]),
        ([], ["lists no picture"]),
    ],
)
def test_bad_csv(tmp_path, lines, words):
    refused(csv_of(tmp_path, *lines), *words)


def test_bad_header_and_columns(tmp_path):
    refused(csv_of(tmp_path, A1, header="image,mask,grp,split"), "column group is missing", "Did you mean grp")
    refused(csv_of(tmp_path, A1.replace(",", ";"), header="image;mask;group;split"), "semicolons")
    for column, value in (("fold", "-1"), ("fold", "x"), ("weight", "-2"), ("weight", "nan")):
        refused(csv_of(tmp_path, f"{A1},{value}", header=f"image,mask,group,split,{column}"), column, value)
    (tmp_path / "dataset.csv").write_bytes("image,mask,group,split\né".encode("latin-1"))
    refused(tmp_path, "UTF-8")
    refused(tmp_path / "none", "no such folder")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_that_leave_the_folder(tmp_path):
    data = csv_of(tmp_path / "data", "images/link.png,,,")
    picture(tmp_path / "outside/secret.png")
    (data / "images/link.png").symlink_to(tmp_path / "outside/secret.png")
    refused(data, "link.png", "leaves the folder")
    (data / "dataset.csv").write_text("image,mask,group,split\nelsewhere/secret.png,,,\n")
    (data / "elsewhere").symlink_to(tmp_path / "outside")
    refused(data, "elsewhere", "leaves the folder")
    (data / "images/link.png").unlink()
    (data / "images/link.png").symlink_to(data / "images/a1.png")
    (data / "dataset.csv").write_text("image,mask,group,split\nimages/link.png,,,\n")
    assert open_dataset(data).sample(0).image.shape == (8, 9)
    (tmp_path / "way").symlink_to(data)
    assert len(open_dataset(tmp_path / "way").records) == 1


def test_folds_override_the_split(tmp_path):
    lines = [A1 + ",0", A2 + ",0", B1 + ",1", "images/b2.png,masks/b2.png,c,train,"]
    csv_of(tmp_path, *lines, header="image,mask,group,split,fold")
    dataset = open_dataset(tmp_path, fold=0)
    assert dataset.indices("val") == [0, 1] and dataset.indices("train") == [2] and dataset.indices("") == [3]
    assert "1 labelled pictures without a fold" in dataset.notes[0]
    refused(tmp_path, "data.fold is 7", "0, 1", fold=7)
    refused(tmp_path, "data.grouping=name", "dataset.csv decides", grouping="name")


def test_names_group_and_sort_naturally(tmp_path):
    folder_of(tmp_path, [f"m{movie}_t{frame}" for movie in range(5) for frame in range(11)], ["m9_t0"])
    dataset = open_dataset(tmp_path)
    assert [r.image for r in dataset.records[8:12]] == [
        f"images/{s}.png" for s in ("m0_t8", "m0_t9", "m0_t10", "m1_t0")
    ]
    assert {record.group for record in dataset.records} == {"m0", "m1", "m2", "m3", "m4", "m9"}
    assert dataset.counts() == {"train": 44, "val": 11, "unused": 0, "unlabelled": 1}
    assert len({dataset.records[i].group for i in dataset.indices("val")}) == 1
    assert open_dataset(tmp_path).records == dataset.records


@pytest.mark.parametrize(
    "stem, group",
    [("colony2_t040", "colony2"), ("scan-frame12", "scan"), ("field01", "field"), ("001", "movie"), ("one", "one")],
)
def test_group_of_a_name(stem, group):
    assert group_of(f"images/{stem}.png", "name") == group
    assert group_of(f"images/{stem}.png", "file") == stem


def test_one_group_is_never_guessed(tmp_path):
    folder_of(tmp_path, [f"t{frame:03d}" for frame in range(20)])
    with pytest.raises(ChoiceNeeded, match=r"data.grouping=name.*data.grouping=file.*data.split=blocks"):
        open_dataset(tmp_path)
    named = open_dataset(tmp_path, grouping="name")
    assert named.counts()["val"] == 0 and named.notes == ["no validation set"]
    assert open_dataset(tmp_path, grouping="file").counts() == {"train": 16, "val": 4, "unused": 0, "unlabelled": 0}
    refused(tmp_path, "data.split=blocks", split="blocks", grouping="file")


def test_blocks_leave_a_gap_and_say_so(tmp_path):
    dataset = open_dataset(folder_of(tmp_path, [f"t{frame}" for frame in range(20)]), split="blocks")
    assert dataset.indices("train") == list(range(15))
    assert dataset.indices("") == [15] and dataset.indices("val") == [16, 17, 18, 19]
    assert not dataset.independent and dataset.notes == ["frames of one movie, not independent"]


def test_folders_that_do_not_pair(tmp_path):
    refused(tmp_path, "no pictures found")
    picture(tmp_path / "loose.png")
    refused(tmp_path, "move them into images/")
    folder_of(tmp_path, ["a1", "b1"])
    picture(tmp_path / "masks/c1.png")
    refused(tmp_path, "mask without an image", "c1.png")
    (tmp_path / "masks/c1.png").unlink()
    picture(tmp_path / "images/a1.jpg")
    refused(tmp_path, "two images of one stem", "a1.jpg")
    (tmp_path / "images/a1.jpg").unlink()
    (tmp_path / "images/notes.txt").write_text("x")
    assert "notes.txt" in open_dataset(tmp_path).notes[0]


def test_pair_of_two_sizes_and_wrong_split(tmp_path):
    folder_of(tmp_path, ["a1", "b1"])
    picture(tmp_path / "masks/a1.png", shape=(9, 8))
    with pytest.raises(InputError, match=r"a1.png: 8 × 9 pixels but masks/a1.png has 9 × 8"):
        open_dataset(tmp_path).sample(0)
    with pytest.raises(InputError, match="split is 'test'"):
        open_dataset(tmp_path).indices("test")


def test_fingerprint_is_of_pixels_and_split(tmp_path):
    csv_of(tmp_path, A1, B1)
    before = open_dataset(tmp_path).fingerprint()
    (tmp_path / "images/a1.png").rename(tmp_path / "images/c1.png")
    csv_text = f"image,mask,group,split\n{A1.replace('images/a1', 'images/c1')}\n{B1}\n"
    (tmp_path / "dataset.csv").write_text(csv_text)
    assert open_dataset(tmp_path).fingerprint() == before
    (tmp_path / "dataset.csv").write_text(csv_text.replace("train", "val"))
    assert open_dataset(tmp_path).fingerprint() != before
    (tmp_path / "dataset.csv").write_text(csv_text)
    pixels = np.asarray(Image.open(tmp_path / "images/c1.png")).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(tmp_path / "images/c1.png")
    assert open_dataset(tmp_path).fingerprint() != before


def test_save_keeps_the_original(tmp_path):
    csv_of(tmp_path, A1 + ",x", B1 + ",", header="image,mask,group,split,stain")
    original = (tmp_path / "dataset.csv").read_bytes()
    first, second = open_dataset(tmp_path).records
    changed = [first, Record(second.image, second.mask, second.group, "", fold=2, weight=0.25, extra=second.extra)]
    backups = [save_records(tmp_path, changed), save_records(tmp_path, changed)]
    assert backups[0].read_bytes() == original and backups[0] != backups[1]
    assert all(backup.name.startswith("dataset.csv.bak-") for backup in backups)
    assert list(open_dataset(tmp_path).records) == changed
    with pytest.raises(InputError, match="group a"):
        save_records(tmp_path, [first, Record("images/a2.png", "masks/a2.png", "a", "val")])
    assert list(open_dataset(tmp_path).records) == changed


def test_opening_reads_no_pixels(tmp_path):
    """Files that are no pictures open as a data set: 2,000 of them, listed and not decoded."""
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for i in range(1000):
            (tmp_path / kind / f"m{i % 7}_t{i}.png").touch()
    dataset = open_dataset(tmp_path)
    assert len(dataset.records) == 1000
    write_csv(tmp_path, dataset.records)
    assert open_dataset(tmp_path).records == dataset.records

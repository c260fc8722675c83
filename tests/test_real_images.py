"""Real images through the command line: 8-bit grey, wide fields in colour, and 16 bits without a val set."""

import json
import shutil

import cv2
import numpy as np
import pytest
from conftest import real_data

from seglib.cli import main
from seglib.data.dataset import open_dataset
from seglib.data.records import write_csv

SETTINGS = ["model.depth=2", "model.channels=2", "training.steps=3", "data.crop_px=128", "training.batch_size=2"]


def a_few(name, folder):
    """Two train images and, where there are any, one val image of a real data set, copied to `folder`."""
    whole = open_dataset(real_data(name))
    records = [whole.records[i] for i in whole.indices("train")[:2] + whole.indices("val")[:1]]
    for path in (path for record in records for path in (record.image, record.mask, record.ignore) if path):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(whole.path / path, folder / path)
    write_csv(folder, records)
    return [folder / record.image for record in records]


@pytest.mark.parametrize(("name", "split"), [("colony", "val"), ("brightfield", "val"), ("phylocell", "train")])
def test_trains_evaluates_and_predicts(name, split, tmp_path, capsys):
    images = a_few(name, tmp_path / name)
    root = ["--checkpoints", str(tmp_path / "ck")]
    assert main(["train", "--data", str(tmp_path / name), "--run", "r", *root, "--set", *SETTINGS]) == 0
    assert ("no validation set" in capsys.readouterr().err) == (split == "train")
    assert main(["evaluate", "r", *root, "--json", "--split", split]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["n_images"] == len(images) - 2 * (split == "val")
    sizes = {row["tp"] + row["fp"] + row["fn"] + row["tn"] for row in result["images"]}
    assert main(["predict", "r", str(images[-1]), *root, "--out", str(tmp_path / "out")]) == 0
    mask = cv2.imread(str(tmp_path / "out" / f"{images[-1].stem}.png"), cv2.IMREAD_UNCHANGED)
    assert mask.size in sizes
    assert set(np.unique(mask)) <= {0, 255}

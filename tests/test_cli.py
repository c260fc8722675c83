"""The command line from data to masks, in this process; every mistake one line and exit code 2."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import REPOSITORY, make_disc_data

from seglib.cli import main

SETTINGS = ["model.depth=1", "model.channels=4", "training.steps=6", "training.validate_every=3", "data.crop_px=32"]
SETTINGS += ["training.device=cpu", "training.batch_size=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(data folder, checkpoints folder) with one finished run `tiny`."""
    folder = tmp_path_factory.mktemp("cli")
    data = make_disc_data(folder / "discs")
    assert (
        main(["train", "--data", str(data), "--run", "tiny", "--checkpoints", str(folder / "ck"), "--set", *SETTINGS])
        == 0
    )
    return data, folder / "ck"


def answer(capsys, *arguments) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_package_is_light_and_has_no_torch():
    code = "import seglib, sys; assert not {'torch', 'cv2', 'numpy', 'streamlit'} & set(sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_evaluate_counts_agree_with_the_masks_and_with_the_validation_of_the_run(trained, capsys):
    import pandas as pd

    data, root = trained
    code, out, _ = answer(capsys, "evaluate", "tiny", "--checkpoints", root, "--json")
    result = json.loads(out)
    assert code == 0
    assert (result["split"], result["n_images"], result["threshold"]) == ("val", 2, 0.5)
    total = {key: sum(row[key] for row in result["images"]) for key in ("tp", "fp", "fn", "tn")}
    assert sum(total.values()) == 2 * 48 * 48
    truth = sum((cv2.imread(str(data / "masks" / f"d{n}.png"), 0) > 0).sum() for n in (4, 5))
    assert total["tp"] + total["fn"] == truth
    union = total["tp"] + total["fp"] + total["fn"]
    assert result["pooled_iou"] == pytest.approx(total["tp"] / union)
    events = [json.loads(line) for line in (root / "tiny" / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    best = [event for event in events if event["kind"] == "validation" and event["best"]][-1]
    assert result["pooled_iou"] == best["val"]["pooled_iou"]
    table = pd.read_parquet(root / "tiny" / "validation" / f"{best['step']:06d}" / "images.parquet")
    assert table.tp.tolist() == [row["tp"] for row in result["images"]]


def test_errors_add_up_to_the_iou_lost(trained, capsys):
    _, root = trained
    iou = json.loads(answer(capsys, "evaluate", "tiny", "--checkpoints", root, "--json")[1])["pooled_iou"]
    code, out, _ = answer(capsys, "errors", "tiny", "--checkpoints", root, "--json")
    report = json.loads(out)["runs"][0]
    assert code == 0
    assert {"run", "checkpoint", "threshold", "budget", "regions", "recurrent", "clusters"} <= report.keys()
    wrong = sum(report["budget"]["classes"].values())
    assert wrong / report["budget"]["union"] == pytest.approx(1 - iou)
    assert sum(region["n_pixels"] for region in report["regions"]) == wrong
    code, out, _ = answer(capsys, "errors", "tiny", "--checkpoints", root)
    assert code == 0
    assert "= 1 - pooled IoU" in out


def test_predict_writes_masks_and_never_overwrites(trained, capsys, tmp_path):
    data, root = trained
    image = data / "images" / "d5.png"
    command = ["predict", "tiny", image, "--checkpoints", root, "--out", tmp_path / "out", "--probabilities"]
    assert answer(capsys, *command)[0] == 0
    mask = cv2.imread(str(tmp_path / "out" / "d5.png"), cv2.IMREAD_UNCHANGED)
    q = cv2.imread(str(tmp_path / "out" / "d5_probability.png"), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(mask)) <= {0, 255}
    np.testing.assert_array_equal(mask == 255, q >= 127.5)
    stored = cv2.imread(str(root / "tiny" / "validation" / "best" / "1.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(q, stored)
    code, _, err = answer(capsys, *command)
    assert code == 2
    assert "d5.png exists" in err
    assert answer(capsys, *command, "--overwrite", "--threshold", "0.9")[0] == 0


def test_resume_goes_on_and_refuses_other_settings(trained, capsys):
    _, root = trained
    resume = ["train", "--run", "tiny", "--checkpoints", root, "--resume"]
    code, _, err = answer(capsys, *resume, "--set", "model.depth=2")
    assert code == 2
    assert "model.depth" in err
    code, out, _ = answer(capsys, *resume, "--set", "training.steps=8")
    assert code == 0
    assert out.strip() == str(root / "tiny")
    last = json.loads((root / "tiny" / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert (last["kind"], last["step"]) == ("finished", 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--data", "DATA", "--run", "tiny"], "exists"),
        (["train", "--data", "DATA", "--run", "../x"], "run name"),
        (["train", "--data", "DATA/nowhere", "--run", "new"], "nowhere"),
        (["train", "--run", "new"], "--data"),
        (["train", "--data", "DATA", "--run", "new", "--set", "model.dpeth=4"], "Did you mean depth"),
        (["train", "--data", "DATA", "--run", "new", "--set", "model.depth"], "KEY=VALUE"),
        (["train", "--data", "DATA", "--run", "new", "--set", "model.name=UNett"], "UNet"),
        (["train", "--data", "DATA", "--run", "new", "--recipe", "stong"], "strong"),
        (["train", "--data", "DATA", "--run", "none", "--resume"], "--resume"),
        (["train", "--run", "none", "--resume"], "none"),
        (["evaluate", "tinny"], "tiny"),
        (["evaluate", "tiny", "--threshold", "1.5"], "threshold"),
        (["evaluate", "tiny", "--checkpoint", "best", "--data", "DATA/nowhere"], "nowhere"),
        (["predict", "tiny", "DATA/images/gone.png", "--out", "DATA/out"], "gone.png"),
        (["predict", "tiny", "DATA/images/d1.png", "DATA/masks/d1.png", "--out", "DATA/out"], "two images"),
        (["predict", "tiny", "DATA/images/d1.png", "--out", "DATA/images", "--overwrite"], "one of the images"),
        (["predict", "tiny", "DATA/images/d1.png", "--out", "DATA/dataset.csv"], "dataset.csv"),
        (["train", "--run", "tiny", "--resume", "--minutes", "5"], "training.steps"),
        (["train", "--run", "tiny", "--resume", "--set", "training.steps=many"], "whole number"),
        (["demo", "DATA/new", "--seed", "-1"], "seed"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(trained, capsys, arguments, words):
    data, root = trained
    arguments = [argument.replace("DATA", str(data)) for argument in arguments]
    if arguments[0] in ("train", "evaluate", "predict"):
        arguments += ["--checkpoints", str(root)]
    code, out, err = answer(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert not (root / "new").exists()


def test_without_a_val_split(capsys, tmp_path):
    data = make_disc_data(tmp_path / "discs", n_train=3, n_val=0)
    command = ["train", "--data", data, "--run", "r", "--checkpoints", tmp_path / "ck", "--set", *SETTINGS]
    code, _, err = answer(capsys, *command)
    assert code == 0
    assert "no validation set" in err
    code, _, err = answer(capsys, "evaluate", "r", "--checkpoints", tmp_path / "ck")
    assert code == 2
    assert "--split train" in err
    assert answer(capsys, "evaluate", "r", "--checkpoints", tmp_path / "ck", "--split", "train")[0] == 0


def test_data_at_another_place_is_split_as_the_run_split_it(capsys, tmp_path):
    """Frames of one movie, without a csv: only the run knows that they were cut into blocks."""
    data = make_disc_data(tmp_path / "discs", n_train=6, n_val=0)
    (data / "dataset.csv").unlink()
    for kind in ("images", "masks"):
        for file in (data / kind).iterdir():
            file.rename(file.with_name(f"movie_t{file.stem[1:]}.png"))
    command = ["train", "--data", data, "--run", "r", "--checkpoints", tmp_path / "ck"]
    code, _, err = answer(capsys, *command, "--set", "data.split=blocks", *SETTINGS)
    assert code == 0
    assert "frames of one movie, not independent" in err
    code, before, err = answer(capsys, "evaluate", "r", "--checkpoints", tmp_path / "ck", "--json")
    assert code == 0
    assert "frames of one movie, not independent" in err
    data.rename(tmp_path / "elsewhere")
    assert answer(capsys, "evaluate", "r", "--checkpoints", tmp_path / "ck")[0] == 2
    moved = ["evaluate", "r", "--checkpoints", tmp_path / "ck", "--json", "--data", tmp_path / "elsewhere"]
    code, after, _ = answer(capsys, *moved)
    assert code == 0
    assert after == before


def test_demo_and_check(capsys, tmp_path):
    code, out, _ = answer(capsys, "demo", tmp_path / "demo", "--images", 4)
    assert code == 0
    assert out.strip() == str(tmp_path / "demo")
    code, out, _ = answer(capsys, "check", tmp_path / "demo", "--json")
    assert code == 0
    assert json.loads(out)["n_images"] == 4
    assert answer(capsys, "check", tmp_path / "demo", "--strict")[0] == 0
    next((tmp_path / "demo" / "images").iterdir()).write_bytes(b"no picture")
    code, out, _ = answer(capsys, "check", tmp_path / "demo", "--json")
    assert code == 0  # it could look
    assert "unreadable_image" in {f["code"] for f in json.loads(out)["findings"] if f["severity"] == "error"}
    assert answer(capsys, "check", tmp_path / "demo", "--strict")[0] == 2
    assert answer(capsys, "check", tmp_path / "gone", "--json")[0] == 2


def test_weakness_of_unchanged_images_is_what_evaluate_says(trained, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    _, root = trained
    scored = json.loads(answer(capsys, "evaluate", "tiny", "--checkpoints", root, "--json")[1])
    asked = ["weakness", "tiny", "--checkpoints", root, "--x", "rotation.angle_deg", "--x-values", "0", "45"]
    code, out, err = answer(capsys, *asked, "--json")
    result = json.loads(out)
    assert code == 0, err
    assert (result["run"], result["n_images"], result["n_val"], result["y"]) == ("tiny", 2, 2, None)
    first, second = result["cells"]
    assert (first["rotation.angle_deg"], second["rotation.angle_deg"]) == (0.0, 45.0)
    for key in ("pooled_iou", "mean_iou", "n_undefined"):
        assert first[key] == result["unaugmented"][key] == scored[key]
    assert sum(second[key] for key in ("tp", "fp", "fn", "tn")) < 2 * 48 * 48 * 0.9  # corners show nothing
    assert result["advice"][0]["path"] == "rotation.angle_deg" and result["advice"][0]["text"]
    code, out, _ = answer(capsys, *asked)  # from the cache
    assert code == 0 and f"unchanged {scored['pooled_iou']:.4f}" in out and f"{second['pooled_iou']:.4f}" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--x", "rotation.angle"], "Did you mean rotation.angle_deg"),
        (["--x", "flip.probability"], "cannot be mapped"),
        (["--x", "blur.sigma_px", "--x-values", "0", "99"], "from 0 px to 10 px"),
        (["--x", "blur.sigma_px", "--y-values", "0", "1"], "--y-values needs --y"),
        (["--x", "blur.sigma_px", "--images", "0"], "at least one is needed"),
        (["--x", "blur.sigma_px", "--data", "nowhere"], "name it with --data"),
    ],
)
def test_weakness_refuses_in_one_line(trained, capsys, arguments, said):
    code, out, err = answer(capsys, "weakness", "tiny", "--checkpoints", trained[1], *arguments)
    assert code == 2 and out == "" and said in err and len(err.strip().splitlines()) == 1


def test_check_takes_the_choices_of_the_config_and_names_pairs(capsys, tmp_path):
    data = make_disc_data(tmp_path / "movie")
    (data / "dataset.csv").unlink()
    with (data / "images/d5.png").open("rb") as file:
        (data / "images/d9.png").write_bytes(file.read())
    code, out, _ = answer(capsys, "check", data, "--json")
    assert code == 0 and "one_group" in {finding["code"] for finding in json.loads(out)["findings"]}
    code, out, _ = answer(capsys, "check", data, "--grouping", "file", "--json")
    report = json.loads(out)
    assert code == 0 and "one_group" not in {finding["code"] for finding in report["findings"]}
    assert len(report["nearest"]) == 1 and set(report["nearest"][0]) == {"image", "train", "distance"}
    assert all(finding["pairs"] == [] or len(finding["pairs"][0]) == 3 for finding in report["findings"])
    assert "not_independent" in answer(capsys, "check", data, "--split", "blocks")[1]
    code, out, _ = answer(capsys, "check", data, "--fold", "1", "--strict")
    assert code == 2 and "data.fold=1 needs a dataset.csv" in out

"""`python -m seglib import`: streams, exit codes, and that what it makes trains and checks like any folder of ours."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import REPOSITORY, real_data
from foreign import check_movie, hdf5, nnunet, plain_zarr, tracking, truth
from guarded import outcomes

from seglib.cli import main
from seglib.data.dataset import open_dataset


def answer(capsys, *arguments):
    capsys.readouterr()
    code = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_says_what_it_decided(capsys, tmp_path):
    file = hdf5(tmp_path / "a.h5", truth())
    code, out, err = answer(capsys, "import", file, tmp_path / "out", "--axes", "TYX")
    assert (code, err) == (0, "")
    told = ("HDF5 file", "raw  5 × 40 × 56  uint16", "images are 'raw'", "masks are 'label'", "axes TYX",
            "5 pictures: 5 with a mask (5 train), 0 unlabelled", "group a: 5 train", "no validation set")  # fmt: skip
    assert all(words in out for words in told), out
    assert out.splitlines()[-1] == str(tmp_path / "out")
    check_movie(tmp_path / "out", truth())


def test_json_is_all_of_standard_output(tmp_path):
    """In a process of its own: the progress bar must not get in between."""
    folder = tracking(tmp_path / "in", {"01": truth(4), "02": truth(3)}, {"01": [0, 1], "02": [2]})
    command = [sys.executable, "-m", "seglib", "import", str(folder), str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=REPOSITORY)
    told = json.loads(done.stdout)
    assert (told["n_images"], told["n_pairs"], told["n_unlabelled"]) == (7, 3, 4)
    assert sorted(g["split"] for g in told["groups"]) == ["train", "val"] and told["mask_key"] == "GT"
    assert told["folder"] == str(tmp_path / "out")


def test_without_a_folder_nothing_is_written(capsys, tmp_path):
    file = hdf5(tmp_path / "a.h5", truth())
    code, out, err = answer(capsys, "import", file, "--axes", "NYX")
    assert code == 0 and "axes NYX" in out and "nothing was written" in err
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_mistakes_are_one_line_and_leave_nothing(capsys, tmp_path):
    file = hdf5(tmp_path / "a.h5", truth())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    for arguments, words in (
        ([file, tmp_path / "out"], "--axes TYX"),
        ([file, tmp_path / "out", "--axes", "TYX", "--image-key", "rwa"], "Did you mean raw"),
        ([file, tmp_path / "full", "--axes", "TYX"], "nothing is overwritten"),
        ([file, file, "--axes", "TYX"], "nothing is overwritten"),
        ([tmp_path / "gone", tmp_path / "out"], "no such file"),
        ([file, tmp_path / "out", "--channel", "one"], "--channel"),
        ([file, tmp_path / "out", "--axes", "TYX", "--channel", "1"], "no channel C"),
    ):
        code, out, err = answer(capsys, "import", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1) and words in err, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "full"]
    assert (tmp_path / "full" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_what_is_imported_checks_clean_and_trains(capsys, tmp_path):
    nnunet(tmp_path / "in", truth(6, 48, 48))
    assert answer(capsys, "import", tmp_path / "in", tmp_path / "data")[0] == 0
    code, out, _ = answer(capsys, "check", tmp_path / "data", "--strict", "--json")
    assert code == 0 and json.loads(out)["n_pairs"] == 5
    settings = ["model.depth=1", "model.channels=2", "training.steps=2", "data.crop_px=32", "training.device=cpu"]
    run = ["train", "--data", tmp_path / "data", "--run", "r", "--checkpoints", tmp_path / "ck", "--set", *settings]
    assert answer(capsys, *run)[0] == 0


@pytest.mark.parametrize("kind", ["hdf5", "zarr"])
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path, kind):
    peaks = []
    for n in (40, 600):
        frame = np.random.default_rng(0).integers(0, 65536, (1, 256, 256)).astype(np.uint16)
        if kind == "hdf5":
            with h5py.File(tmp_path / f"{n}.h5", "w") as h:
                raw = h.create_dataset("raw", (n, 256, 256), "u2", chunks=(1, 256, 256))
                for t in range(n):
                    raw[t] = frame[0]
            source = tmp_path / f"{n}.h5"
        else:
            source = plain_zarr(tmp_path / f"{n}.zarr", truth(1), chunks=(1, 256, 256))
            meta = json.loads((source / "raw" / "zarr.json").read_text(encoding="utf-8"))
            meta.update(shape=[n, 256, 256], codecs=meta["codecs"][:1])
            (source / "raw" / "zarr.json").write_text(json.dumps(meta), encoding="utf-8")
            for t in range(n):
                file = source / "raw" / "c" / str(t) / "0" / "0"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(frame.tobytes())
        job = ["import", str(source), str(tmp_path / f"out{n}"), "--axes", "TYX", "--mask-key", "none",
               "--image-key", "raw"]  # fmt: skip
        (result,) = outcomes([job], tmp_path)
        assert result["code"] == 0, result
        peaks.append(result["peak"])
    assert peaks[1] < peaks[0] + 20_000_000  # the 600 pictures are 79 MB


@pytest.mark.parametrize("name", ["phylocell", "baby"])
def test_real_images_through_an_import(capsys, tmp_path, name):
    folder = real_data(name)
    assert answer(capsys, "import", folder, tmp_path / "out")[0] == 0
    assert open_dataset(tmp_path / "out").fingerprint() == open_dataset(folder).fingerprint()

"""Every foreign layout comes in with equal pixels, labels, groups and split, and says what it decided."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from conftest import make_disc_data
from foreign import (
    Truth,
    check_movie,
    hdf5,
    nnunet,
    ome_zarr,
    plain_zarr,
    save_png,
    tiff_stacks,
    tracking,
    truth,
    zipped,
)

from seglib.data.dataset import open_dataset
from seglib.data.readers import read_image
from seglib.exceptions import InputError
from seglib.sources.recognise import open_source
from seglib.sources.source import Choices
from seglib.sources.writer import as_json, plan, write_dataset


def imported(path, folder, **choices):
    with open_source(path, Choices(**choices)) as source:
        return write_dataset(source, folder)


def refused(path, *words, **choices):
    with pytest.raises(InputError) as caught, open_source(path, Choices(**choices)) as source:
        plan(source)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words), message


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 16, 56), "compression": "gzip", "shuffle": True},
                                     {"chunks": True, "compression": "lzf", "fletcher32": True}])  # fmt: skip
def test_hdf5(tmp_path, options):
    data = truth()
    file = hdf5(tmp_path / "a.h5", data, **options)
    refused(file, "5 × 40 × 56", "names its axes", "--axes TYX (5 pictures of 40 × 56, one group (frames))")
    result = imported(file, tmp_path / "out", axes="TYX")
    check_movie(tmp_path / "out", data)
    assert (result.kind, result.image_key, result.mask_key, result.axes) == ("HDF5 file", "raw", "label", "TYX")
    assert (result.n_images, result.n_pairs, result.split) == (5, 5, {"train": 5, "val": 0, "unused": 0})
    assert result.groups == [("a", 5, "train")] and "no validation set" in " ".join(result.decisions)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_hdf5_of_independent_pictures_is_split_by_group(tmp_path):
    data = truth(10)
    result = imported(hdf5(tmp_path / "a.h5", data), tmp_path / "out", axes="NYX")
    check_movie(tmp_path / "out", data)
    assert len(result.groups) == 10 and result.split == {"train": 8, "val": 2, "unused": 0}


def test_hdf5_keys_by_name_and_unclear_ones(tmp_path):
    data = truth()
    file = hdf5(tmp_path / "a.h5", data, ("volumes/em", "volumes/cells"))
    refused(file, "2 arrays", "holds the images", "--image-key volumes/em (5 × 40 × 56 uint16)")
    refused(file, "volumes/emm", "Did you mean volumes/em", image_key="volumes/emm")
    imported(file, tmp_path / "out", axes="TYX", image_key="volumes/em", mask_key="volumes/cells")
    check_movie(tmp_path / "out", data)
    imported(file, tmp_path / "bare", axes="TYX", image_key="volumes/em", mask_key="none")
    check_movie(tmp_path / "bare", data, labelled=[])


def test_hdf5_groups_of_single_pictures(tmp_path):
    data = truth(4)
    with h5py.File(tmp_path / "a.h5", "w") as h:
        for t in range(4):
            h[f"images/p{t}"] = data.images[t]
            if t < 3:
                h[f"masks/p{t}"] = data.labels[t]
    result = imported(tmp_path / "a.h5", tmp_path / "out", image_key="images", mask_key="masks")
    check_movie(tmp_path / "out", data, labelled=[0, 1, 2])
    assert [group for group, *_ in result.groups] == ["p0", "p1", "p2", "p3"]


def test_hdf5_axes_that_the_file_names(tmp_path):
    data = truth()
    file = hdf5(tmp_path / "a.h5", data)
    with h5py.File(file, "r+") as h:
        for place, name in enumerate(("t", "y", "x")):
            h["raw"].dims[place].label = name
    assert imported(file, tmp_path / "out").axes == "TYX"
    check_movie(tmp_path / "out", data)


def test_axes_in_any_order_and_channels_are_asked_for(tmp_path):
    data = truth()
    stack = np.stack([data.images, data.images + 1])  # C T Y X
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["raw"], h["label"] = stack.transpose(3, 2, 1, 0), data.labels.transpose(2, 1, 0)  # X Y T C, X Y T
    refused(tmp_path / "a.h5", "2 channels", "--channel 0", "--channel 1", axes="XYTC")
    refused(tmp_path / "a.h5", "channel 2 of 2", axes="XYTC", channel=2)
    result = imported(tmp_path / "a.h5", tmp_path / "out", axes="xytc", channel=1)
    check_movie(tmp_path / "out", Truth(data.images + 1, data.labels))
    assert result.channel == 1


def test_a_mask_of_another_shape_does_not_fit(tmp_path):
    data = truth()
    file = hdf5(tmp_path / "a.h5", Truth(data.images, data.labels[:4]))
    refused(file, "'label' is 4 × 40 × 56", "does not fit", "needed: 5 × 40 × 56 (TYX)", axes="TYX")


@pytest.mark.parametrize("axes", ["TYZ", "TTX", "TY", "TYXQ", "TCYX"])
def test_axes_that_make_no_sense(tmp_path, axes):
    refused(hdf5(tmp_path / "a.h5", truth()), "axes", axes=axes)


def test_rgb(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["raw"] = colours
    imported(tmp_path / "a.h5", tmp_path / "out", axes="NYXS")
    for record, expected in zip(open_dataset(tmp_path / "out").records, colours):
        np.testing.assert_array_equal(read_image(tmp_path / "out" / record.image), expected)


@pytest.mark.parametrize(
    ("pixels", "dtype"),
    [
        (np.float32([[0.5, -3], [1e-20, 7]]), np.float32),
        (np.int16([[-5, 7], [8, 9]]), np.float32),
        (np.uint32([[70_000, 7], [8, 9]]), np.float32),
        (np.array([[True, False], [False, True]]), np.uint8),
        (np.array([[258, 7], [8, 9]], ">u2"), np.uint16),
    ],
)
def test_images_are_kept_without_loss(tmp_path, pixels, dtype):
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["raw"] = pixels
    imported(tmp_path / "a.h5", tmp_path / "out")
    image = read_image(tmp_path / "out" / open_dataset(tmp_path / "out").records[0].image)
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == bool else pixels)


@pytest.mark.parametrize(
    ("highest", "suffix"), [(200, ".png"), (60_000, ".png"), (70_000, ".tif"), (2**31 - 1, ".tif")]
)
def test_masks_are_kept_with_their_numbers(tmp_path, highest, suffix):
    labels = np.zeros((20, 24), np.int64)
    labels[2:6, 2:6], labels[9:14, 9:14] = highest, 3
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["raw"], h["label"] = labels.astype(np.uint16), labels
    imported(tmp_path / "a.h5", tmp_path / "out")
    data = open_dataset(tmp_path / "out")
    assert data.records[0].mask.endswith(suffix)
    np.testing.assert_array_equal(data.sample(0).labels, labels)


@pytest.mark.parametrize("bad", [-1, 2**31])
def test_masks_that_cannot_be_kept_end_the_import_and_leave_nothing(tmp_path, bad):
    labels = np.zeros((3, 20, 24), np.int64)
    labels[1, 4, 4] = bad
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h["raw"], h["label"] = np.zeros((3, 20, 24), np.uint8), labels
    with pytest.raises(InputError, match=rf"at T 1: mask values from .*{bad}|at T 1: mask values from {bad}"):
        imported(tmp_path / "a.h5", tmp_path / "out", axes="TYX")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True},
                                     {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 7}])  # fmt: skip
def test_tiff_stacks(tmp_path, options):
    data = truth()
    file = tiff_stacks(tmp_path / "in", data, options)
    refused(file, "5 × 40 × 56", "--axes TYX", "--axes NYX")
    result = imported(file, tmp_path / "out", axes="TYX")
    check_movie(tmp_path / "out", data)
    assert result.mask_key == "movie_mask.tif" and "by its name" in " ".join(result.decisions)
    imported(tmp_path / "in", tmp_path / "of_folder", axes="TYX")
    check_movie(tmp_path / "of_folder", data)
    shutil.move(tmp_path / "in" / "movie_mask.tif", tmp_path / "other.tif")
    imported(file, tmp_path / "bare", axes="TYX")
    check_movie(tmp_path / "bare", data, labelled=[])
    imported(file, tmp_path / "named", axes="TYX", mask_key=str(tmp_path / "other.tif"))
    check_movie(tmp_path / "named", data)


@pytest.mark.parametrize(("image", "mask"), [("raw", "label"), ("image", "masks"), ("a_raw", "a_seg"), ("x", "x_gt")])
def test_tiff_masks_are_known_by_their_names(tmp_path, image, mask):
    data = truth()
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / f"{image}.tif", data.images, photometric="minisblack")
    tifffile.imwrite(tmp_path / "in" / f"{mask}.tif", data.labels, photometric="minisblack")
    imported(tmp_path / "in", tmp_path / "out", axes="TYX")
    check_movie(tmp_path / "out", data)


def test_tiff_masks_that_are_two_or_alone(tmp_path):
    file = tiff_stacks(tmp_path / "in", truth())
    shutil.copy(tmp_path / "in" / "movie_mask.tif", tmp_path / "in" / "movie_gt.tif")
    refused(file, "say which with a mask key", axes="TYX")
    imported(file, tmp_path / "out", axes="TYX", mask_key="movie_gt.tif")
    (tmp_path / "in" / "movie_gt.tif").rename(tmp_path / "in" / "other_gt.tif")
    refused(tmp_path / "in", "other_gt.tif", "without an image", axes="TYX")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_three_planes_stored_as_colours_are_asked_about(tmp_path):
    """tifffile keeps (3, H, W) as separate samples of one RGB picture unless it is told what they are."""
    data = truth(3)
    tifffile.imwrite(tmp_path / "a.tif", data.images)
    tifffile.imwrite(tmp_path / "a_mask.tif", data.labels)
    refused(tmp_path / "a.tif", "3 × 40 × 56", "--axes TYX")
    imported(tmp_path / "a.tif", tmp_path / "out", axes="TYX")
    check_movie(tmp_path / "out", data)
    imported(tmp_path / "a.tif", tmp_path / "rgb", axes="SYX", mask_key="none")
    record = open_dataset(tmp_path / "rgb").records[0]
    np.testing.assert_array_equal(read_image(tmp_path / "rgb" / record.image), np.moveaxis(data.images, 0, 2))


@pytest.mark.parametrize(
    ("options", "axes"),
    [
        ({"imagej": True, "metadata": {"axes": "TYX"}}, "TYX"),
        ({"ome": True, "metadata": {"axes": "TYX"}}, "TYX"),
        ({"ome": True, "metadata": {"axes": "ZYX"}}, "ZYX"),
    ],
)
def test_tiff_whose_metadata_names_the_axes(tmp_path, options, axes):
    data = truth()
    result = imported(tiff_stacks(tmp_path / "in", data, options), tmp_path / "out")
    check_movie(tmp_path / "out", data)
    assert result.axes == axes and "named by" in result.decisions[1]
    result = imported(tmp_path / "in" / "movie.tif", tmp_path / "other", axes="NYX")  # the person knows better
    assert len(result.groups) == 5


def test_tiff_hyperstack_of_imagej_and_lzw(tmp_path):
    data = truth()
    stack = np.stack([data.images, data.images + 9], axis=1)  # T C Y X
    tifffile.imwrite(tmp_path / "h.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    refused(tmp_path / "h.tif", "2 channels")
    assert imported(tmp_path / "h.tif", tmp_path / "out", channel=1).axes == "TCYX"
    check_movie(tmp_path / "out", Truth(data.images + 9, data.labels), labelled=[])
    tifffile.imwrite(tmp_path / "one.tif", data.images, truncate=True)  # one page, the rest behind it
    imported(tmp_path / "one.tif", tmp_path / "one", axes="TYX")
    check_movie(tmp_path / "one", data, labelled=[])
    from PIL import Image

    pages = [Image.fromarray(image) for image in data.images]
    pages[0].save(tmp_path / "lzw.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    imported(tmp_path / "lzw.tif", tmp_path / "lzw", axes="TYX")
    check_movie(tmp_path / "lzw", data, labelled=[])


def test_several_tiff_stacks_are_several_movies(tmp_path):
    movies = {"a": truth(3, seed=1), "b": truth(4, seed=2)}
    for part in ("images", "masks"):
        (tmp_path / "in" / part).mkdir(parents=True)
        for name, data in movies.items():
            pixels = data.images if part == "images" else data.labels
            tifffile.imwrite(tmp_path / "in" / part / f"{name}.tif", pixels, photometric="minisblack")
    refused(tmp_path / "in", "--axes TYX")
    result = imported(tmp_path / "in", tmp_path / "out", axes="TYX")
    for name, data in movies.items():
        check_movie(tmp_path / "out", data, group=name)
    assert {(group, n) for group, n, _ in result.groups} == {("a", 3), ("b", 4)}
    assert {side for *_, side in result.groups} == {"train", "val"}


def test_loose_tiffs_are_grouped_as_their_names_say_or_asked_for(tmp_path):
    data = truth(4)
    for t in range(4):
        (tmp_path / "in").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "in" / f"a_t{t}.tif", data.images[t])
        tifffile.imwrite(tmp_path / "in" / f"a_t{t}_mask.tif", data.labels[t])
    refused(tmp_path / "in", "one group", "--grouping name", "--grouping file")
    result = imported(tmp_path / "in", tmp_path / "out", grouping="name")
    check_movie(tmp_path / "out", data)
    assert result.groups == [("a", 4, "train")]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [None, (2, 1, 16, 24)])
def test_ome_zarr(tmp_path, version, chunks):
    data = truth()
    folder = ome_zarr(tmp_path / "a.zarr", data, version)
    result = imported(folder, tmp_path / "out")
    check_movie(tmp_path / "out", data)
    assert (result.kind, result.image_key, result.mask_key) == ("OME-Zarr image", "0", "labels/cells/0")
    assert result.axes == "TCYX" and result.left_out == []
    two = ome_zarr(tmp_path / "two.zarr", data, version, channels=2)
    refused(two, "2 channels", "--channel 1")
    imported(two, tmp_path / "second", channel=1)
    check_movie(tmp_path / "second", Truth(data.images + 1, data.labels))
    imported(ome_zarr(tmp_path / "bare.zarr", data, version, labels=False), tmp_path / "bare")
    check_movie(tmp_path / "bare", data, labelled=[])


@pytest.mark.parametrize(
    "options",
    [
        {"version": 2},
        {"version": 2, "chunks": (3, 16, 24), "order": "F"},
        {"version": 3, "chunks": (2, 40, 56)},
        {"version": 3, "chunks": (1, 20, 28), "shards": (2, 40, 56)},
        {"version": 2, "compressors": None},
        {"version": 2, "compressors": "gzip"},
        {"version": 3, "compressors": "blosc"},
    ],
)
def test_plain_zarr(tmp_path, options):
    import numcodecs

    data = truth()
    if options.get("compressors") == "gzip":
        options = options | {"compressors": numcodecs.GZip()}
    if options.get("compressors") == "blosc":
        options = options | {"compressors": zarr.codecs.BloscCodec()}
    folder = plain_zarr(tmp_path / "a.zarr", data, **options)
    refused(folder, "--axes TYX")
    imported(folder, tmp_path / "out", axes="TYX")
    check_movie(tmp_path / "out", data)


def test_zarr_dimension_names(tmp_path):
    data = truth()
    array = zarr.create_array(tmp_path / "a.zarr", shape=data.images.shape, dtype="u2", chunks=(1, 40, 56),
                              dimension_names=["time", "y", "x"])  # fmt: skip
    array[:] = data.images
    assert imported(tmp_path / "a.zarr", tmp_path / "out").axes == "TYX"
    check_movie(tmp_path / "out", data, labelled=[])


def test_frames_whose_chunks_are_not_there_are_left_out_and_said(tmp_path):
    data = truth()
    folder = plain_zarr(tmp_path / "a.zarr", data)
    shutil.rmtree(folder / "raw" / "c" / "3")
    result = imported(folder, tmp_path / "out", axes="TYX")
    assert result.n_images == 4 and result.left_out == ["a.zarr 'raw' at T 3: none of its chunks are in the store"]
    with h5py.File(tmp_path / "a.h5", "w") as h:
        h.create_dataset("raw", (4, 40, 56), "u2", chunks=(1, 40, 56))[:2] = data.images[:2]
    result = imported(tmp_path / "a.h5", tmp_path / "h", axes="TYX")
    assert result.n_images == 2 and len(result.left_out) == 2


def test_nnunet(tmp_path):
    data = truth(6)
    result = imported(nnunet(tmp_path / "Dataset001", data), tmp_path / "out")
    check_movie(tmp_path / "out", Truth(data.images, (data.labels > 0).astype(np.uint8)), labelled=[0, 1, 2, 3, 4])
    assert (result.n_pairs, result.n_unlabelled) == (5, 1) and result.split == {"train": 4, "val": 1, "unused": 0}
    assert len(result.groups) == 6
    refused(nnunet(tmp_path / "two", data, channels=2), "2 channels", "--channel 1 (channel 1)")
    imported(tmp_path / "two", tmp_path / "second", channel=1)
    check_movie(tmp_path / "second", Truth(data.images + 1, (data.labels > 0).astype(np.uint8)), labelled=range(5))


def test_nnunet_with_several_classes_and_ignore(tmp_path):
    data = truth(4)
    labels = {"background": 0, "cell": 1, "bud": 2, "dead": [3], "ignore": 4}
    folder = nnunet(tmp_path / "in", data, labels=labels)
    refused(folder, "several classes", "--label cell (class (1,))", "--label all")
    refused(folder, "'yeast'", "cell, bud, dead", label="yeast")
    imported(folder, tmp_path / "out", label="bud")
    opened = open_dataset(tmp_path / "out")
    for t in range(3):
        sample = opened.sample(t)
        np.testing.assert_array_equal(sample.mask, data.labels[t] == 2)
        np.testing.assert_array_equal(sample.valid, data.labels[t] != 4)
    imported(folder, tmp_path / "all", label="all")
    np.testing.assert_array_equal(open_dataset(tmp_path / "all").sample(0).mask, np.isin(data.labels[0], (1, 2, 3)))
    save_png(folder / "labelsTr" / "cell_001.png", np.full((40, 56), 9, np.uint8))
    with pytest.raises(InputError, match=r"cell_001.png: value 9 is no class"):
        imported(folder, tmp_path / "none", label="all")


def test_tracking_challenge(tmp_path):
    movies = {"01": truth(5, seed=1), "02": truth(4, seed=2)}
    folder = tracking(tmp_path / "in", movies, {"01": [1, 3], "02": [0]})
    result = imported(folder, tmp_path / "out")
    check_movie(tmp_path / "out", movies["01"], [1, 3], group="01")
    check_movie(tmp_path / "out", movies["02"], [0], group="02")
    assert (result.n_pairs, result.n_unlabelled) == (3, 6)
    assert "movie 01: 5 frames, 2 with masks from 01_GT/SEG (gold truth)" in result.decisions
    both = tracking(tmp_path / "both", movies, {"01": [1], "02": []}, silver=True)
    result = imported(both, tmp_path / "mixed")  # the second movie has silver truth alone
    check_movie(tmp_path / "mixed", movies["01"], [1], group="01")
    check_movie(tmp_path / "mixed", movies["02"], None, group="02")
    imported(both, tmp_path / "silver", mask_key="ST")
    check_movie(tmp_path / "silver", movies["01"], None, group="01")
    markers = imported(both, tmp_path / "markers", mask_key="TRA")
    assert markers.n_pairs == 9 and "tracking markers" in markers.decisions[0]


def test_tracking_challenge_in_3d(tmp_path):
    data = truth(6)
    (tmp_path / "in" / "01").mkdir(parents=True)
    (tmp_path / "in" / "01_GT" / "SEG").mkdir(parents=True)
    for t in range(2):
        planes = data.images[3 * t : 3 * t + 3]
        tifffile.imwrite(tmp_path / f"in/01/t00{t}.tif", planes, photometric="minisblack")
    tifffile.imwrite(tmp_path / "in/01_GT/SEG/man_seg000.tif", data.labels[:3], photometric="minisblack")
    tifffile.imwrite(tmp_path / "in/01_GT/SEG/man_seg_001_002.tif", data.labels[5])
    imported(tmp_path / "in", tmp_path / "out")
    check_movie(tmp_path / "out", data, [0, 1, 2, 5], group="01")


def test_a_folder_of_ours_keeps_everything(tmp_path):
    folder = make_disc_data(tmp_path / "discs")
    lines = (folder / "dataset.csv").read_text(encoding="utf-8").splitlines()
    lines = [f"{line},{'stain,fold,weight' if i == 0 else f'x{i},{i % 3},0.5'}" for i, line in enumerate(lines)]
    (folder / "dataset.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    imported(folder, tmp_path / "out")
    assert open_dataset(tmp_path / "out").records == open_dataset(folder).records
    assert open_dataset(tmp_path / "out").fingerprint() == open_dataset(folder).fingerprint()
    for file in (folder / "images").iterdir():
        assert (tmp_path / "out" / "images" / file.name).read_bytes() == file.read_bytes()
    (folder / "dataset.csv").unlink()
    refused(folder, "one group", "--grouping file")
    imported(folder, tmp_path / "by_file", grouping="file")
    assert open_dataset(tmp_path / "by_file").counts() == {"train": 5, "val": 1, "unused": 0, "unlabelled": 0}


@pytest.mark.parametrize("inside", ["", "data/set/"])
@pytest.mark.parametrize("kind", ["discs", "zarr", "nnunet", "tracking", "hdf5"])
def test_a_zip_of_any_of_them(tmp_path, kind, inside):
    data = truth(4)
    folder = tmp_path / "in"
    make = {
        "discs": lambda: make_disc_data(folder),
        "zarr": lambda: ome_zarr(folder, data),
        "nnunet": lambda: nnunet(folder, data),
        "tracking": lambda: tracking(folder, {"01": data}, {"01": [0, 1, 2, 3]}),
        "hdf5": lambda: (folder.mkdir(), hdf5(folder / "a.h5", data)),
    }
    make[kind]()
    choices = {"axes": "TYX"} if kind == "hdf5" else {}
    plain = imported(folder, tmp_path / "plain", **choices)
    result = imported(zipped(tmp_path / "in.zip", folder, inside), tmp_path / "out", **choices)
    assert result.kind == f"{plain.kind} in a zip"
    assert open_dataset(tmp_path / "out").fingerprint() == open_dataset(tmp_path / "plain").fingerprint()
    groups = [
        [record.group for record in open_dataset(tmp_path / name).records if kind != "zarr" or not inside]
        for name in ("plain", "out")  # a store is called after its folder
    ]
    assert groups[0] == groups[1]


def test_nothing_is_overwritten(tmp_path):
    file = hdf5(tmp_path / "a.h5", truth())
    (tmp_path / "out").mkdir()
    imported(file, tmp_path / "out", axes="TYX")
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "out").rglob("*"))
    with pytest.raises(InputError, match="not an empty folder"):
        imported(file, tmp_path / "out", axes="TYX")
    assert sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "out").rglob("*")) == before


def test_an_import_that_is_broken_off_leaves_nothing(tmp_path):
    def progress(done, total):
        assert total == 5
        if done == 3:
            raise KeyboardInterrupt

    source = open_source(hdf5(tmp_path / "a.h5", truth()), Choices(axes="TYX"))
    with pytest.raises(KeyboardInterrupt), source as opened:
        write_dataset(opened, tmp_path / "out", progress)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_names_that_are_one_file_elsewhere_or_no_file_at_all(tmp_path):
    data = truth(4)
    with h5py.File(tmp_path / "a.h5", "w") as h:
        for name, image in zip(("a", "A", "CON", "b:*?"), data.images):
            h[f"images/{name}"] = image
    imported(tmp_path / "a.h5", tmp_path / "out", image_key="images", mask_key="none")
    names = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert names == ["A.png", "CON_.png", "a-2.png", "b.png"]


def test_what_was_planned_is_plain_json(tmp_path):
    with open_source(nnunet(tmp_path / "in", truth(3))) as source:
        values = json.loads(json.dumps(as_json(plan(source))))
    assert values["n_images"] == 3 and values["folder"] is None
    assert values["groups"][0] == {"group": "cell_000", "n_images": 1, "split": "val"}

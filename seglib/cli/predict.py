"""`predict`: masks of new pictures. Nothing is overwritten, or written before every name is known to be free."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seglib.cli.bar import bar
from seglib.exceptions import InputError


def predict(args: argparse.Namespace) -> None:
    """Write STEM.png (0 and 255) for every image, and STEM_probability.png if asked; prints each file."""
    from seglib.data.readers import read_image
    from seglib.images import write_png
    from seglib.metrics import foreground
    from seglib.predict.predictor import load_predictor
    from seglib.runs.store import find_run

    run = find_run(args.run, args.checkpoints)
    targets = output_files(args.images, args.out, args.probabilities)
    check_free(targets, args.overwrite)
    check_inputs_stay(args.images, targets)
    images = [read_image(image) for image in args.images[:1]]  # a mistake in the first shows before torch is loaded
    predictor = load_predictor(run.folder, args.checkpoint)
    args.out.mkdir(parents=True, exist_ok=True)
    with bar("predict", len(args.images)) as move:
        for number, (image, files) in enumerate(zip(args.images, targets)):
            pixels = images.pop() if number == 0 else read_image(image)
            if predictor.tile_warning and not predictor.fits(pixels.shape):
                print(f"{image}: {predictor.tile_warning}", file=sys.stderr)
            q = predictor.probabilities(pixels)
            write_png(files[0], foreground(q, args.threshold).astype("uint8") * 255)
            for file in files[1:]:
                write_png(file, q)
            move(number + 1, len(args.images))
            print(*files, sep="\n")


def output_files(images: list[Path], out: Path, probabilities: bool) -> list[list[Path]]:
    """The files each image will get: its mask, and its probabilities if asked for."""
    endings = [".png", "_probability.png"] if probabilities else [".png"]
    return [[Path(out) / f"{Path(image).stem}{ending}" for ending in endings] for image in images]


def check_inputs_stay(images: list[Path], targets: list[list[Path]]) -> None:
    """Raises InputError if a mask would be written over one of the images, which --overwrite does not mean."""
    given = {Path(image).resolve() for image in images}
    for file in (file for files in targets for file in files):
        if file.resolve() in given:
            raise InputError(f"{file} is one of the images: choose another --out, its mask would replace it.")


def check_free(targets: list[list[Path]], overwrite: bool) -> None:
    """Raises InputError if two images would get one file, or one is there already and may not be overwritten."""
    seen: set[str] = set()
    for file in (file for files in targets for file in files):
        if file.name.lower() in seen:
            raise InputError(f"two images would both be written to {file}: predict them into different folders.")
        seen.add(file.name.lower())
        if file.exists() and not overwrite:
            raise InputError(f"{file} exists; choose another --out, or pass --overwrite.")

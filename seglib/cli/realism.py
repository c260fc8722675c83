"""`realism`: what a recipe does to the cells of a data set, before anything is trained with it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from seglib.cli.bar import bar

SIGNS = {"good": "✓", "watch": "!", "bad": "✗", "unknown": "·"}
WORDS = {"good": "green", "watch": "amber", "bad": "red", "unknown": "not measured"}


def realism(args: argparse.Namespace) -> None:
    """Measure draws of a recipe on a sample of the train images and print one gauge a question.

    `--json`: {recipe, seed, n_draws, n_pictures, n_images, unread: [line], gauges: [{key, title, status:
    good|watch|bad|unknown, value, unit, sentence, reason, details: [[what, figure]], changes: {setting: value that
    would be green}, sketch: {edges, before, after} | null, worst: [{index, epoch, place, figure}]}]}; `index` is the
    number of an image in the data set, and (seed, epoch, index) draw the sample again.
    """
    from seglib.augment.realism import material, read
    from seglib.augment.recipe import load_recipe
    from seglib.augment.verdict import gauges
    from seglib.data.dataset import open_dataset

    recipe = load_recipe(args.recipe)
    sources = material(open_dataset(args.data))
    readings = []
    with bar("realism", args.draws) as move:
        for reading in read(sources, recipe, args.seed, args.draws):
            readings.append(reading)
            move(len(readings), args.draws)
    found = gauges(sources, readings, recipe, args.seed)
    if args.json:
        about = {
            "recipe": args.recipe,
            "seed": args.seed,
            "n_draws": len(readings),
            "n_pictures": len(sources.pictures),
            "n_images": sources.n_images,
            "unread": sources.unread,
        }
        print(json.dumps({**about, "gauges": [asdict(gauge) for gauge in found]}, indent=2))
        return
    print(f"{len(readings)} draws of {args.recipe} on {len(sources.pictures)} of {sources.n_images} images")
    for line in sources.unread:
        print(f"· left out: {line}")
    for gauge in found:
        figure = f"{gauge.value} {gauge.unit}".strip()
        print(f"{SIGNS[gauge.status]} {WORDS[gauge.status]:12}  {gauge.title}: {figure}. {gauge.sentence}")

"""The drawing of the U-Net: well-formed, inside its frame, and as the plan says."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from seglib.models.plan import plan
from seglib.training.config import ModelConfig
from ui.drawing import WIDTH, compact, unet_svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(crop: int = 256, **settings) -> ElementTree.Element:
    text = unet_svg(ModelConfig(**settings), crop)
    return ElementTree.fromstring(text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


@pytest.mark.parametrize("depth", [0, 1, 4, 8])
def test_every_block_stands_in_it_with_its_channels_and_size(depth):
    config = ModelConfig(depth=depth, channels=6, max_channels=100)
    groups = {g.get("data-block"): g for g in drawn(depth=depth, channels=6, max_channels=100).iter(f"{SVG}g")}
    wanted = {b.name: b for b in plan(config, 256) if b.side in ("encoder", "base", "decoder")}
    assert groups.keys() == wanted.keys() and len(groups) == 2 * depth + 1
    for name, block in wanted.items():
        assert [t.text for t in groups[name].iter(f"{SVG}text")] == [str(block.channels_out), f"{block.size} px"]
        assert f"{block.n_parameters:,} parameters" in groups[name].find(f"{SVG}title").text


@pytest.mark.parametrize("depth", [0, 1, 3, 8])
def test_boxes_lie_inside_and_not_over_each_other(depth):
    svg = drawn(depth=depth, channels=16, max_channels=4096)
    height = float(svg.get("viewBox").split()[3])
    places = [[float(r.get(k)) for k in ("x", "y", "width", "height")] for r in svg.iter(f"{SVG}rect")]
    for x, y, w, h in places:
        assert x >= 0 and x + w <= WIDTH and y >= 0 and y + h <= height
    for i, (x, y, w, h) in enumerate(places):
        for x2, y2, w2, h2 in places[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_one_skip_a_level_and_an_arc_over_residual_blocks():
    svg = drawn(depth=3)
    assert sum(1 for line in svg.iter(f"{SVG}line") if line.get("stroke-dasharray")) == 3
    assert not list(svg.iter(f"{SVG}path"))
    assert len(list(drawn(depth=3, residual=True).iter(f"{SVG}path"))) == 7


def test_words_follow_the_settings_and_colours_the_theme():
    texts = [t.text for t in drawn(upsampling="bilinear", downsampling="strided_convolution", merge="add").iter()]
    assert {"bilinear", "strided", "skip connection: add"} <= set(texts)
    assert all(t.get("fill") == "currentColor" for t in drawn().iter(f"{SVG}text"))


def test_compact_numbers():
    assert [compact(n) for n in (999, 7000, 41230, 1811729)] == ["999", "7 k", "41.2 k", "1.81 M"]

"""The U-Net: size in = size out, every option, and the torch-free plan against the built network."""

import itertools
import math
import random
import subprocess
import sys

import pytest
import torch

from seglib.exceptions import InputError
from seglib.models import build_model
from seglib.models.plan import n_parameters, padded_px, plan, receptive_field_px
from seglib.models.skeleton import EncoderDecoder, pad_to_multiple
from seglib.models.unet import ACTIVATIONS, BatchNorm, GroupNorm, UNet, activation_gain
from seglib.training.config import (
    ACTIVATION_NAMES,
    DOWNSAMPLING_NAMES,
    MERGE_NAMES,
    NORM_NAMES,
    UPSAMPLING_NAMES,
    ModelConfig,
)

SMALL = dict(depth=2, channels=4)


@pytest.fixture(autouse=True)
def _one_thread_and_seed():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def drawn_configs(n: int) -> list[ModelConfig]:
    """Every option of every choice at least once, mixed with drawn numbers."""
    rng = random.Random(0)
    choices = dict(
        activation=ACTIVATION_NAMES,
        norm=NORM_NAMES,
        downsampling=DOWNSAMPLING_NAMES,
        upsampling=UPSAMPLING_NAMES,
        merge=MERGE_NAMES,
        residual=(False, True),
        depth=(0, 1, 2, 3),
        channels=(1, 3, 8),
        growth=(1.0, 1.5, 2.0),
        max_channels=(5, 512),
        convs_per_block=(1, 2, 3),
        kernel_size=(1, 3, 5),
        dropout=(0.0, 0.3),
    )
    shuffled = {key: [values[i % len(values)] for i in range(n)] for key, values in choices.items()}
    for values in shuffled.values():
        rng.shuffle(values)
    return [ModelConfig(**{key: values[i] for key, values in shuffled.items()}) for i in range(n)]


@pytest.mark.parametrize("config", drawn_configs(60), ids=lambda c: f"{c.norm}-{c.depth}-{c.channels}")
def test_any_option_gives_the_size_it_got_and_the_planned_parameters(config):
    model = build_model(config)
    assert sum(p.numel() for p in model.parameters()) == n_parameters(config)
    for (height, width), training in itertools.product([(1, 1), (5, 11)], [True, False]):
        model.train(training)
        logits = model(torch.randn(1, 1, height, width))
        assert logits.shape == (1, 1, height, width)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("residual", [False, True])
def test_planned_parameters_of_nets_as_used(norm, residual):
    for depth, merge, up in [(4, "concatenate", "nearest"), (5, "add", "transposed_convolution")]:
        config = ModelConfig(norm=norm, residual=residual, depth=depth, merge=merge, upsampling=up, max_channels=64)
        assert sum(p.numel() for p in build_model(config).parameters()) == n_parameters(config)


def test_parameters_of_the_smallest_net_by_hand():
    config = ModelConfig(depth=0, channels=2, convs_per_block=1, norm="none")
    assert n_parameters(config) == (9 * 2 + 2) + (2 + 1)


@pytest.mark.parametrize("height", [1, 2, 3, 7, 16, 17, 31])
@pytest.mark.parametrize("width", [1, 15, 33])
def test_output_has_the_size_of_the_input(height, width):
    model = build_model(ModelConfig(depth=4, channels=2)).eval()
    assert model(torch.randn(2, 1, height, width)).shape == (2, 1, height, width)


def test_padding_reflects_where_it_can_and_else_repeats():
    row = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 1, 1, 5)
    padded = pad_to_multiple(row, 4)
    assert padded.shape == (1, 1, 4, 8)
    assert padded[0, 0, 0].tolist() == [1, 2, 3, 4, 5, 4, 3, 2]
    assert torch.equal(padded[0, 0, 3], padded[0, 0, 0])
    assert pad_to_multiple(row, 1) is row
    column = row.reshape(1, 1, 5, 1)
    assert pad_to_multiple(column, 4)[0, 0, :, 0].tolist() == [1, 2, 3, 4, 5, 4, 3, 2]


def test_what_is_cropped_back_is_where_the_image_lay():
    """Padding inside must not shift: on the grid of 2**depth, the padded image gives the same logits."""
    model = build_model(ModelConfig(**SMALL, norm="group")).eval()
    x = torch.randn(1, 1, 13, 10)
    with torch.no_grad():
        assert torch.equal(model(x), model(pad_to_multiple(x, 4))[..., :13, :10])


@pytest.mark.parametrize("config", [c for c in drawn_configs(40) if c.kernel_size < 5][:16], ids=str)
def test_receptive_field_is_what_gradients_reach(config):
    config = ModelConfig(
        depth=config.depth,
        channels=2,
        kernel_size=config.kernel_size,
        convs_per_block=config.convs_per_block,
        downsampling="average_pool",
        upsampling=config.upsampling,
        residual=config.residual,
        norm="none",
        activation="silu",
    )
    assert widest_gradient(build_model(config).double(), config) == receptive_field_px(config)


def widest_gradient(model: UNet, config: ModelConfig) -> int:
    """Largest width of the input that one output pixel depends on, over the places of the pooling grid."""
    with torch.no_grad():
        for parameter in model.parameters():  # nothing may cancel
            parameter.copy_(torch.rand_like(parameter) + 0.1)
    cell = 2**config.depth
    side = 2 * cell * (receptive_field_px(config) // cell + 1)
    x = torch.rand(1, 1, cell, side, dtype=torch.float64, requires_grad=True)
    y = model(x)[0, 0]
    widths = []
    for offset in range(cell):
        (gradient,) = torch.autograd.grad(y[0, side // 2 + offset], x, retain_graph=True)
        reached = gradient[0, 0].ne(0).any(dim=0).nonzero()
        widths.append(int(reached.max() - reached.min()) + 1)
    return max(widths)


def test_receptive_field_by_hand():
    assert receptive_field_px(ModelConfig(depth=0, convs_per_block=2)) == 5
    # one level, one 3x3 convolution a block, output pixel 0: decoder -1..1, coarse -1..0, base -2..1, fine -4..3, -5..4
    assert receptive_field_px(ModelConfig(depth=1, convs_per_block=1)) == 10


def test_plan_describes_the_figure():
    config = ModelConfig(depth=2, channels=8, growth=2.0)
    blocks = {block.name: block for block in plan(config, crop_px=30)}
    assert list(blocks) == [
        *("encoder 0", "downsampling 0", "encoder 1", "downsampling 1", "base"),
        *("upsampling 1", "decoder 1", "upsampling 0", "decoder 0", "output"),
    ]
    assert [blocks[n].size for n in ("encoder 0", "encoder 1", "base", "decoder 0", "output")] == [32, 16, 8, 32, 30]
    assert (blocks["base"].channels_in, blocks["base"].channels_out, blocks["base"].level) == (16, 32, 2)
    assert (blocks["decoder 1"].channels_in, blocks["decoder 1"].channels_out) == (32, 16)
    assert [padded_px(n, 3) for n in (1, 8, 9)] == [8, 8, 16]


def test_plan_is_what_hooks_see_in_the_network():
    config = ModelConfig(depth=3, channels=3, growth=1.5, upsampling="transposed_convolution")
    model, seen = build_model(config).eval(), {}
    parts = dict(encoder=model.encoder_modules, downsampling=model.downsampling_modules)
    parts |= dict(upsampling=model.upsampling_modules, decoder=model.decoder_modules)
    named = {f"{side} {level}": part for side, modules in parts.items() for level, part in enumerate(modules)}
    for name, part in (named | {"base": model.base_module}).items():
        part.register_forward_hook(lambda _, x, y, name=name: seen.update({name: (x[0].shape[1], *y.shape[1:])}))
    model(torch.zeros(1, 1, 40, 40))
    planned = {b.name: (b.channels_in, b.channels_out, b.size, b.size) for b in plan(config, 40) if b.side != "output"}
    assert seen == planned


@pytest.mark.parametrize("norm", NORM_NAMES)
def test_no_bias_before_a_norm(norm):
    model = UNet(**SMALL, norm=norm)
    blocks = [*model.encoder_modules, model.base_module, *model.decoder_modules]
    convolutions = [m for block in blocks for m in block.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 10
    assert all((m.bias is not None) == (norm == "none") for m in convolutions)


@pytest.mark.parametrize(("groups", "oracle"), [(6, torch.nn.InstanceNorm2d(6)), (3, torch.nn.GroupNorm(3, 6))])
def test_group_norm_is_that_of_torch(groups, oracle):
    x = torch.randn(2, 6, 5, 7)
    torch.testing.assert_close(GroupNorm(groups, 6)(x), oracle(x))
    layer = torch.nn.functional.layer_norm(x, x.shape[1:])
    torch.testing.assert_close(GroupNorm(1, 6)(x), layer)


def test_norms_on_a_single_value_a_channel():
    x = torch.randn(1, 4, 1, 1)
    assert GroupNorm(4, 4)(x).abs().max() < 1e-3, "nothing but the shift is left"
    batch = BatchNorm(4).train()
    torch.testing.assert_close(batch(x), x / math.sqrt(1 + batch.eps))
    assert torch.equal(batch.running_mean, torch.zeros(4)), "one value must not move the running mean"
    batch(torch.randn(2, 4, 3, 3))
    assert not torch.equal(batch.running_mean, torch.zeros(4))


@pytest.mark.parametrize("norm", NORM_NAMES)
def test_bfloat16_autocast_and_channels_last_stay_close(norm):
    model = UNet(depth=2, channels=8, norm=norm, upsampling="bilinear").eval()
    x = torch.randn(2, 1, 18, 21)
    expected = model(x)
    last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, expected, atol=1e-4, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(x)
    half.float().sum().backward()
    assert (half.float() - expected).abs().max() < 0.05 * expected.abs().max() + 0.05
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_gain_keeps_the_size_of_the_signal(name):
    x = torch.randn(200_000, dtype=torch.float64)
    assert (activation_gain(name) * ACTIVATIONS[name]()(x.clone())).pow(2).mean().item() == pytest.approx(1, abs=0.03)
    if name in ("relu", "leaky_relu"):
        assert activation_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name, 0.01), rel=1e-4)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("upsampling", UPSAMPLING_NAMES)
def test_a_deep_net_without_norm_starts_with_a_signal_of_sane_size(residual, upsampling):
    model = UNet(depth=4, channels=8, norm="none", residual=residual, upsampling=upsampling, activation="elu")
    spread = model(torch.randn(2, 1, 32, 32)).std().item()
    assert 0.05 < spread < 10


@pytest.mark.parametrize("upsampling", ["nearest", "transposed_convolution"])
def test_upsampling_keeps_the_size_of_the_signal(upsampling):
    up = UNet(depth=1, channels=64, upsampling=upsampling).upsampling_modules[0]
    assert up(torch.randn(4, 128, 16, 16)).std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("norm", "is_shortcut"), [("none", True), ("batch", False)])
def test_a_residual_block_without_norm_starts_as_its_shortcut(norm, is_shortcut):
    block = UNet(**SMALL, norm=norm, residual=True).encoder_modules[1].eval()
    x = torch.rand(1, 4, 6, 6)
    assert torch.equal(block(x), torch.relu(block.shortcut(x))) == is_shortcut


def test_fresh_output_bias_is_the_logit_of_the_prior():
    model = UNet(**SMALL, foreground_prior=0.3)
    assert torch.sigmoid(model.output_module.bias).item() == pytest.approx(0.3)


def test_same_seed_same_weights_and_saved_weights_same_logits(tmp_path):
    config = ModelConfig(**SMALL)
    torch.manual_seed(5)
    first = build_model(config).eval()
    torch.manual_seed(5)
    second = build_model(config).eval()
    x = torch.randn(1, 1, 9, 9)
    assert torch.equal(first(x), second(x))
    torch.save(first.state_dict(), tmp_path / "weights.pt")
    third = build_model(config).eval()
    assert not torch.equal(third(x), first(x))
    third.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(third(x), first(x))


@pytest.mark.parametrize("residual", [False, True])
def test_one_batch_is_learnt_by_heart(residual):
    x = torch.randn(2, 1, 16, 16)
    target = (torch.rand(2, 1, 16, 16) < 0.5).float()
    model = UNet(depth=1, channels=16, residual=residual)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), target)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2


def test_a_mistyped_argument_is_an_error():
    with pytest.raises(TypeError, match="growht"):
        UNet(growht=2)
    with pytest.raises(TypeError):
        UNet(4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(norm="bath"), "norm is 'bath'; allowed: none, batch, instance, group, layer. Did you mean batch?"),
        (dict(activation="tanh"), "activation is 'tanh'; allowed: relu"),
        (dict(kernel_size=4), "kernel_size is 4; it must be odd"),
        (dict(convs_per_block=0), "convs_per_block is 0"),
        (dict(dropout=1.0), "dropout is 1.0; allowed: from 0 to below 1"),
        (dict(foreground_prior=0), "foreground_prior is 0"),
        (dict(depth=-1), "depth is -1; it must be at least 0"),
        (dict(channels=0), "channels is 0; it must be at least 1"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(InputError) as caught:
        UNet(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (8, 8), (1, 1, 0, 8)])
def test_a_tensor_of_another_shape_is_explained(shape):
    with pytest.raises(ValueError, match=r"it takes \(N, 1, H, W\)"):
        UNet(**SMALL)(torch.zeros(shape))


def test_an_empty_slot_says_its_name():
    with pytest.raises(NotImplementedError, match="EncoderDecoder has no construct_input_module"):
        EncoderDecoder(depth=1)


@pytest.mark.parametrize("module", ["listing", "plan"])
def test_what_the_server_reads_loads_no_torch(module):
    code = f"import sys, seglib.models.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_offers_only_what_it_has():
    import seglib.models

    assert {"MODELS", "build_model"} <= set(dir(seglib.models))
    with pytest.raises(AttributeError, match="build_modle"):
        _ = seglib.models.build_modle

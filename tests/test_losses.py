"""Losses against torch, torchvision's formula by hand, and their own promises about valid and empty targets."""

import math

import pytest
import torch

from seglib.exceptions import InputError
from seglib.losses import LOSSES, build_loss, needs_weights
from seglib.training.config import LossConfig

NAMES = tuple(LOSSES)


def drawn(
    seed: int = 0, n: int = 3, size: tuple[int, int] = (13, 9)
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """logits, target and a valid map that is 1 everywhere."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n, 1, *size)
    logits = 3 * torch.randn(shape, generator=generator)
    target = (torch.rand(shape, generator=generator) < 0.4).float()
    return logits, target, torch.ones(shape)


def loss_of(name: str, logits, target, valid, weights=None, **settings) -> torch.Tensor:
    if name == "weighted_bce" and weights is None:
        weights = torch.ones_like(target)
    return build_loss(LossConfig(name=name, **settings))(logits, target, valid, weights)


@pytest.mark.parametrize("seed", range(3))
def test_bce_is_that_of_torch_on_the_sigmoid(seed):
    logits, target, valid = drawn(seed)
    expected = torch.nn.BCELoss()(torch.sigmoid(logits.double()), target.double())  # float32 would lose digits near 1
    assert loss_of("bce", logits, target, valid).item() == pytest.approx(expected.item(), abs=1e-6)


def test_bce_by_hand():
    logits = torch.tensor([0.0, math.log(3.0)]).reshape(1, 1, 1, 2)  # p = 1/2, 3/4
    target = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    expected = (math.log(2) + math.log(4)) / 2
    assert loss_of("bce", logits, target, torch.ones_like(target)).item() == pytest.approx(expected, abs=1e-6)


def test_bce_stays_finite_where_the_sigmoid_saturates():
    logits, target = torch.tensor([[[[200.0, -200.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    assert loss_of("bce", logits, target, torch.ones_like(target)).item() == 200.0


def sheet_dice(logits: torch.Tensor, target: torch.Tensor) -> float:
    """1/N sum_n (1 - 2 sum p t / (sum p^2 + sum t^2)), written out image by image in float64."""
    values = []
    for z, t in zip(logits.double(), target.double()):
        p = torch.sigmoid(z)
        values.append(1 - 2 * (p * t).sum() / ((p**2).sum() + (t**2).sum()))
    return float(sum(values) / len(values))


@pytest.mark.parametrize("seed", range(3))
def test_dice_is_the_formula_when_epsilon_is_tiny(seed):
    logits, target, valid = drawn(seed)
    assert loss_of("dice", logits, target, valid, epsilon=1e-8).item() == pytest.approx(
        sheet_dice(logits, target), abs=1e-6
    )


def test_the_usual_epsilon_hardly_moves_dice_on_a_cell_of_hundreds_of_pixels():
    logits, target, valid = drawn(size=(64, 64))
    target[:] = 0
    target[..., 20:40, 20:40] = 1
    assert abs(loss_of("dice", logits, target, valid).item() - sheet_dice(logits, target)) < 0.01


def test_dice_by_hand_with_epsilon():
    logits = torch.zeros(1, 1, 2, 2)  # p = 1/2
    target = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    # 2 * sum(p t) = 2, sum p^2 = 1, sum t^2 = 2
    assert loss_of("dice", logits, target, torch.ones_like(target), epsilon=0.5).item() == pytest.approx(1 - 2.5 / 3.5)


def test_dice_is_the_mean_over_images_not_the_pool():
    logits, target, valid = drawn(n=2)
    alone = [loss_of("dice", logits[i : i + 1], target[i : i + 1], valid[:1]).item() for i in range(2)]
    together = loss_of("dice", logits, target, valid).item()
    assert together == pytest.approx(sum(alone) / 2, abs=1e-6)


@pytest.mark.parametrize("name", ["dice", "tversky", "bce_dice"])
@pytest.mark.parametrize("epsilon", [1e-3, 1.0])
def test_an_empty_target_pushes_false_positives_down(name, epsilon):
    logits, target, valid = drawn(n=1)
    logits.requires_grad_()
    value = loss_of(name, logits, torch.zeros_like(target), valid, epsilon=epsilon)
    value.backward()
    assert torch.isfinite(value)
    assert (logits.grad > 0).all(), "a step against the gradient must lower every logit"
    absent = loss_of(name, torch.full_like(logits, -50.0), torch.zeros_like(target), valid, epsilon=epsilon)
    assert absent.item() < 1e-6 < value.item()


@pytest.mark.parametrize("name", NAMES)
def test_perfect_is_zero_and_wrong_is_worse_than_undecided(name):
    _, target, valid = drawn()
    towards = 60 * (2 * target - 1)
    perfect, undecided, wrong = (loss_of(name, k * towards, target, valid).item() for k in (1, 0, -1))
    assert perfect == pytest.approx(0, abs=1e-6)
    assert perfect < undecided < wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_descent_goes_to_the_target(name):
    _, target, valid = drawn(n=1)
    logits = torch.zeros_like(target, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        loss_of(name, logits, target, valid).backward()
        optimizer.step()
    assert torch.equal((logits > 0).float(), target)


@pytest.mark.parametrize("name", NAMES)
def test_invalid_pixels_change_nothing_and_get_no_gradient(name):
    logits, target, valid = drawn()
    valid = (torch.rand(valid.shape, generator=torch.Generator().manual_seed(9)) < 0.7).float()
    weights = 1 + torch.rand(valid.shape, generator=torch.Generator().manual_seed(8))
    out = valid == 0
    logits.requires_grad_()
    value = loss_of(name, logits, target, valid, weights)
    value.backward()
    assert (logits.grad[out] == 0).all()
    assert (logits.grad[~out] != 0).any()
    nan = float("nan")
    other = [x.detach().masked_fill(out, nan).requires_grad_(x is logits) for x in (logits, target, weights)]
    again = loss_of(name, other[0], other[1], valid, other[2])
    again.backward()
    assert again.item() == value.item()
    assert torch.equal(other[0].grad, logits.grad)


@pytest.mark.parametrize("name", NAMES)
def test_padding_that_is_invalid_gives_the_loss_of_what_it_surrounds(name):
    logits, target, valid = drawn()
    pad = torch.nn.functional.pad
    wide = loss_of(name, pad(logits, (3, 2, 1, 4), value=5.0), pad(target, (3, 2, 1, 4)), pad(valid, (3, 2, 1, 4)))
    assert wide.item() == pytest.approx(loss_of(name, logits, target, valid).item(), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_without_a_valid_pixel_is_as_if_absent(name):
    logits, target, valid = drawn()
    without = loss_of(name, logits[1:], target[1:], valid[1:]).item()
    valid[0] = 0
    assert loss_of(name, logits, target, valid).item() == pytest.approx(without, abs=1e-6)
    logits.requires_grad_()
    nothing = loss_of(name, logits, target, torch.zeros_like(valid))
    nothing.backward()
    assert nothing.item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_float32_under_autocast_and_from_bfloat16(name):
    logits, target, valid = drawn(size=(64, 64))
    half = logits.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss_of(name, half, target, valid)
    assert value.dtype == torch.float32
    assert value.item() == loss_of(name, half.float(), target, valid).item()


def test_focal_without_focus_is_bce_and_by_hand():
    logits, target, valid = drawn()
    assert loss_of("focal", logits, target, valid, gamma=0.0).item() == pytest.approx(
        loss_of("bce", logits, target, valid).item(), abs=1e-6
    )
    one = torch.full((1, 1, 1, 1), math.log(3.0))  # p = 3/4
    expected = {1.0: -((1 / 4) ** 2) * math.log(3 / 4), 0.0: -((3 / 4) ** 2) * math.log(1 / 4)}
    for t, value in expected.items():
        got = loss_of("focal", one, torch.full_like(one, t), torch.ones_like(one), gamma=2.0)
        assert got.item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_finite_gradient_where_the_sigmoid_saturates(gamma):
    logits = torch.tensor([[[[200.0, -200.0, 200.0, -200.0]]]], requires_grad=True)
    target = torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]])
    loss_of("focal", logits, target, torch.ones_like(target), gamma=gamma).backward()
    assert torch.isfinite(logits.grad).all()


def test_tversky_by_hand_and_its_two_weights():
    logits = torch.zeros(1, 1, 2, 2)  # p = 1/2: TP = 1/2, FP = 3/2, FN = 1/2
    target = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    valid = torch.ones_like(target)
    for alpha, beta in ((0.3, 0.7), (1.0, 1.0), (0.0, 1.0)):
        expected = 1 - 1.5 / (0.5 + alpha * 1.5 + beta * 0.5 + 1)
        got = loss_of("tversky", logits, target, valid, alpha=alpha, beta=beta).item()
        assert got == pytest.approx(expected, abs=1e-6)


def test_tversky_that_counts_no_error_is_refused():
    with pytest.raises(InputError, match=r"loss\.alpha and loss\.beta are both 0"):
        build_loss(LossConfig(name="tversky", alpha=0.0, beta=0.0))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_bce_dice_mixes_both(share):
    arguments = drawn()
    expected = share * loss_of("bce", *arguments) + (1 - share) * loss_of("dice", *arguments)
    assert loss_of("bce_dice", *arguments, bce_weight=share).item() == pytest.approx(expected.item(), abs=1e-6)


def test_weighted_bce_by_hand():
    logits = torch.tensor([0.0, math.log(3.0)]).reshape(1, 1, 1, 2)
    target = torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)
    weights = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
    expected = (math.log(2) + 3 * math.log(4)) / 4
    got = loss_of("weighted_bce", logits, target, torch.ones_like(target), weights)
    assert got.item() == pytest.approx(expected, abs=1e-6)


def test_weighted_bce_with_equal_weights_is_bce():
    logits, target, valid = drawn()
    got = loss_of("weighted_bce", logits, target, valid, torch.full_like(target, 7.0))
    assert got.item() == pytest.approx(loss_of("bce", logits, target, valid).item(), abs=1e-6)


def test_weighted_bce_asks_for_its_weights():
    with pytest.raises(ValueError, match="got no weights"):
        build_loss(LossConfig(name="weighted_bce"))(*drawn())
    assert [name for name in NAMES if needs_weights(LossConfig(name=name))] == ["weighted_bce"]


def test_shapes_that_would_broadcast_are_refused():
    logits, target, valid = drawn()
    with pytest.raises(ValueError, match=r"\(3, 1, 13, 9\), \(1, 1, 13, 9\)"):
        build_loss(LossConfig(name="bce"))(logits, target[:1], valid)
    with pytest.raises(ValueError, match="must be equal"):
        build_loss(LossConfig(name="dice"))(logits[:, 0], target[:, 0], valid[:, 0])

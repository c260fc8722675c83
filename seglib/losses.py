"""Losses: what training minimises, on logits.

Every loss takes logits, target, valid (and weights) of shape (N, 1, H, W) and gives a scalar. target and valid are 0
or 1. A pixel with valid = 0 neither changes the loss nor gets a gradient, whatever stands there, NaN included. All is
computed in float32, under autocast too. A batch without any valid pixel gives 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from seglib.exceptions import InputError
from seglib.training.config import LossConfig

Loss = Callable[[Tensor, Tensor, Tensor, "Tensor | None", LossConfig], Tensor]


def bce(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """Binary cross entropy, -t log p - (1 - t) log(1 - p) with p = sigmoid(logits): the mean over all valid pixels."""
    logits, target, valid = _masked(logits, target, valid)
    return _mean(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), valid)


def weighted_bce(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """Binary cross entropy with a weight for each pixel, divided by the sum of the weights of the valid pixels.

    weights: >= 0, the border weight map of the U-Net paper (Ronneberger et al. 2015, eq. 2). Weights of 1 give `bce`.
    Raises ValueError without weights.
    """
    if weights is None:
        raise ValueError("weighted_bce got no weights; it takes a border weight map for each sample.")
    weights = weights.float().masked_fill(valid == 0, 0)
    logits, target, _ = _masked(logits, target, valid)
    return _mean(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), weights)


def focal(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """Focal loss, -(1 - q)^gamma log q with q the probability given to the truth: the mean over all valid pixels.

    Lin et al. 2017, arXiv 1708.02002, without its class weight. gamma = 0 is `bce`. Computed from log q and log(1 - q),
    since the power of 1 - q itself has an infinite slope at 0 for gamma < 1.
    """
    logits, target, valid = _masked(logits, target, valid)
    towards_truth = torch.where(target > 0.5, logits, -logits)
    focus = torch.exp(-config.gamma * F.softplus(towards_truth))
    return _mean(focus * F.softplus(-towards_truth), valid)


def dice(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """L = 1/N sum_n (1 - (2 sum p t + e) / (sum p^2 + sum t^2 + e)), the sums over the valid pixels of image n.

    Milletari et al. 2016, arXiv 1606.04797. e = config.epsilon px stands above and below: with e below only, an empty
    target would give 1 whatever is predicted, and no gradient. So it gives sum p^2 / (sum p^2 + e): 0 for an empty
    prediction, and false positives are pushed down. On a cell of hundreds of px e = 1 changes the value by under 1 %.
    N counts the images that have a valid pixel.
    """
    logits, target, valid = _masked(logits, target, valid)
    p, t = torch.sigmoid(logits) * valid, target
    overlap, squares = _per_image(p * t), _per_image(p * p) + _per_image(t * t)
    return _mean(1 - (2 * overlap + config.epsilon) / (squares + config.epsilon), _any_valid(valid))


def tversky(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """L = 1/N sum_n (1 - (TP + e) / (TP + alpha FP + beta FN + e)), the sums over the valid pixels of image n.

    TP = sum p t, FP = sum p (1 - t), FN = sum (1 - p) t. Salehi et al. 2017, arXiv 1706.05721.
    beta > alpha favours recall. alpha = beta = 1 is soft IoU, 0.5 soft Dice with plain instead of squared sums.
    e = config.epsilon px, as in `dice`.
    """
    logits, target, valid = _masked(logits, target, valid)
    p, t = torch.sigmoid(logits) * valid, target
    tp, fp, fn = _per_image(p * t), _per_image(p * (1 - t)), _per_image((1 - p) * t)
    ratio = (tp + config.epsilon) / (tp + config.alpha * fp + config.beta * fn + config.epsilon)
    return _mean(1 - ratio, _any_valid(valid))


def bce_dice(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None, config: LossConfig) -> Tensor:
    """bce_weight * bce + (1 - bce_weight) * dice."""
    share = config.bce_weight
    arguments = (logits, target, valid, weights, config)
    return share * bce(*arguments) + (1 - share) * dice(*arguments)


LOSSES: dict[str, Loss] = {
    "bce": bce,
    "dice": dice,
    "bce_dice": bce_dice,
    "focal": focal,
    "tversky": tversky,
    "weighted_bce": weighted_bce,
}


def needs_weights(config: LossConfig) -> bool:
    """Whether the loss takes a border weight map (seglib.data.borders) for each sample."""
    return config.name == "weighted_bce"


def build_loss(config: LossConfig) -> Callable[..., Tensor]:
    """loss(logits, target, valid, weights=None) -> scalar, float32.

    Raises InputError for settings under which the loss is constant. The loss raises ValueError for shapes that differ.
    """
    function = LOSSES[config.name]
    if config.name == "tversky" and config.alpha == config.beta == 0:
        raise InputError("loss.alpha and loss.beta are both 0; tversky then counts no error: set one above 0.")

    def loss(logits: Tensor, target: Tensor, valid: Tensor, weights: Tensor | None = None) -> Tensor:
        shapes = [tuple(x.shape) for x in (logits, target, valid, weights) if x is not None]
        if len(set(shapes)) > 1 or logits.ndim != 4:
            raise ValueError(
                f"the loss got shapes {shapes}; logits, target, valid and weights must be equal (N, 1, H, W)."
            )
        return function(logits, target, valid, weights, config)

    return loss


def _masked(logits: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All in float32, logits and target 0 where not valid: filled rather than multiplied, as 0 * NaN is NaN."""
    out = valid == 0
    return logits.float().masked_fill(out, 0), target.float().masked_fill(out, 0), valid.float()


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean; 0 (with zero gradients, not NaN) where all weights are 0."""
    total = weights.sum()
    return (values * weights).sum() / torch.where(total > 0, total, torch.ones_like(total))


def _per_image(x: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N,) sums."""
    return x.flatten(1).sum(dim=1)


def _any_valid(valid: Tensor) -> Tensor:
    return (valid.flatten(1).amax(dim=1) > 0).float()

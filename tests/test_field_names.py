"""The names the torch-free config offers are those the code with torch knows, no more and no less."""

from seglib.losses import LOSSES
from seglib.metrics import RATIO_NAMES, Counts
from seglib.models import MODELS
from seglib.models.listing import BUILT_IN_NAMES
from seglib.models.unet import ACTIVATIONS, DOWNSAMPLINGS, MERGES, NORMS, UPSAMPLINGS, UNet
from seglib.training import config


def test_choices_of_the_config_are_what_is_implemented():
    assert set(config.LOSS_NAMES) == set(LOSSES)
    assert set(config.ACTIVATION_NAMES) == set(ACTIVATIONS)
    assert set(config.NORM_NAMES) == set(NORMS)
    assert set(config.DOWNSAMPLING_NAMES) == set(DOWNSAMPLINGS)
    assert set(config.UPSAMPLING_NAMES) == set(UPSAMPLINGS)
    assert set(config.MERGE_NAMES) == set(MERGES)


def test_built_in_models_are_listed():
    assert MODELS["UNet"] is UNet
    assert set(MODELS) == set(BUILT_IN_NAMES)


def test_ratio_names_are_properties_of_counts():
    assert all(isinstance(getattr(Counts, name), property) for name in RATIO_NAMES)

import pytest
from tiny_run import tiny_config

from seglib.augment.recipe import Recipe
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.exceptions import InputError
from seglib.experiments import ready_made
from seglib.experiments.design import recipe_of
from seglib.models.plan import multiply_adds


@pytest.mark.parametrize("question", ready_made.READY)
def test_every_question_can_be_asked(discs, question):
    asked = ready_made.design(question, tiny_config(discs), (0, 1))
    asked.check()
    assert asked.question == ready_made.READY[question].question
    combinations = asked.combinations()
    configs = [asked.config(levels, 0) for levels in combinations]
    assert len(set(map(repr, configs))) == len(configs) >= 2  # no two trials are the same run
    assert len({asked.told(levels) for levels in combinations}) == len(configs)  # nor called the same
    assert all(multiply_adds(config.model, 32) > 0 for config in configs)


def test_does_a_norm_help_asks_both_losses(discs):
    levels = ready_made.design("which_norm", tiny_config(discs)).combinations()
    assert len(levels) == 8
    assert {(c["model.norm"], c["loss.name"]) for c in levels} == {
        (norm, loss) for norm in ("none", "batch", "instance", "group") for loss in ("bce", "dice")
    }


def test_the_losses_and_normalisations_asked_about(discs):
    [losses] = ready_made.design("which_loss", tiny_config(discs)).factors
    assert losses.values == ("bce", "dice", "bce_dice")
    [normalisations] = ready_made.design("which_normalisation", tiny_config(discs)).factors
    assert normalisations.values == NORMALISATION_NAMES


def test_the_architecture_is_changed_in_one_place_at_a_time(discs):
    asked = ready_made.design("which_architecture", tiny_config(discs, model__depth=3, model__channels=8))
    base = asked.base_levels()
    for levels in asked.combinations()[1:]:
        assert sum(levels[key] != base[key] for key in base) == 1
    assert asked.factor("model.depth").values == (2, 3, 4)
    assert asked.factor("model.channels").values == (4, 8, 16)
    assert "cannot say" in ready_made.READY["which_architecture"].about


def test_at_the_limits_of_a_setting_no_level_leaves_them(discs):
    asked = ready_made.design("which_architecture", tiny_config(discs, model__depth=0, model__channels=1))
    assert asked.factor("model.depth").values == (0, 1)
    assert asked.factor("model.channels").values == (1, 2)


def test_the_augmentations_are_what_their_labels_say():
    factor = ready_made.AUGMENTATIONS
    nothing, turns, angle, elastic = map(recipe_of, factor.values)
    assert nothing == Recipe()
    assert (turns.quarter_turns.probability, turns.rotation.probability) == (0.75, 0)
    assert (angle.rotation.probability, angle.elastic.probability) == (1, 0)
    assert elastic.elastic.probability > 0
    assert elastic.rotation == angle.rotation
    assert not elastic.warnings()  # no cell is folded
    assert factor.label(factor.values[3]) == "flips, any angle and elastic"


def test_an_unknown_question_names_the_nearest(discs):
    with pytest.raises(InputError, match="Did you mean which_loss"):
        ready_made.design("which_los", tiny_config(discs))

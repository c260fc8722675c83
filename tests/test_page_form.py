"""The form's marks: what differs from the preset, put back one by one or all; the rest found by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import train_page
from streamlit.testing.v1 import AppTest
from train_page import command, page, setting, texts

from ui import form, form_sections
from ui.setting_widgets import MARK


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    return train_page.places(tmp_path, monkeypatch)


def folds(at: AppTest) -> list[str]:
    return [fold.label for fold in at.expander]


def test_a_changed_setting_is_marked_counted_and_put_back(home):
    at = page()
    before = command(at)
    assert not any("changed" in label for label in folds(at))
    setting(at, "model.depth").set_value(2)
    setting(at, "model.dropout").set_value(0.5)
    setting(at, "model.upsampling").select("bilinear").run()
    assert "3 changed from quick" in folds(at) and "More on the network · 2 changed" in folds(at)
    assert setting(at, "model.depth").label == "Depth" + MARK and "In quick: 4" in setting(at, "model.depth").help
    assert "**Depth** 4 → 2" in texts(at) and "**Upsampling** nearest → bilinear" in texts(at)
    at.button(key="train_reset_model.depth").click().run()
    assert setting(at, "model.depth").value == 4 and "2 changed from quick" in folds(at)
    at.button(key="train_reset_all").click().run()
    assert command(at) == before and not any("changed" in label for label in folds(at))


def test_the_recipe_counts_as_a_change_and_so_does_another_preset_not(home):
    at = page()
    at.selectbox(key=form.RECIPE_NAME).select("strong").run()
    assert "1 changed from quick" in folds(at) and "**Augmentation** light → strong" in texts(at)
    at.button(key="train_reset_recipe").click().run()
    assert at.selectbox(key=form.RECIPE_NAME).value == "light" and "1 changed from quick" not in folds(at)
    at.get_by_key("train_preset").set_value("exercise").run()
    assert not any("changed" in label for label in folds(at))


def test_the_preset_is_kept_while_another_page_is_looked_at(home):
    at = page()
    at.get_by_key("train_preset").set_value("exercise").run()
    setting(at, "model.depth").set_value(2).run()
    at.switch_page("../pages/home.py").run()
    at.switch_page("../pages/train.py").run()
    assert at.get_by_key("train_preset").value == "exercise" and "1 changed from exercise" in folds(at)


def test_a_setting_is_found_by_name_among_the_folded(home):
    at = page()
    at.text_input(key=form_sections.FIND).set_value("drop").run()
    assert setting(at, "model.dropout").value == 0.0
    with pytest.raises(KeyError):
        setting(at, "model.growth")
    setting(at, "model.dropout").set_value(0.25).run()
    at.text_input(key=form_sections.FIND).set_value("").run()
    assert setting(at, "model.dropout").value == 0.25 and setting(at, "model.growth").value == 2.0


def test_a_search_says_why_a_setting_is_not_there(home):
    at = page()
    at.text_input(key=form_sections.FIND).set_value("gamma").run()
    assert "**Gamma** matters only with the loss focal." in texts(at)
    at.text_input(key=form_sections.FIND).set_value("batch size").run()
    assert "Always in sight above: Batch size." in texts(at)
    at.text_input(key=form_sections.FIND).set_value("[x](y) <b>").run()
    assert not at.exception and r"“\[x\](y) \<b>”" in texts(at)


def test_extra_that_is_no_json_does_not_hinder_once_it_no_longer_concerns(home):
    at = page()
    setting(at, "model.name").select("DilatedUNet").run()
    setting(at, "model.extra").set_value("[1, 2").run()
    assert at.button(key="train_start").disabled
    setting(at, "model.name").select("UNet").run()
    assert not at.button(key="train_start").disabled and not at.error

"""Editing a split in a real browser: click a movie over to val, write, and find the csv and its backup on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from playwright.sync_api import Page, expect

from seglib.data.records import read_csv
from seglib.data.substitute import backups

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("split")


@pytest.fixture(scope="module")
def app(home) -> Iterator[str]:
    with browser.running_app(home) as address:
        yield address


def sides(home: Path) -> dict[str, str]:
    return {record.group: record.split for record in read_csv(home / "demo" / "dataset.csv") if record.mask}


def move(tab: Page, group: str, side: str) -> None:
    row = tab.locator(f'.board tr[data-group="{group}"]')
    row.get_by_role("button", name=side, exact=True).click()
    expect(row.get_by_role("button", name=side, exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_split_is_clicked_written_and_brought_back(app, tab, home):
    file = home / "demo" / "dataset.csv"
    before, first = file.read_bytes(), sides(home)
    train = [group for group, side in first.items() if side == "train"]
    browser.visit(tab, f"{app}/data?view=Split")
    tab.wait_for_selector(".board[data-ready] img")
    move(tab, train[0], "Val")
    expect(tab.get_by_text("rows differ (split of")).to_be_visible()
    assert file.read_bytes() == before
    tab.get_by_role("button", name="Write dataset.csv").click()
    expect(tab.get_by_text("What stood there before is kept as")).to_be_visible()
    assert sides(home) == first | {train[0]: "val"}
    (backup,) = backups(home / "demo")
    assert backup.read_bytes() == before
    expect(tab.get_by_text("Nothing is changed")).to_be_visible()
    tab.reload()  # the address alone opens the new split
    pressed = tab.locator(f'.board tr[data-group="{train[0]}"] button[aria-pressed=true]')
    expect(pressed).to_have_text("Val")
    tab.get_by_text("Restore a backup", exact=True).click()
    tab.get_by_role("button", name="Bring it back").click()
    tab.get_by_role("button", name="Write dataset.csv").click()
    expect(pressed).to_have_text("Train")
    expect(tab.get_by_text("What stood there before is kept as")).to_be_visible()
    assert sides(home) == first and len(backups(home / "demo")) == 2
    assert not tab.problems


def test_ticked_groups_move_together_and_undo_takes_it_back(app, tab, home):
    browser.visit(tab, f"{app}/data?view=Split")
    tab.wait_for_selector(".board[data-ready] img")
    tab.locator(".board .all").check()
    tab.locator(".board [data-bulk=train]").click()
    expect(tab.get_by_text("Val is empty")).to_be_visible()
    assert tab.locator('.board button[data-side="val"][aria-pressed=true]').count() == 0
    tab.get_by_role("button", name="undo icon").click()
    expect(tab.get_by_text("Nothing is changed")).to_be_visible()
    expect(tab.locator('.board button[data-side="val"][aria-pressed=true]')).to_have_count(
        sum(side == "val" for side in sides(home).values())
    )
    assert not tab.problems

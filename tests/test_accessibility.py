"""axe on every page, light and dark: nothing may be found beyond what Streamlit itself brings.

What Streamlit brings is the white text of a primary button: in the dark theme the primary colour cannot give it a
contrast of 4.5 without taking it from the chosen one of several buttons, written in that colour on dark.
"""

from __future__ import annotations

import re
from pathlib import Path

import axe_playwright_python
import browser
import pytest
from browser import running_app, visit
from conftest import REPOSITORY
from made_up_errors import made_up_errors

from ui.errors.words import slug

pytestmark = browser.MARKS

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
OF_STREAMLIT = {"color-contrast": "button[kind=primary]"}  # rule -> what the element lies in
FOUND = """
async (known) => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const theirs = (rule, [place]) =>  // an array of places is an element of a component of ours
    known[rule] && typeof place === "string" && document.querySelector(place)?.closest(known[rule]);
  return violations.flatMap(({ id, nodes }) =>
    nodes.filter((node) => !theirs(id, node.target)).map((node) => `${id}: ${node.html.slice(0, 160)}`));
}
"""
PAGES = [
    *("/", "/data", "/data?view=Statistics", "/data?view=Findings", "/data?image=0"),
    *("/data?view=Split", "/data?view=Normalisation"),
    *("/augment", "/train", "/compare", "/errors", "/predict"),
]


ERRORS = (REPOSITORY / "pages" / "errors.py").read_text(encoding="utf-8")
SECTIONS = re.findall(r'^    "([^"]+)": \w+\.draw,', ERRORS, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The app with two made-up trainings on the demo data, so that no page is empty."""
    home = tmp_path_factory.mktemp("accessibility")
    for seed, name in enumerate(("one", "two")):
        made_up_errors(home, n_checkpoints=2, seed=seed, run_id=name, data=home / "demo" if seed else None)
    with running_app(home) as address:
        yield address


def violations(tab) -> list[str]:
    """`rule: element` for each one that is not Streamlit's own."""
    tab.evaluate(AXE)
    return tab.evaluate(FOUND, OF_STREAMLIT)


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing(app, tab, page):
    visit(tab, app + page)
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_timeout(800)  # components draw after the page has settled, colours change slowly
        assert not violations(tab), theme


@pytest.mark.parametrize("section", SECTIONS)
def test_axe_finds_nothing_in_a_section_of_errors(app, tab, section):
    visit(tab, f"{app}/errors?run=one&beside=two&look={slug(section)}")
    tab.locator(f"button[aria-checked=true]:has-text('{section}')").wait_for()
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_timeout(800)
        assert not violations(tab), theme


def test_axe_would_find_a_picture_without_a_text(app, tab):
    visit(tab, app)
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert any(line.startswith("image-alt") for line in violations(tab))

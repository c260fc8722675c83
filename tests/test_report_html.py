"""The page of a report in Chromium: nothing is fetched or run, nothing is wider than the screen, axe is content."""

from __future__ import annotations

import browser
import nbformat
import pytest
from made_report import made_report
from test_accessibility import violations

from seglib.report import comments, page

pytestmark = browser.MARKS


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page with a comment of the author's in it that tries what a page must not do."""
    folder = tmp_path_factory.mktemp("page")
    book = nbformat.read(made_report()[1].notebook, as_version=4)
    comment = next(cell for cell in book.cells if comments.name_of(cell) == "comment-curves")
    comment.source = "**Mine.** ![x](https://example.com/x.png) <script>document.title = 'ran'</script>"
    (folder / "report.html").write_text(page.render(book, folder), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture(scope="module")
def alone():
    """A tab that gets nothing but the file itself; `asked` lists what it asked for."""
    with browser.open_tab() as tab:
        tab.asked = []
        tab.on("request", lambda r: None if r.url.startswith("data:") else tab.asked.append(r.url))
        tab.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
        yield tab


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 1440), ("light", 800), ("dark", 400)])
def test_it_stands_alone(alone, file, theme, width):
    alone.asked.clear()
    alone.emulate_media(color_scheme=theme)
    alone.set_viewport_size({"width": width, "height": 900})
    alone.goto(file.as_uri())
    assert alone.asked == [file.as_uri()] and not alone.problems
    assert alone.title() == "Tiny <b>yeast</b>"
    assert alone.evaluate("document.documentElement.scrollWidth") <= width
    assert alone.evaluate("[...document.images].every(image => image.naturalWidth > 0 && image.alt)")
    ground = alone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (theme == "light")
    assert alone.locator("section.comment").inner_text().startswith("Mine.")


def test_headings_can_be_reached_from_the_contents(alone, file):
    alone.set_viewport_size({"width": 1440, "height": 900})
    alone.goto(file.as_uri())
    alone.click("nav >> text=Recurrent mistakes")
    assert alone.locator("h2:has-text('Recurrent mistakes')").bounding_box()["y"] < 100


def test_axe_finds_nothing(alone, file):
    """In a tab of its own: a policy that forbids every script forbids axe as well."""
    context = alone.context.browser.new_context(bypass_csp=True)
    tab = context.new_page()
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        tab.goto(file.as_uri())
        assert not violations(tab), theme
    context.close()

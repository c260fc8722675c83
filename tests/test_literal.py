"""Names from files are shown as they are, never as markup."""

import re

import pytest
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from ui.literal import literal


@pytest.mark.parametrize(
    "name",
    ["![x](//a.b/c.png)", "[cells](//a.b)", "<b>fat</b>", "**loud**", "`code`", "~~gone~~", "$x^2$", r"C:\movies\[1]"],
)
def test_markdown_shows_the_name_itself(name):
    tokens = MarkdownIt("commonmark").enable("strikethrough").parse(literal(name))[1].children
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert "".join(token.content for token in tokens).replace("\\$", "$") == name  # Streamlit's own: formulas


@pytest.mark.parametrize("name", ["see http://a.b/c", "HTTPS://a.b", "www.a.b", "[x](http://a.b)"])
def test_an_address_is_no_link(name):
    # as the page finds them in text: mdast-util-gfm-autolink-literal
    link = re.compile(r"(https?://|www(?=\.))([-.\w]+)([^ \t\r\n]*)", re.IGNORECASE)
    assert link.search(name) and not link.search(literal(name))
    assert literal(name).replace("\u2060", "").replace("\\", "") == name


def refused():
    import streamlit as st

    from ui.literal import literal

    st.error(literal("[a](//b).png is no picture"))


def test_a_page_sends_it_escaped():
    assert AppTest.from_function(refused).run().error[0].value == r"\[a\](//b).png is no picture"

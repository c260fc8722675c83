"""Page: a notebook's outputs -> one HTML file that needs nothing else: no script, no network, light and dark, to print.

Pictures that lie beside the notebook or are attached to a cell are put into the page. What is not ours (Markdown of the
author, outputs of the author's cells) is cleaned: only harmless tags stay, and nothing is fetched.
"""

from __future__ import annotations

import base64
import mimetypes
import re
from html import escape, unescape
from pathlib import Path
from typing import Any

import bleach
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown import markdown2html
from nbformat import NotebookNode

from seglib.report import comments

STYLE = Path(__file__).with_name("page.css")
MOST_PICTURE_BYTES = 4_000_000  # of one picture of the author's
_TAGS = set(
    re.findall(
        r"\w+",
        "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img "
        "kbd li ol p pre s span strong sub summary sup table tbody td tfoot th thead tr u ul",
    )
)
_ATTRIBUTES = {
    "*": ["class", "title"],
    "a": ["href"],
    "table": ["aria-label"],
    "img": ["src", "alt", "width", "height"],
    "td": ["colspan", "rowspan", "style"],
    "th": ["colspan", "rowspan", "style"],
    "ol": ["start"],
}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class _Styles:
    """The one style that a table of ours carries in its cells."""

    def sanitize_css(self, style: str) -> str:
        found = re.search(r"text-align:\s*(left|right|center)", style)
        return found.group(0) if found else ""


def render(book: NotebookNode, folder: Path) -> str:
    """The whole page of an executed notebook; folder: where pictures of the author's may lie."""
    body, contents = [], []
    for number, cell in enumerate(book.cells):
        if cell.cell_type == "markdown":
            body.append(_markdown(cell, folder, number, contents))
        elif cell.cell_type == "code":
            body.append(_code(cell))
    title = _title(book)
    index = "".join(
        f'<li class="level{level}"><a href="#{anchor}">{escape(text)}</a></li>' for level, text, anchor in contents
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}\n</style>\n</head>\n<body>\n"
        f'<nav aria-label="Contents"><h2>Contents</h2><ol>{index}</ol></nav>\n'
        f"<main>\n{''.join(body)}</main>\n</body>\n</html>\n"
    )


def _title(book: NotebookNode) -> str:
    for cell in book.cells:
        found = re.search(r"^# (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if found:
            return unescape(re.sub(r"\\(.)", r"\1", found.group(1))).strip()
    return "Report"


# -- cells


def _markdown(cell: NotebookNode, folder: Path, number: int, contents: list[tuple[int, str, str]]) -> str:
    name = comments.name_of(cell)
    if name and name.startswith(comments.COMMENT) and not comments.is_changed(cell):
        return ""  # nobody has written there
    html = _cleaned(_with_pictures(_as_html(cell.source), cell, folder))
    written = comments.is_authors(cell) or bool(name and name.startswith(comments.COMMENT))
    kind = "comment" if written else "text"
    if not written:
        html = _anchored(html, number, contents)
    return f'<section class="{kind}">{html}</section>\n'


def _as_html(markdown: str) -> str:
    """Without the pilcrows that nbconvert sets behind headings."""
    return re.sub(r'<a class="anchor-link"[^>]*>.*?</a>', "", markdown2html(markdown))


def _anchored(html: str, number: int, contents: list[tuple[int, str, str]]) -> str:
    """Headings that the table of contents can point at."""

    def with_id(found: re.Match) -> str:
        level, text = int(found.group(1)), re.sub(r"<[^>]*>", "", found.group(2)).strip()
        anchor = f"part-{number}-{len(contents)}"
        contents.append((level, unescape(text), anchor))
        return f'<h{level} id="{anchor}">{escape(unescape(text))}</h{level}>'

    return re.sub(r"<h([23])[^>]*>(.*?)</h\1>", with_id, html, flags=re.DOTALL)


def _code(cell: NotebookNode) -> str:
    shown = "".join(_output(cell, output) for output in cell.get("outputs", []))
    source = Highlight2HTML()(cell.source) if cell.source.strip() else ""
    folded = f"<details class='code'><summary>Code</summary>{source}</details>" if source else ""
    return f'<section class="cell">{shown}{folded}</section>\n'


def _output(cell: NotebookNode, output: NotebookNode) -> str:
    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>"
    if output.output_type == "error":
        return f"<pre class='error'>{escape(f'{output.ename}: {output.evalue}')}</pre>"
    data = output.get("data", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            return _figure(data, kind, output.get("metadata", {}).get(kind, {}))
    if "text/html" in data:
        return _cleaned(data["text/html"])
    if "text/markdown" in data:
        return _cleaned(_as_html(data["text/markdown"]))
    text = data.get("text/plain", "")
    return f"<pre>{escape(text)}</pre>" if text else ""


def _figure(data: dict[str, Any], kind: str, about: dict[str, Any]) -> str:
    content = re.sub(r"\s", "", data[kind])
    alt = escape(str(about.get("alt") or data.get("text/plain", "")))
    width = f' width="{int(about["width"])}"' if str(about.get("width", "")).isdigit() else ""
    return f'<figure><img src="data:{kind};base64,{content}" alt="{alt}"{width}></figure>'


# -- what is not ours


def _cleaned(html: str) -> str:
    html = re.sub(r"<(style|script)\b.*?</\1\s*>", "", html, flags=re.DOTALL | re.IGNORECASE)
    return bleach.clean(
        html,
        tags=_TAGS,
        attributes=_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        css_sanitizer=_Styles(),
    )


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href":
        return not value.startswith("data:")
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, ())


def _with_pictures(html: str, cell: NotebookNode, folder: Path) -> str:
    """Pictures attached to the cell, or files in the notebook's folder, as data in the page; of others a word."""

    def inlined(found: re.Match) -> str:
        tag = found.group(0)
        source = re.search(r'\bsrc="([^"]*)"', tag)
        name = unescape(source.group(1)) if source else ""
        data = name if name.startswith("data:image/") else _attached(cell, name) or _file(folder, name)
        if not data:
            return f"<em>[the picture {escape(name)} is not in this page]</em>"
        return tag.replace(source.group(0), f'src="{data}"')

    return re.sub(r"<img\b[^>]*>", inlined, html, flags=re.IGNORECASE)


def _attached(cell: NotebookNode, source: str) -> str:
    if not source.startswith("attachment:"):
        return ""
    found = cell.get("attachments", {}).get(source.removeprefix("attachment:"), {})
    return next((f"data:{kind};base64,{content}" for kind, content in found.items() if kind.startswith("image/")), "")


def _file(folder: Path, source: str) -> str:
    """A picture that lies in the folder or below it; nothing outside, nothing larger than MOST_PICTURE_BYTES."""
    kind = mimetypes.guess_type(source)[0] or ""
    file = (folder / source).resolve()
    if (
        ":" in source
        or not kind.startswith("image/")
        or not file.is_relative_to(folder.resolve())
        or not file.is_file()
    ):
        return ""
    if file.stat().st_size > MOST_PICTURE_BYTES:
        return ""
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"

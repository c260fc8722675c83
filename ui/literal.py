"""Text from outside, such as file names in messages, shown as it is: Streamlit reads what it is given as Markdown."""

from __future__ import annotations

import re

# What makes links, pictures, directives, formulas, code, emphasis and HTML; a lone `_` or `:` only changes the look
_MARKUP = re.compile(r"([\\`*\[\]<$~|])")
# A bare address becomes a link even behind a backslash; a character that joins words and is not seen keeps it from that
_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
_UNSEEN = "\u2060"


def literal(text: object) -> str:
    """`text` with a backslash before every character that Markdown would take for markup; addresses are no links."""
    return _ADDRESS.sub(rf"\1{_UNSEEN}", _MARKUP.sub(r"\\\1", str(text)))

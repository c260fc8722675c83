"""Text from outside, such as file names in messages, shown as it is: Streamlit reads what it is given as Markdown."""

from __future__ import annotations

import re

# What makes links, pictures, directives, formulas, code, emphasis and HTML; a lone `_` or `:` only changes the look
_MARKUP = re.compile(r"([\\`*\[\]<$~|])")


def literal(text: object) -> str:
    """`text` with a backslash before every character that Markdown would take for markup."""
    return _MARKUP.sub(r"\\\1", str(text))

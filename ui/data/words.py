"""Words that the views of the Data page share."""

from __future__ import annotations


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."

"""Words that the views of the Data page share."""

from __future__ import annotations

from ui.literal import literal


def sentence(text: str) -> str:
    """`text`, which may name files, as a sentence for Markdown."""
    return literal(f"{text[:1].upper()}{text[1:].rstrip('.')}.")


def plural(n: int, noun: str) -> str:
    """`1 picture`, `2,000 pictures`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"

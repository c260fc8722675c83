"""Rules: the common form of what is said about every picture that shows one defect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from seglib.data.facts import Facts, MaskFacts
from seglib.data.records import Record
from seglib.data.report import Finding

Table = Sequence[tuple[Record, Facts]]


def rule(
    code: str,
    severity: str,
    table: Table,
    hit: Callable[[Facts], bool],
    explanation: str,
    remedy: str,
    mask: bool = False,
) -> Iterator[Finding]:
    """One finding that lists every picture (or its mask) where `hit` is true; {n} is their number."""
    files = tuple((record.mask if mask else record.image) or record.image for record, fact in table if hit(fact))
    if files:
        yield Finding(code, severity, files, explanation.format(n=len(files)), remedy)


def masks(hit: Callable[[MaskFacts], bool]) -> Callable[[Facts], bool]:
    return lambda fact: fact.mask is not None and hit(fact.mask)

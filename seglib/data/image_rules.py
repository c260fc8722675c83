"""Rules about images: their types and sizes, and whether they hold any picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from seglib.data.facts import Facts
from seglib.data.report import Finding
from seglib.data.rules import Table, rule

SATURATED_SHARE = 0.02


def _kinds(table: Table) -> Iterator[Finding]:
    kinds = Counter(fact.kind for _, fact in table)
    if len(kinds) > 1:
        rare = {kind for kind in kinds if kind != kinds.most_common(1)[0][0]}
        text = "images of different types: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        files = tuple(record.image for record, fact in table if fact.kind in rare)
        yield Finding("types_differ", "warning", files, text, "Fine if meant; otherwise export all in the same way.")
    n_rgb = sum(n for kind, n in kinds.items() if kind.endswith("RGB"))
    if n_rgb:
        text = f"{n_rgb} images are RGB and are used as luminance"
        yield Finding("rgb_as_luminance", "note", (), text, "Nothing to do; if one channel is better, export that one.")


def _constant(table: Table) -> Iterator[Finding]:
    text = "{n} images have one grey value everywhere"
    remedy = "The exposure or the export failed; remove them or export again."
    yield from rule("constant_image", "warning", table, lambda fact: fact.constant, text, remedy)


def _saturated(table: Table) -> Iterator[Finding]:
    def hit(fact: Facts) -> bool:
        return fact.saturated > SATURATED_SHARE and not fact.constant

    text = f"{{n}} images have more than {SATURATED_SHARE:.0%} of their pixels at full white: detail is lost there"
    yield from rule(
        "saturated_image", "warning", table, hit, text, "Shorten the exposure, or export without stretching."
    )


def _sizes(table: Table) -> Iterator[Finding]:
    sizes = Counter(fact.shape for _, fact in table)
    if len(sizes) < 2:
        return
    named = ", ".join(f"{n} of {height} × {width}" for (height, width), n in sizes.most_common(4))
    text = f"images of {len(sizes)} sizes (height × width): {named}" + (" …" if len(sizes) > 4 else "")
    rare = {size for size in sizes if size != sizes.most_common(1)[0][0]}
    files = tuple(record.image for record, fact in table if fact.shape in rare)
    remedy = "Fine as long as a cell has the same size in px everywhere; otherwise bring them to one scale."
    yield Finding("sizes_differ", "note", files, text, remedy)


RULES = (_kinds, _sizes, _constant, _saturated)

"""Report: what `check` found, finding by finding."""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """severity is error (training would fail or mislead), warning (look at it) or note (good to know).

    pairs: where the finding is about two pictures each: (image, image, distance), 0 = one scene, 1 = nothing in common.
    """

    code: str
    severity: str
    files: tuple[str, ...]
    explanation: str
    remedy: str
    pairs: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A val picture, the train picture most like it, and their distance, 1 - likeness (0 = one scene, 1 = nothing)."""

    image: str
    train: str
    distance: float


@dataclass(frozen=True)
class Report:
    """n_pairs counts pictures with a mask, n_unlabelled those without; findings stand with errors first.

    nearest: of every val picture the train picture most like it, as far as both could be read.
    """

    n_images: int
    n_pairs: int
    n_unlabelled: int
    findings: tuple[Finding, ...]
    nearest: tuple[Neighbour, ...] = ()

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)

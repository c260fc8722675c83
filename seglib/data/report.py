"""Report: what `check` found, in short."""

from __future__ import annotations

from dataclasses import dataclass

from seglib.data.findings import Finding


@dataclass(frozen=True)
class Report:
    """n_pairs counts pictures with a mask, n_unlabelled those without; findings stand with errors first."""

    n_images: int
    n_pairs: int
    n_unlabelled: int
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        return sum(finding.severity == severity for finding in self.findings)

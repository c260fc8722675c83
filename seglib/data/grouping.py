"""Grouping: other answers to which pictures belong together than dataset.csv gives: by name, by file, by a pattern."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath

from seglib.data.splits import group_of
from seglib.exceptions import InputError

LONGEST_PATTERN = 200
PATIENCE_S = 3.0
# Run apart from us: a pattern such as (a+)+$ can take for ever, and Python's `re` cannot be stopped from within.
_SEARCH = """
import json, re, sys
pattern, names = json.load(sys.stdin)
try:
    found = [re.search(pattern, name) for name in names]
except (re.error, OverflowError, RecursionError) as error:
    json.dump({"error": str(error)}, sys.stdout)
else:
    parts = [m and ([p for p in m.groups() if p] or [m.group()]) for m in found]
    json.dump({"groups": [p and "_".join(p) for p in parts]}, sys.stdout)
"""


def by_name(images: Sequence[str]) -> list[str]:
    """The name up to the frame number."""
    return [group_of(image, "name") for image in images]


def by_file(images: Sequence[str]) -> list[str]:
    """Every picture on its own."""
    return [group_of(image, "file") for image in images]


def by_pattern(images: Sequence[str], pattern: str) -> list[str | None]:
    """What a regular expression finds in each file's path without its ending: its (…) parts, joined by _, or the match.

    None where it finds nothing. Raises InputError for a pattern that is none, is longer than 200 characters, finds an
    empty text, or needs longer than 3 s.
    """
    if not pattern or len(pattern) > LONGEST_PATTERN:
        raise InputError(f"the pattern has {len(pattern)} characters; allowed: 1 to {LONGEST_PATTERN}.")
    names = [str(PurePosixPath(image).with_suffix("")) for image in images]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SEARCH],
            input=json.dumps([pattern, names]),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise InputError(f"the pattern {pattern!r} takes longer than {PATIENCE_S:g} s; write it more simply.") from None
    except (OSError, ValueError, subprocess.CalledProcessError):
        raise InputError(f"the pattern {pattern!r} could not be tried on these names; write it more simply.") from None
    if "error" in answer:
        raise InputError(f"{pattern!r} is no regular expression: {answer['error']}.")
    if "" in answer["groups"]:
        raise InputError(f"the pattern {pattern!r} finds an empty text; a group needs a name. Try .+ instead of .*")
    return answer["groups"]

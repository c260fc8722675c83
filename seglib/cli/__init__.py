"""The command line: `python -m seglib COMMAND`: demo, import, check, train, queue, experiment, evaluate, errors,
review, predict, weakness, realism, report.

Results go to standard output, progress and notes to standard error. Exit 0, or 2 with one line for a mistake that
the person can mend. Rooms that need torch are imported by the command that needs them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from seglib.cli.parser import build_parser
from seglib.exceptions import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a Windows console may lack a sign; a run must not end for that
    try:
        args = build_parser().parse_args(arguments)
        return args.command(args) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `… | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # no room, no permission, a file where a folder should be
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130

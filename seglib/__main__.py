"""`python -m seglib`: the command line."""

import sys

from seglib.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The one exception that means "the person can mend this": shown as one clear line, never as a traceback."""

import unicodedata


class InputError(ValueError):
    """Bad input. The message is one line: what was got, what is allowed, what to do.

    File names go into messages and may hold anything: what breaks a line, turns the direction of writing or cannot be
    encoded is written as its escape.
    """

    def __init__(self, message: object = ""):
        super().__init__("".join(map(_visible, str(message))))


def _visible(character: str) -> str:
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character.encode("unicode_escape").decode("ascii") if hidden else character

"""The one exception that means "the person can mend this": shown as one clear line, never as a traceback."""


class InputError(ValueError):
    """Bad input. The message is one line: what was got, what is allowed, what to do."""

"""The one error that is a clear word to a person: a command ends with it and exit code 2."""


class UsageError(Exception):
    """What was wrong and what to do, in one line, without any secret in it."""

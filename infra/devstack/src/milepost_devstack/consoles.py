"""The one way to a console for people: what others wrote is printed as it was written; it prints nothing itself."""

from rich.console import Console


def plain_console(*, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that takes neither `:100:` for a picture nor a number for something to colour.

    A name or a line of a file may hold both; markup has to be escaped where it is put into a sentence.
    """
    return Console(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, emoji=False)

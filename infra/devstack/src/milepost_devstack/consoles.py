"""The one way to a console for people: what others wrote is printed as it was written; programs get JSON elsewhere."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def plain_console(*, stderr: bool = False, quiet: bool = False, soft_wrap: bool = False) -> Console:
    """Return a console that takes neither `:100:` for a picture nor a number for something to colour.

    A name or a line of a file may hold both; markup has to be escaped where it is put into a sentence.
    """
    return Console(stderr=stderr, quiet=quiet, soft_wrap=soft_wrap, highlight=False, emoji=False)


def show_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a list under small headings."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(escape, row))
    plain_console().print(table)

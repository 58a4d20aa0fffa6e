"""Reads CSV row by row; it never guesses what a column means."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from milepost_devstack.importing.columns import Wishes, plan
from milepost_devstack.importing.files import LINE_LIMIT, NotReadable, Opened, text_of

_DELIMITERS = ",;\t|"
# A row without quotes around it may hold more than csv expects of one cell.
csv.field_size_limit(LINE_LIMIT)


@dataclass
class Csv:
    """A CSV file; its first row names the columns. Row n of the import is the n-th row after it."""

    opened: Opened
    wanted: Wishes
    encoding: str = "utf-8"
    delimiter: str = ""

    def lines(self, skip: int) -> Iterator[bytes]:
        """Yield each row after the first `skip` as a line; raises NotReadable and ColumnsUnclear."""
        rows = self._rows()
        _, names = next(rows, (0, []))
        if not names:
            raise NotReadable(f"{self.opened.path} is empty: its first row has to name the columns.")
        ready = plan(names, self.wanted)
        for number, (_, row) in enumerate(rows):
            if number >= skip:
                yield ready.line(row)

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield every row that is not blank with the number of its first line in the file."""
        with text_of(self.opened.open(), self.encoding) as text:
            delimiter = self.delimiter or self._sniff()
            reader = csv.reader(text, delimiter=delimiter)
            last = 0
            try:
                for row in reader:
                    # Behind a cell that the break left open nothing is known to be as it was.
                    if row and not (self.opened.broken_off and row[-1].endswith(("\n", "\r"))):
                        yield last + 1, row
                    last = reader.line_num
            except (csv.Error, UnicodeError) as error:
                raise NotReadable(
                    f"{self.opened.path}, line {last + 1}: {error}; is a quotation mark left open there?"
                ) from None

    def _sniff(self) -> str:
        """Return the delimiter that the first line has most of outside quotes."""
        with text_of(Opened(self.opened.path).open(), self.encoding) as text:
            head = "".join(text.readline(LINE_LIMIT).split('"')[::2])
        return max(_DELIMITERS, key=head.count)

    def read(self) -> float:
        """Return which part of the file has been read."""
        return self.opened.read()

    def places(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """Return row and line of these rows; cells may span lines, so the file is read again up to the last one."""
        wanted, found = set(numbers), {}
        for number, (line, _) in enumerate(self._rows()):
            if number in wanted:
                found[number] = f"row {number}, line {line}"
            if len(found) == len(wanted):
                break
        self.opened.close()
        return found

    def total(self) -> int | None:
        """Return None: counting the rows means reading them."""
        return None

    def broken_off(self) -> str:
        """Return where the file was found to break off."""
        return self.opened.broken_off

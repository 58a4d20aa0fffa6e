"""Opens a file of events, however it is written, and reads it forwards; it keeps one row at a time."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from milepost_devstack.refusal import Refusal

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LINE_LIMIT = 256 * 1024
_BLOCK = 1 << 20


class NotReadable(Refusal):
    """The file cannot be read as what it is said to be; the message names the place and a remedy."""


class Rows(Protocol):
    """A file as lines to send. Line n of the import is row n of the file."""

    def lines(self, skip: int) -> Iterator[bytes]:
        """Yield every line after the first `skip`, without its end."""

    def read(self) -> float:
        """Return which part of the file has been read, 0 to 1."""

    def places(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """Return where in the file these lines of the import stand, in words of people."""

    def total(self) -> int | None:
        """Return how many lines there are, when that is known without reading them all."""

    def broken_off(self) -> str:
        """Return where the file was found to break off, in words of people; empty: nowhere so far."""


@dataclass
class Opened:
    """Opens a file anew for each reading and knows how far the last one has come; `.gz` is unpacked on the way."""

    path: Path
    file: io.BufferedReader | None = None
    broken_off: str = ""

    def open(self) -> io.BufferedIOBase:
        """Return the bytes from the beginning; raises NotReadable."""
        self.close()
        try:
            self.file = self.path.open("rb")
        except OSError as error:
            raise NotReadable(f"cannot read {self.path} ({error.strerror}).") from error
        return self.file if self.path.suffix != ".gz" else io.BufferedReader(_Unpacked(self, self.file), _BLOCK)

    def read(self) -> float:
        """Return which part has been read, in bytes as they lie on the disk."""
        size = self.path.stat().st_size
        return 1.0 if self.file is None or self.file.closed or not size else min(1.0, self.file.tell() / size)

    def close(self) -> None:
        """Let go of the file."""
        if self.file is not None:
            self.file.close()
            self.file = None


class _Unpacked(io.RawIOBase):
    """What a packed file holds; where it breaks off it ends behind the last whole line, and `opened` is told.

    Raises NotReadable when it is no packed file at all.
    """

    def __init__(self, opened: Opened, file: io.BufferedReader) -> None:
        super().__init__()
        self._opened = opened
        self._packed = gzip.GzipFile(fileobj=file)
        self._ready = memoryview(b"")
        self._held = b""
        self._ended = False
        self._read = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer with what comes next and return how many bytes that are."""
        while not self._ready and not self._ended:
            self._unpack()
        room = memoryview(buffer).cast("B")
        some = min(len(room), len(self._ready))
        room[:some] = self._ready[:some]
        self._ready = self._ready[some:]
        return some

    def _unpack(self) -> None:
        """Make whole lines ready; of a line without end so much that it is seen to be too long."""
        try:
            block = self._packed.read1(_BLOCK // 4)  # what comes before the break comes whole
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._ended = True
            self._break_off(error)
            return
        self._read += len(block)
        self._ended = not block
        whole = self._held + block
        end = len(whole) if self._ended else whole.rfind(b"\n") + 1
        if not end and len(whole) > _BLOCK:
            end = len(whole)
        self._ready, self._held = memoryview(whole[:end]), whole[end:]

    def _break_off(self, error: Exception) -> None:
        path = self._opened.path
        if not self._read:
            raise NotReadable(f"{path} cannot be unpacked ({error}): is it whole, and packed with gzip?") from None
        self._opened.broken_off = f"{path} breaks off behind {self._read:,} unpacked bytes ({error})"


@dataclass
class JsonLines:
    """A file that holds one event a line already; nothing in it is touched."""

    opened: Opened

    def lines(self, skip: int) -> Iterator[bytes]:
        """Yield every line after the first `skip`; raises NotReadable for UTF-16."""
        with self.opened.open() as file:
            for number, line in enumerate(bounded(file)):
                if number == 0:
                    line = self._first(line)  # noqa: PLW2901 - the same line without its mark
                if number >= skip:
                    yield line

    def _first(self, line: bytes) -> bytes:
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise NotReadable(f"{self.opened.path} is written in UTF-16: save it as UTF-8.")
        return line.removeprefix(b"\xef\xbb\xbf")

    def read(self) -> float:
        """Return which part of the file has been read."""
        return self.opened.read()

    def places(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """Return the numbers of the lines."""
        return {number: f"line {number}" for number in numbers}

    def total(self) -> int | None:
        """Return None: counting the lines means reading them."""
        return None

    def broken_off(self) -> str:
        """Return where the file was found to break off."""
        return self.opened.broken_off


def bounded(file: io.BufferedIOBase) -> Iterator[bytes]:
    """Yield lines without their ends; of a line that is too long only so much that this can be seen."""
    while line := file.readline(LINE_LIMIT + 2):
        whole = line
        while len(whole) > LINE_LIMIT and not whole.endswith(b"\n"):
            whole = file.readline(LINE_LIMIT + 2)
            if not whole:
                break
        yield line.rstrip(b"\r\n")


def fingerprint(path: Path, said: Iterable[str], watch: Callable[[float], None]) -> str:
    """Return the digest of a file and of what was said about it; `watch` hears which part is done."""
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                watch(file.tell() / size)
    except OSError as error:
        raise NotReadable(f"cannot read {path} ({error.strerror}).") from error
    for text in said:
        digest.update(f"\0{text}".encode())
    return digest.hexdigest()


def text_of(file: io.BufferedIOBase, encoding: str) -> io.TextIOWrapper:
    """Return the text of a file; a byte order mark decides, bytes that are no text survive as they are."""
    assert isinstance(file, io.BufferedReader)
    head = file.peek(4)[:4]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif head.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    try:
        return io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raise NotReadable(f"--encoding {encoding} is no encoding that Python knows.") from None

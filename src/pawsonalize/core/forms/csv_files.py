"""Reads CSV of any size and any quality, one record at a time; reports what is wrong with a row."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.logs import get_logger
from pawsonalize.core.schemas import DatasetType

UTF8 = "utf-8"
_GZIP = b"\x1f\x8b"
_NO_TEXT = {
    b"PK\x03\x04": "a zip or an Excel file",
    b"\xd0\xcf\x11\xe0": "an Excel file of before 2007",
    b"%PDF": "a PDF",
}
_MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_CHUNK = 1 << 20
_SAMPLE = 4_096
_SURE = 0.4  # so many of every second byte are zeros in UTF-16 of any European language
_DAMAGED = re.compile("[\udc80-\udcff]")
_OTHERS = re.compile("[^\0-\x7f\udc80-\udcff]")
DAMAGE = "\udcff"  # a lone surrogate, which no encoding has; in UTF-8 it is a byte that none has
_MARKING = "pawsonalize.damage"

log = get_logger()


class TextForm(msgspec.Struct, frozen=True):
    """The encoding and the separator of a file's text; None means that it is detected."""

    encoding: str | None = None
    separator: str | None = None


def read_text_form(encoding: str | None, separator: str | None) -> TextForm:
    """The form as people name it; InvalidInput for an encoding or a separator nobody knows."""
    name = None
    if encoding is not None:
        try:
            name = codecs.lookup(encoding).name
            "".encode(name)  # some codecs are not of text
        except (LookupError, TypeError) as error:
            raise InvalidInput(
                f"there is no encoding {encoding}: write utf-8, cp1252, latin-1 or utf-16",
                field="encoding",
            ) from error
    if separator is None:
        return TextForm(name)
    found = SEPARATORS.get(separator.strip().lower(), separator.replace("\\t", "\t"))
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise InvalidInput(
            f"the separator must be {', '.join(SEPARATORS)} or one character, not {separator}",
            field="separator",
        )
    return TextForm(name, found)


def as_text(stream: BinaryIO, encoding: str | None = None) -> tuple[io.TextIOWrapper, str]:
    """The seekable stream's text, and its encoding; InvalidInput if it is no text file.

    What cannot be decoded is `DAMAGE`.
    """
    start = stream.read(max(map(len, _NO_TEXT)))
    stream.seek(0)
    if start in _NO_TEXT:
        raise InvalidInput(
            f"this is {_NO_TEXT[start]}: save it as CSV (in Excel by File, Save As, CSV UTF-8)"
        )
    if start.startswith(_GZIP):
        stream = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]  # it is one
    with report_damage():
        name = encoding or _encoding_of(stream)
        stream.seek(0)
        start = stream.read(_SAMPLE)
        stream.seek(0)
    # Excel's "CSV (Macintosh)" ends its lines by this alone.
    newline = "\r" if b"\r" in start and b"\n" not in start else "\n"
    return _Text(stream, name, _MARKING, newline=newline), name


def separator_of(line: str) -> str:
    """The separator of a file's first line: the one that gives the most names."""

    def names(separator: str) -> int:
        try:
            found = next(csv.reader([line.strip()], delimiter=separator), [])
        except csv.Error:
            return 0
        # A quote in a name says that the separator has cut a quoted text.
        return 0 if any('"' in name for name in found) else len(found)

    return max(SEPARATORS.values(), key=names)


@contextmanager
def report_damage() -> Iterator[None]:
    """InvalidInput where a gzip file that the block reads is damaged or cut short."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"the gzip file is damaged or cut short ({error}): send it again"
        ) from error


class _Text(io.TextIOWrapper):
    def __del__(self) -> None:
        """Leave the stream open: whoever opened it closes it."""


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return DAMAGE, error.end


codecs.register_error(_MARKING, _mark_damage)


def _encoding_of(stream: BinaryIO) -> str:
    start = stream.read(_SAMPLE)
    marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    return marked or _wide(start) or (UTF8 if _is_utf8(start, stream) else "cp1252")


def _wide(start: bytes) -> str | None:
    """UTF-16 without a mark."""
    # Every second byte is a zero, and no other one is.
    first, second = start[::2].count(0), start[1::2].count(0)
    sure = _SURE * len(start) / 2
    if not first and second > sure:
        return "utf-16-le"
    return "utf-16-be" if not second and first > sure else None


def _is_utf8(start: bytes, stream: BinaryIO) -> bool:
    # No bytes are damage, or fewer than are letters: then it is UTF-8 that was damaged.
    decoder = codecs.getincrementaldecoder(UTF8)("surrogateescape")
    damaged = others = 0
    chunk = start
    while chunk:
        # ASCII needs no look, unless the chunk before ended within a letter.
        if not chunk.isascii() or decoder.getstate()[0]:
            text = decoder.decode(chunk)
            damaged += len(_DAMAGED.findall(text))
            others += len(_OTHERS.findall(text))
        chunk = stream.read(_CHUNK)
    damaged += len(decoder.decode(b"", final=True))
    return damaged <= others


class RowError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Reason for which a row was left out. `line` counts from 1; no column: the whole row."""

    line: int
    column: str | None
    reason: str
    value: str | None = None


OnError = Callable[[RowError], None]


class ImportReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one file, with the first few errors; duplicates were imported before.

    `columns` are the file's names for ours, where they were named or guessed, and `left_out` counts
    lines of a log that were no interactions, by their event. A dry run has the users, the items and
    the moments of the first and the last event that would come in.
    """

    dataset: DatasetType
    accepted: int
    duplicates: int
    rejected: int
    first_errors: tuple[RowError, ...]
    columns: Mapping[str, str] = {}
    note: str = ""
    left_out: Mapping[str, int] = {}
    users: int | None = None
    items: int | None = None
    first: str | None = None
    last: str | None = None

    @property
    def is_refused(self) -> bool:
        """True if there were rows and none of them was good."""
        return bool(self.rejected or self.left_out) and not self.accepted + self.duplicates


MAX_FIELD_CHARS = 20_480  # Amazon Personalize's limit for the longest kind of field, a text
_MAX_LINE_CHARS = 1 << 20
_MOST_COLUMNS = 1_000
_MOST_EMPTY = 5_000
_BOM = "\ufeff"
DETECTED = TextForm()


class CsvRow(msgspec.Struct, frozen=True):
    """A record with as many values as the header has names; `line` is where it begins."""

    line: int
    values: list[str]


class CsvTable:
    """A CSV file with a header, upper-cased; InvalidInput if that cannot be read.

    With `names_all`, a column without a name, or with one that is there before, gets its own.
    With `header`, the file has no line of names, and these are they.
    """

    def __init__(
        self,
        stream: BinaryIO,
        form: TextForm = DETECTED,
        *,
        names_all: bool = False,
        header: Sequence[str] = (),
        note: str = "",
    ) -> None:
        # For the whole process; of itself Python takes up to 131,072.
        csv.field_size_limit(MAX_FIELD_CHARS)
        text, self.encoding = as_text(stream, form.encoding)
        self._source = stream
        self.lines = Lines(text)
        self.separator = form.separator or separator_of(self.lines.first)
        self._reader = csv.reader(self.lines, strict=True, delimiter=self.separator)
        self.written = tuple(header)  # names as the file has them
        self.header = tuple(map(str.upper, header))
        self.header = self.header or self._read_header(names_all)
        self.renamed = dict[str, str]()  # by our name of a column, that of the file
        self.left_out = Counter[str]()
        self.note = note

    @property
    def bytes_read(self) -> int:
        """Number of bytes of the file that were read."""
        return self._source.tell()

    def rename(self, name: str, other: str) -> None:
        """Call a column by another name; InvalidInput if another one has that name."""
        if name not in self.header:
            return
        if name != other in self.header:
            raise InvalidInput(
                f"the file has a column {other} beside {name}, which is to be that: rename or"
                " remove one",
                field=other,
            )
        self.renamed[other] = self.written[self.header.index(name)]
        self.header = tuple(other if column == name else column for column in self.header)

    def rows(self) -> Iterator[CsvRow | RowError]:
        """The records after the header; those without a value are none, and many end the file."""
        empty = 0
        while (record := self._next()) is not None:
            if isinstance(record, CsvRow):
                if not any(map(str.strip, record.values)):
                    empty += 1
                    if empty > _MOST_EMPTY:  # a small packed file may hold millions
                        reason = f"follows {_MOST_EMPTY:,} empty rows: what is below was not read"
                        yield RowError(record.line, None, reason)
                        return
                    continue
                empty = 0
                # Spreadsheets write empty cells behind the last column that has a name.
                while len(record.values) > len(self.header) and not record.values[-1].strip():
                    record.values.pop()
                if len(record.values) != len(self.header):
                    wrong = f"has {len(record.values)} fields, but the header has"
                    record = RowError(record.line, None, f"{wrong} {len(self.header)}")
            yield record

    def _read_header(self, names_all: bool) -> tuple[str, ...]:
        record = self._next()
        if record is None:
            raise InvalidInput("the file is empty: its first line must name the columns")
        if isinstance(record, RowError):
            raise InvalidInput(
                f"the first line must name the columns, but it {record.reason}; save the file as"
                " CSV in UTF-8, or name its encoding"
            )
        self.written = tuple(map(str.strip, record.values))
        header = tuple(map(str.upper, self.written))
        if not all(name.isprintable() for name in header):
            raise InvalidInput(
                "the first line has control characters: save the file as CSV in UTF-8, or name its"
                " encoding"
            )
        if len(header) > _MOST_COLUMNS:
            wrong = f"the file has {len(header):,} columns, at most {_MOST_COLUMNS:,} are read"
            raise InvalidInput(f"{wrong}: leave out those that say nothing of its rows")
        found: list[str] = []
        for place, name in enumerate(header, start=1):
            own = name
            if names_all and (not name or name in found):
                own = f"{name or 'COLUMN'} {place}"
            if own and own in found:
                raise InvalidInput(
                    f"two columns are named {name[:80]}: rename or remove one", field=name[:80]
                )
            if not own:
                log.warning("a column without a name is left out", column=place)
            found.append(own)
        return tuple(found)

    def _next(self) -> CsvRow | RowError | None:
        while True:
            first = self.lines.line + 1
            try:
                values = next(self._reader)
            except StopIteration:
                return None
            except (csv.Error, LineTooLong) as error:
                # A record that cannot be read costs itself alone: reading goes on with the next
                # line.
                reason, last = str(error), self.lines.line
                reason = next((words for part, words in _REASONS.items() if part in reason), reason)
                if last > first:
                    reason += f" (a quote is left open: lines {first} to {last} were skipped)"
                return RowError(first, None, reason)
            damaged = next((at for at, value in enumerate(values) if DAMAGE in value), None)
            if damaged is not None:
                column = self.header[damaged] if damaged < len(self.header) else None
                return RowError(first, column, f"is not {self.encoding.upper()} text")
            if values:
                return CsvRow(first, list(map(_as_it_was, values)))


# Spreadsheets run a cell that begins so (OWASP, "CSV injection"), but not behind an apostrophe.
# A plain word after a sign, such as a random id, can call nothing: it stays the same everywhere.
_FORMULA = re.compile(r"'*(?:[=@\t\r\n]|[+-](?![\w.+-]*\Z))")


def no_formula(text: str) -> str:
    """The text as a cell that no spreadsheet runs; `CsvTable` reads it as it was."""
    return f"'{text}" if _FORMULA.match(text) else text


def _as_it_was(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


class LineTooLong(Exception):
    """Raised in place of a line that is too long to be read."""


class Lines:
    """The lines of a text, never holding more than one; counts as it goes."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.line = 0
        self.first = self._read().removeprefix(_BOM)
        while self.first and not self.first.strip():
            self.line += 1
            self.first = self._read()
        self._ahead = self.first

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line, self._ahead = self._ahead or self._read(), ""
        if not line:
            raise StopIteration
        self.line += 1
        if _is_cut(line):
            while _is_cut(self._read()):
                pass
            raise LineTooLong(f"is longer than {_MAX_LINE_CHARS:,} characters")
        return line

    def _read(self) -> str:
        with report_damage():
            return self._text.readline(_MAX_LINE_CHARS)


def _is_cut(line: str) -> bool:
    # The first line may have lost its mark.
    return len(line) >= _MAX_LINE_CHARS - len(_BOM) and not line.endswith(("\n", "\r"))


_REASONS = {  # parts of the messages of Python's reader, and better words
    "field limit": f"has a field of more than {MAX_FIELD_CHARS:,} characters",
    "unexpected end": "opens a quote that is never closed",
    "new-line": "has a carriage return inside a field without quotes",
    "expected after": "has text after a closing quote",
}

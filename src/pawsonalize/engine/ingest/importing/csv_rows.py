"""Reads CSV of any size and any quality, one record at a time; reports what is wrong with a row.

A record that cannot be read becomes a RowError, and reading goes on with the next line.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.ingest.importing.text_form import (
    TextForm,
    in_utf8,
    report_damage,
    separator_of,
)


@dataclass(frozen=True, slots=True)
class RowError:
    """Reason for which a row was left out. `line` counts from 1; no column: the whole row."""

    line: int
    column: str | None
    reason: str

    def json_line(self) -> bytes:
        """The error as one line of a JSON Lines report."""
        return msgspec.json.encode(self) + b"\n"


OnError = Callable[[RowError], None]


def unreported(_error: RowError) -> None:
    """For callers that want only the first errors of the report."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of one file: each of its rows was accepted, a duplicate or rejected.

    Duplicates were imported before. `first_errors` has the first few of the rejected.
    """

    dataset: DatasetType
    accepted: int
    duplicates: int
    rejected: int
    first_errors: tuple[RowError, ...]

    @property
    def is_refused(self) -> bool:
        """Whether there were rows and none of them was good."""
        return bool(self.rejected) and not self.accepted + self.duplicates


MAX_FIELD_CHARS = 20_480  # Amazon Personalize's limit for the longest kind of field, a text
_MAX_LINE_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
DETECTED = TextForm()


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A record with as many values as the header has names; `line` is where it begins."""

    line: int
    values: list[str]


class CsvTable:
    """A CSV file with a header; its column names are upper-cased.

    `encoding` is what its text is in. InvalidInput if the header cannot be read.
    """

    def __init__(self, stream: BinaryIO, form: TextForm = DETECTED) -> None:
        csv.field_size_limit(MAX_FIELD_CHARS)
        text, self.encoding = in_utf8(stream, form.encoding)
        self._source = stream
        self._lines = _Lines(text)
        separator = form.separator or separator_of(self._lines.first())
        self._reader = csv.reader(self._lines, strict=True, delimiter=separator)
        self.header: tuple[str, ...] = ()
        self.header = self._read_header()

    @property
    def bytes_read(self) -> int:
        """Number of bytes of the file that were read."""
        return self._source.tell()

    def rename(self, name: str, other: str) -> None:
        """Call a column by another name."""
        self.header = tuple(other if column == name else column for column in self.header)

    def rows(self) -> Iterator[CsvRow | RowError]:
        """The records after the header; blank lines are none."""
        while (record := self._next()) is not None:
            if isinstance(record, CsvRow) and len(record.values) != len(self.header):
                found = f"has {len(record.values)} fields, but the header has {len(self.header)}"
                record = RowError(record.line, None, found)
            yield record

    def _read_header(self) -> tuple[str, ...]:
        record = self._next()
        if record is None:
            raise InvalidInput("the file is empty: its first line must name the columns")
        if isinstance(record, RowError):
            raise InvalidInput(
                f"the first line must name the columns, but it {record.reason}; save the file as"
                " CSV in UTF-8, or name its encoding"
            )
        header = tuple(name.strip().upper() for name in record.values)
        if not all(name.isprintable() for name in header):
            raise InvalidInput(
                "the first line has control characters: save the file as CSV in UTF-8, or name its"
                " encoding"
            )
        for place, name in enumerate(header, start=1):
            if not name:
                raise InvalidInput(f"column {place} has no name: name it in the first line")
            if name in header[place:]:
                raise InvalidInput(
                    f"two columns are named {name[:80]}: rename or remove one", field=name[:80]
                )
        return header

    def _next(self) -> CsvRow | RowError | None:
        """The next record that is not blank."""
        while True:
            first = self._lines.line + 1
            self._lines.undecodable = False
            try:
                values = next(self._reader)
            except StopIteration:
                return None
            except (csv.Error, _LineTooLong) as error:
                return RowError(first, None, _explain(str(error), first, self._lines.line))
            if self._lines.undecodable:
                reason = f"is not {self.encoding.upper()} text"
                return RowError(first, self._column_of_bad_bytes(values), reason)
            if values:
                return CsvRow(first, values)

    def _column_of_bad_bytes(self, values: list[str]) -> str | None:
        named = zip(self.header, values, strict=False)
        return next((name for name, value in named if "\ufffd" in value), None)


class _LineTooLong(Exception):
    pass


class _Lines:
    """The lines of UTF-8 text, never holding more than one; counts as it goes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._first: bytes | None = None
        self.line = 0
        self.undecodable = False

    def first(self) -> str:
        """The first line, before it is read."""
        self._first = self._read()
        return self._first.removeprefix(_BOM).decode(errors="replace")

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        data = self._read()
        if not data:
            raise StopIteration
        self.line += 1
        if self.line == 1:
            data = data.removeprefix(_BOM)
        if _is_cut(data):
            while _is_cut(self._read()):
                pass
            raise _LineTooLong(f"is longer than {_MAX_LINE_BYTES:,} bytes")
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.undecodable = True
            return data.decode(errors="replace")

    def _read(self) -> bytes:
        if self._first is not None:
            data, self._first = self._first, None
            return data
        with report_damage():
            return self._stream.readline(_MAX_LINE_BYTES)


def _is_cut(data: bytes) -> bool:
    return len(data) >= _MAX_LINE_BYTES - len(_BOM) and not data.endswith(b"\n")


def _explain(reason: str, first: int, last: int) -> str:
    if "field limit" in reason:
        reason = f"has a field of more than {MAX_FIELD_CHARS:,} characters"
    elif "unexpected end" in reason:
        reason = "opens a quote that is never closed"
    elif "new-line" in reason:
        reason = "has a carriage return inside a field without quotes"
    elif "expected after" in reason:
        reason = "has text after a closing quote"
    if last > first:
        reason += f" (a quote is left open: lines {first} to {last} were skipped)"
    return reason

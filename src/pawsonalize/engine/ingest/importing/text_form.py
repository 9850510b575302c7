"""Form of a text file: compression by gzip, encoding, separator.

All of it is detected, and you can name it. A file is UTF-8 if it can be. Without a byte order mark
anything else is cp1252, which spreadsheets in western Europe and America save; or UTF-16 if every
second byte is a zero.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pawsonalize.domain.errors import InvalidInput

UTF8 = "utf-8"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_CHUNK = 1 << 20
_SAMPLE = 4_096
_SURE = 0.4  # so many of every second byte are zeros in UTF-16 of any European language
_DAMAGED = re.compile("[\udc80-\udcff]")
_OTHERS = re.compile("[^\0-\x7f\udc80-\udcff]")
_DAMAGE = "pawsonalize.damage"


@dataclass(frozen=True, slots=True)
class TextForm:
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
    found = _SEPARATORS.get(separator.strip().lower(), separator.replace("\\t", "\t"))
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise InvalidInput(
            f"the separator must be {', '.join(_SEPARATORS)} or one character, not {separator}",
            field="separator",
        )
    return TextForm(name, found)


def in_utf8(stream: BinaryIO, encoding: str | None = None) -> tuple[BinaryIO, str]:
    """The stream's text as UTF-8, read from its beginning, and its encoding.

    `stream` must be seekable. Bytes that are no text in that encoding become bytes that are no text
    in UTF-8, so that the reader finds the damage where it is. InvalidInput if it is no text file.
    """
    start = stream.read(len(_ZIP))
    stream.seek(0)
    if start == _ZIP:
        raise InvalidInput("this is a zip or an Excel file: save it as CSV")
    if start.startswith(_GZIP):
        stream = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]  # it is one
    with report_damage():
        name = encoding or _encoding_of(stream)
        stream.seek(0)
    if name == UTF8:
        return stream, name
    return io.BufferedReader(_Recoded(stream, name)), name


def separator_of(line: str) -> str:
    """The separator of a file's first line: the one that gives the most names."""

    def names(separator: str) -> int:
        try:
            found = next(csv.reader([line.strip()], delimiter=separator), [])
        except csv.Error:
            return 0
        return 0 if any('"' in name for name in found) else len(found)

    return max(_SEPARATORS.values(), key=names)


@contextmanager
def report_damage() -> Iterator[None]:
    """InvalidInput where a gzip file that the block reads is damaged or cut short."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"the gzip file is damaged or cut short ({error}): send it again"
        ) from error


class _Recoded(io.RawIOBase):
    """The text of a stream, in UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_DAMAGE)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        read = b"?"
        while read and not self._rest:
            read = self._stream.read(_SAMPLE)
            text = self._decoder.decode(read, final=not read)
            self._rest = text.encode(UTF8, "surrogateescape")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _keep_damage(error: UnicodeError) -> tuple[str, int]:
    """A byte that is never one of UTF-8 in place of what cannot be decoded."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(_DAMAGE, _keep_damage)


def _encoding_of(stream: BinaryIO) -> str:
    start = stream.read(_SAMPLE)
    for mark, name in _MARKS.items():
        if start.startswith(mark):
            return name
    if wide := _wide(start):
        return wide
    return UTF8 if _is_utf8(start, stream) else "cp1252"


def _wide(start: bytes) -> str | None:
    """UTF-16 without a mark: every second byte is a zero, and no other one is."""
    first, second = start[::2].count(0), start[1::2].count(0)
    sure = _SURE * len(start) / 2
    if not first and second > sure:
        return "utf-16-le"
    return "utf-16-be" if not second and first > sure else None


def _is_utf8(start: bytes, stream: BinaryIO) -> bool:
    """Whether no bytes are damage, or fewer than are letters: then it is UTF-8 that was damaged."""
    decoder = codecs.getincrementaldecoder(UTF8)("surrogateescape")
    damaged = others = 0
    chunk = start
    while chunk:
        if not chunk.isascii() or decoder.getstate()[0]:
            text = decoder.decode(chunk)
            damaged += len(_DAMAGED.findall(text))
            others += len(_OTHERS.findall(text))
        chunk = stream.read(_CHUNK)
    damaged += len(decoder.decode(b"", final=True))
    return damaged <= others

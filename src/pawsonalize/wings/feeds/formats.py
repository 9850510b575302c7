"""The formats by name, which one a file is in, and its bytes into rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from types import MappingProxyType
from typing import Protocol

from pawsonalize.domain.errors import InputTooLarge, InvalidInput
from pawsonalize.engine.ingest.importing.text_form import UTF8, in_utf8
from pawsonalize.wings.feeds.asm3 import (
    image_service,
    is_asm3_csv,
    read_asm3_csv,
    read_asm3_json,
)
from pawsonalize.wings.feeds.feed import Feed, FeedRow
from pawsonalize.wings.feeds.own import read_json_lines, read_own_csv
from pawsonalize.wings.feeds.petfinder import (
    is_petfinder_csv,
    read_petfinder_csv,
    read_petfinder_json,
)
from pawsonalize.wings.feeds.rescuegroups import read_rescuegroups
from pawsonalize.wings.feeds.table import AS_USUAL, TableForm


class _TableFeed(Protocol):
    def __call__(self, content: bytes, form: TableForm = AS_USUAL) -> Iterator[FeedRow]: ...


TABLES: Mapping[str, _TableFeed] = MappingProxyType(
    {"csv": read_own_csv, "petfinder-csv": read_petfinder_csv, "asm3-csv": read_asm3_csv}
)
FORMATS: Mapping[str, Feed] = MappingProxyType(
    {
        "jsonl": read_json_lines,
        "csv": read_own_csv,
        "petfinder-csv": read_petfinder_csv,
        "petfinder-json": read_petfinder_json,
        "asm3-json": read_asm3_json,
        "asm3-csv": read_asm3_csv,
        "rescuegroups": read_rescuegroups,
    }
)


def format_of(content: bytes, name: str | None, form: TableForm = AS_USUAL) -> str:
    """The format of that name, or the one that a file's beginning looks like.

    A file with columns by our names is our own CSV unless it is said to be another.
    """
    if name is None:
        return "csv" if form.columns else _looks_like(content)
    if name not in FORMATS:
        raise InvalidInput(f"--format must be one of {', '.join(FORMATS)}", field="format")
    return name


def feed_of(
    content: bytes, name: str | None, form: TableForm = AS_USUAL, address: str = ""
) -> Feed:
    """The reader of the named format, or of the format that the file's beginning looks like.

    `address` is where the feed comes from, if it is no file.
    """
    found = format_of(content, name, form)
    if service := image_service(address):
        if found == "asm3-json" and form == AS_USUAL:
            return partial(read_asm3_json, service=service)
        if found == "asm3-csv":
            return partial(read_asm3_csv, form=form, service=service)
    if form == AS_USUAL:
        return FORMATS[found]
    if found not in TABLES:
        raise InvalidInput(f"--columns, --dates and --separator are of CSV: this is {found}")
    return partial(TABLES[found], form=form)


def _looks_like(content: bytes) -> str:
    start = content[:20_000].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return "asm3-json" if b'"SPECIESNAME"' in start.upper() else "petfinder-json"
    if start[:1] == b"{":
        first = start.partition(b"\n")[0]
        if b'"data"' in start and b'"attributes"' in start:
            return "rescuegroups"
        return "petfinder-json" if b'"animals"' in first or first == b"{" else "jsonl"
    if is_petfinder_csv(content):
        return "petfinder-csv"
    return "asm3-csv" if is_asm3_csv(content) else "csv"


MAX_FEED_BYTES = 512 << 20  # also of what a small gzip file may unpack to

Rows = Callable[[], Iterator[FeedRow]]


@dataclass(frozen=True, slots=True)
class FeedForm:
    """How a feed is written; None means that it is detected."""

    format: str | None = None
    encoding: str | None = None
    table: TableForm = AS_USUAL


DETECTED = FeedForm()


def read_feed(
    pages: Sequence[bytes], form: FeedForm = DETECTED, address: str = ""
) -> tuple[Rows, list[str]]:
    """A function that gives the rows each time it is called, and notes on the reading.

    `address` is where the pages come from, if they are no file. InvalidInput if it cannot be read.
    """
    decoded = [_decoded(page, form.encoding) for page in pages]
    texts = [text for text, _ in decoded]
    feed = feed_of(texts[0], form.format, form.table, address)
    notes = []
    if (encoding := decoded[0][1]) not in {UTF8, form.encoding}:
        notes.append(f"read as {encoding}, as it looks: --encoding names another")

    def rows() -> Iterator[FeedRow]:
        place = 0
        for text in texts:
            before = place
            for row in feed(text):
                place = before + row.place
                yield replace(row, place=place) if before else row

    return rows, notes


def _decoded(content: bytes, encoding: str | None) -> tuple[bytes, str]:
    stream, found = in_utf8(BytesIO(content), encoding)
    text = stream.read(MAX_FEED_BYTES + 1)
    if len(text) > MAX_FEED_BYTES:
        raise InputTooLarge(f"a feed may have {MAX_FEED_BYTES >> 20} MB: split it, with --delta")
    return text, found

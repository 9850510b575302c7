"""A feed's bytes into its rows: of a file, or of the pages that an address gave."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from pawsonalize.domain.errors import InputTooLarge
from pawsonalize.engine.ingest.feeds.feed import FeedRow
from pawsonalize.engine.ingest.feeds.formats import feed_of
from pawsonalize.engine.ingest.feeds.table_form import AS_USUAL, TableForm
from pawsonalize.engine.ingest.importing.text_form import UTF8, in_utf8

MAX_FEED_BYTES = 512 << 20  # also of what a small gzip file may unpack to

Rows = Callable[[], Iterator[FeedRow]]


@dataclass(frozen=True, slots=True)
class FeedForm:
    """How a feed is written; None: as it looks."""

    format: str | None = None
    encoding: str | None = None
    table: TableForm = AS_USUAL


AS_IT_LOOKS = FeedForm()


def read_feed(
    pages: Sequence[bytes], form: FeedForm = AS_IT_LOOKS, address: str = ""
) -> tuple[Rows, list[str]]:
    """What gives the rows, as often as it is called, and what is to be said of the reading.

    `address` is where the pages come from, if they are no file. InvalidInput if nobody can read it.
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

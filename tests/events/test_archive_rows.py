"""The bytes of an archive object."""

from contextlib import suppress
from dataclasses import replace

import pytest
import zstandard

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.event import Event, LoggedEvent
from pawsonalize.events.archive.rows import ObjectName, decode, encode, segments_of

T0 = 1_795_533_300_000
ROWS = [
    LoggedEvent(n, Event(f"e{n}", "ann", None, "view", "2-Beagle-2-3", T0 + n, T0 + n))
    for n in (3, 4, 9)
]
KEY = "2026/11/24/15/events-00000000000000000003-00000000000000000009.jsonl.zst"
NAME = ObjectName(KEY, "2026/11/24/15", 3, 9)


def test_a_key_says_the_hour_and_the_offsets() -> None:
    assert [segment.key for segment in segments_of(ROWS)] == [KEY]
    assert ObjectName.parse(KEY) == NAME
    assert ObjectName.parse(KEY + ".bak") is None


def test_rows_come_back_as_they_were() -> None:
    assert decode(NAME, encode(ROWS)) == ROWS
    assert decode(NAME, encode([])) == []


def test_a_row_says_its_dataset_group_only_where_it_is_not_the_default() -> None:
    other = LoggedEvent(9, replace(ROWS[2].event, dataset_group="shop"))
    assert decode(NAME, encode([*ROWS[:2], other])) == [*ROWS[:2], other]
    plain = zstandard.ZstdDecompressor().decompress(encode(ROWS[:1]))
    assert plain == (
        b'{"offset":3,"eventId":"e3","userId":"ann","sessionId":null,"eventType":"view",'
        b'"itemId":"2-Beagle-2-3","sentAt":1795533300003,"receivedAt":1795533300003,'
        b'"animal_id":null,"eventValue":null,"recommendationId":null,"impression":[],'
        b'"properties":null}\n'
    )


def test_a_flipped_bit_is_seen_or_changes_nothing() -> None:
    good = encode(ROWS)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with suppress(CorruptArtefact):
            assert decode(NAME, bytes(bad)) == ROWS


def test_a_truncated_or_extended_object_is_seen(subtests: pytest.Subtests) -> None:
    for cut in range(1, 12):
        with subtests.test(cut=cut):
            good = encode(ROWS)
            for bad in (good[:-cut], good[:cut], good + good[:cut]):
                with pytest.raises(CorruptArtefact):
                    decode(NAME, bad)


def test_rows_that_the_name_does_not_promise_are_seen() -> None:
    elsewhere = ObjectName(KEY, NAME.folder, 4, 9)
    another_hour = ObjectName(KEY, "2026/11/24/16", 3, 9)
    for name, rows in (
        (elsewhere, ROWS),
        (another_hour, ROWS),
        (NAME, ROWS[::-1]),
        (NAME, [ROWS[0], ROWS[0]]),
    ):
        with pytest.raises(CorruptArtefact):
            decode(name, encode(rows))


def test_a_row_has_the_event_as_it_came_in_where_that_is_known() -> None:
    raw = LoggedEvent(9, replace(ROWS[2].event, raw='{"utm":"\\u0000\xf6"}'))
    back = decode(NAME, encode([*ROWS[:2], raw]))
    assert [row.event.raw for row in back] == [None, None, raw.event.raw]
    plain = zstandard.ZstdDecompressor().decompress(encode([raw]))
    assert plain.endswith(b'"properties":null,"raw":"{\\"utm\\":\\"\\\\u0000\xc3\xb6\\"}"}\n')

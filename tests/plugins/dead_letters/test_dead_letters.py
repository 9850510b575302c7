"""Dead letters: kept once for each place of a stream, found, mended and removed."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import (
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    Waiting,
)
from tests.event_data import T0

STREAM = "kinesis://clicks"


@pytest.fixture
def letters(database: Database) -> DeadLetters:
    return DeadLetters(database)


def letter(
    raw: bytes = b'{"userId": "u1"}',
    at: int = T0,
    position: str | None = None,
    source: str = HTTP,
    code: str = "invalid_input",
) -> DeadLetter:
    return DeadLetter(
        source,
        "pawsonalize",
        at,
        raw,
        code=code,
        message="sessionId is missing: send it",
        field="sessionId",
        position=position,
    )


def test_a_kept_letter_is_as_it_came_in(letters: DeadLetters) -> None:
    kept = letter(b"\x00\xff no JSON", position="shard-1/17/0", source=STREAM)
    assert letters.keep([kept]) == 1
    assert letters.get(kept.letter_id) == kept


def test_a_place_of_a_stream_gives_one_letter_however_often_it_is_read(
    letters: DeadLetters,
) -> None:
    first = letter(position="shard-1/17", source=STREAM)
    assert letters.keep([first]) == 1
    again = letter(position="shard-1/17", source=STREAM, at=T0 + 1)
    assert letters.keep([again, letter(position="shard-1/18", source=STREAM)]) == 1
    assert letters.waiting() == 2
    assert letters.get(first.letter_id).at == T0


def test_the_same_place_in_two_streams_gives_two_letters(letters: DeadLetters) -> None:
    both = [letter(position="0/1", source=f"nats://here/{name}") for name in ("A", "B")]
    assert letters.keep(both) == 2


def test_what_came_by_http_twice_gives_two_letters(letters: DeadLetters) -> None:
    assert letters.keep([letter(), letter()]) == 2


def test_what_is_not_there_is_named(letters: DeadLetters) -> None:
    for attempt in (letters.get, lambda name: letters.mend(name, b"")):
        with pytest.raises(NotFound, match="abc"):
            attempt("abc")
    assert letters.remove(DeadLetterQuery(letter_ids=["abc"])) == 0


def test_pages_go_from_the_newest_to_the_oldest(letters: DeadLetters) -> None:
    kept = [letter(at=T0 + place // 2) for place in range(7)]
    letters.keep(kept)
    found, cursor = list[DeadLetter](), None
    while True:
        page = letters.page(3, cursor=cursor)
        found += page.letters
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == sorted(kept, key=lambda one: (one.at, one.letter_id), reverse=True)


def test_a_cursor_of_somebody_else_is_refused(letters: DeadLetters) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        letters.page(3, cursor="x.y")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (DeadLetterQuery(), {0, 1, 2}),
        (DeadLetterQuery(code="invalid_json"), {1}),
        (DeadLetterQuery(source=STREAM), {2}),
        (DeadLetterQuery(since=T0 + 1), {1, 2}),
        (DeadLetterQuery(since=T0 + 1, until=T0 + 2), {1}),
    ],
)
def test_letters_are_found_by_reason_source_and_time(
    letters: DeadLetters, query: DeadLetterQuery, expected: set[int]
) -> None:
    kept = [
        letter(),
        letter(at=T0 + 1, code="invalid_json"),
        letter(at=T0 + 2, source=STREAM, position="0/1"),
    ]
    letters.keep(kept)
    assert {kept.index(one) for one in letters.page(10, query).letters} == expected


def test_the_commonest_reason_is_named_first(letters: DeadLetters) -> None:
    letters.keep([letter(code="invalid_json"), letter(), letter()])
    assert letters.reasons() == [
        Waiting(HTTP, "invalid_input", "sessionId", 2),
        Waiting(HTTP, "invalid_json", "sessionId", 1),
    ]


def test_letters_are_removed_by_their_ids(letters: DeadLetters) -> None:
    kept = [letter(at=T0 + place) for place in range(3)]
    letters.keep(kept)
    those = DeadLetterQuery(letter_ids=[kept[0].letter_id, kept[1].letter_id, "abc"])
    assert letters.remove(those) == 2
    assert letters.page(10).letters == (kept[2],)

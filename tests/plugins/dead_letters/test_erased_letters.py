"""Whoever is erased is in no dead letter of the tables either."""

import base64

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import SESSION, USER, visitor_digest
from pawsonalize.events.erasure.tables import ErasureTable, VisitorRows
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from tests.erasing import erase_sessions, erase_users
from tests.event_data import T0

ANN = "ann@example.org"


def keep(database: Database, *raws: str, at: int = T0, group: str = "pawsonalize") -> None:
    letters = [DeadLetter(HTTP, group, at, raw.encode(), code="c", message="m") for raw in raws]
    DeadLetters(database).keep(letters)


def left(database: Database) -> list[str]:
    return [one.raw.decode() for one in DeadLetters(database).each()]


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"userId": "{ANN}"}}',
        f'{{"Data": {{"user_id": "{ANN}", ',
        f'{{"uid": "{ANN}"}}',
        f'{{"properties": {{"contact": "write to {ANN}."}}}}',
        base64.b64encode(f'{{"mail": "{ANN}"}}'.encode()).decode(),
        f"GET /?who={ANN}&what=cats",
    ],
)
def test_a_letter_that_names_the_visitor_is_deleted(database: Database, raw: str) -> None:
    keep(database, raw, '{"userId": "bob"}')
    erase_users(database, ANN, now=T0)
    assert left(database) == ['{"userId": "bob"}']


def test_a_letter_that_was_mended_to_name_the_visitor_is_deleted(database: Database) -> None:
    keep(database, "{}")
    (letter,) = DeadLetters(database).each()
    DeadLetters(database).mend(letter.letter_id, f'{{"userId": "{ANN}"}}'.encode())
    erase_users(database, ANN, now=T0)
    assert left(database) == []


@pytest.mark.parametrize(
    "raw", [f'{{"userId": "jo{ANN}"}}', f'{{"userId": "{ANN}.uk"}}', '{"a":7}']
)
def test_a_letter_of_another_with_a_longer_name_stays(database: Database, raw: str) -> None:
    keep(database, raw)
    erase_users(database, ANN, now=T0)
    assert left(database) == [raw]


def test_what_came_in_later_or_elsewhere_stays(database: Database) -> None:
    keep(database, f'{{"userId": "{ANN}"}}', at=T0 + 1)
    keep(database, f'{{"userId": "{ANN}"}}', group="shop")
    erase_users(database, ANN, now=T0)
    assert len(left(database)) == 2


def test_of_a_session_the_letters_go_too(database: Database) -> None:
    keep(database, '{"sessionId": "visit-1"}', '{"sessionId": "visit-2"}')
    erase_sessions(database, "visit-1", now=T0)
    assert left(database) == ['{"sessionId": "visit-2"}']


def test_of_many_letters_all_are_looked_at(database: Database) -> None:
    keep(database, *[f'{{"userId": "{ANN}"}}', '{"userId": "bob"}'] * 700)
    erase_users(database, ANN, now=T0)
    assert left(database) == ['{"userId": "bob"}'] * 700


def test_an_erasure_that_has_but_hashes_finds_letters_and_the_names_in_them(
    database: Database,
) -> None:
    keep(database, f'{{"userId": "{ANN}", "sessionId": "s1"}}', '{"userId": "bob"}')
    ann = visitor_digest(USER, ANN)
    rows, table = VisitorRows(database), ErasureTable(database)
    assert rows.find("pawsonalize", {ann, visitor_digest(SESSION, "s2")}) == [(USER, ANN, ann)]
    table.adopt("erasure", "pawsonalize", T0, through=0, visitors={ann})
    noted = table.get("erasure")
    assert noted is not None
    rows.erase(noted, table.names("erasure"))
    assert left(database) == ['{"userId": "bob"}']
    after = table.get("erasure")
    assert after is not None
    assert after.deleted == 1

"""Statements of answers find rows by an index, whatever else the tables hold."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from sqlalchemy import Engine, event

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.app import App, opened_app
from pawsonalize.core.database.statements import PreparedReads, PreparedSelect
from pawsonalize.core.event import Visitor
from pawsonalize.plugins.boards.giving import give_board
from pawsonalize.recommend.campaigns import follow_campaign
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import RECOMMENDER
from tests.animal_data import animal
from tests.event_data import T0
from tests.service_data import CATS, DOGS, make_service

WHOLE = tuple(f"SCAN {table}" for table in ("events", "sessions", "impressions", "users"))
VISITORS = [Visitor("seed 1"), Visitor("seed 1", "new"), Visitor(None, "new"), Visitor("new", "s1")]
ANSWERS: dict[str, Callable[[App, Query], object]] = {
    "groups": lambda parts, query: parts.group_recommender.recommend(query),
    "animals": lambda parts, query: parts.animal_recommender.recommend(query),
    "ranking": lambda parts, query: parts.animal_recommender.rerank(["a0", "a1"], query),
    "similar": lambda parts, query: parts.animal_recommender.similar("a0", query),
    "board": lambda parts, query: give_board(parts.animal_recommender, query, 6),
}


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[App]:
    with opened_app(make_service(tmp_path)) as parts:
        parts.animals.put([animal(f"a{n}", one) for n, one in enumerate((*CATS, *DOGS))], T0)
        follow_campaign(parts.live[RECOMMENDER])
        yield parts
        parts.close()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Every statement of this thread, with its values: background jobs may read whole tables."""
    found: dict[str, Any] = {}
    thread = get_ident()

    def keep(*told: Any) -> None:
        if get_ident() == thread:
            found[told[2]] = told[3]

    read = PreparedReads.rows

    def rows(reads: PreparedReads, wanted: PreparedSelect, given: dict[str, object]) -> list[Any]:
        if get_ident() == thread:
            found[wanted.text] = wanted.values(given)
        return read(reads, wanted, given)

    monkeypatch.setattr(PreparedReads, "rows", rows)
    event.listen(Engine, "before_cursor_execute", keep)
    yield found
    event.remove(Engine, "before_cursor_execute", keep)


@pytest.mark.parametrize("kind", ANSWERS)
def test_no_answer_reads_a_table_that_grows_as_a_whole(
    parts: App, ran: dict[str, Any], kind: str
) -> None:
    for visitor in VISITORS:
        ANSWERS[kind](parts, Query(visitor, T0 + 9, T0 + 9))
    steps = plans(parts, ran)
    assert any("events" in step for step in steps), "histories are read"
    assert [step for step in steps if step.startswith(WHOLE)] == []


def plans(adapters: Adapters, ran: dict[str, Any]) -> list[str]:
    """How SQLite would answer, step by step."""
    with adapters.database.reading() as connection:
        found = [
            connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(given)).all()
            for text, given in list(ran.items())
            if text.startswith("SELECT")
        ]
    return [row[3] for plan in found for row in plan]

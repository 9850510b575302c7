"""The resources table, on every database."""

import pytest
from msgspec.structs import replace

from pawsonalize.core.database.database import Database
from pawsonalize.resources.tables import ResourceRow, Resources
from tests.event_data import T0

ROW = ResourceRow("solution", "a", "group", "ACTIVE", '{"ü":1}', None, T0, T0)


@pytest.fixture
def rows(database: Database) -> Resources:
    return Resources(database)


def test_a_name_is_given_once_within_its_kind(rows: Resources) -> None:
    assert rows.create(ROW)
    assert not rows.create(replace(ROW, body="{}"))
    assert rows.create(replace(ROW, kind="campaign"))
    assert rows.get("solution", "a") == ROW
    assert rows.get("solution", "b") is None


def test_the_newest_come_first_in_pages_that_fit_together(rows: Resources) -> None:
    names = [f"r{n}" for n in range(6)]
    for n, name in enumerate(names):
        rows.create(replace(ROW, name=name, created_at=T0 + n // 2, parent="xy"[n % 2]))
    rows.create(replace(ROW, kind="campaign", name="other"))
    newest_first = ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert [row.name for row in rows.list("solution", 99)] == newest_first
    for last in range(5):
        page = rows.list("solution", 1, before=(T0 + (5 - last) // 2, newest_first[last]))
        assert [row.name for row in page] == [newest_first[last + 1]]
    assert [row.name for row in rows.list("solution", 99, parent="x")] == ["r4", "r2", "r0"]
    assert rows.list("solution", 99, before=(T0, "r0")) == []


def test_only_who_saw_the_newest_revision_changes_or_deletes(rows: Resources) -> None:
    rows.create(ROW)
    newer = replace(ROW, status="CREATE FAILED", failure_reason="why", revision=2)
    assert rows.update(newer, expected_revision=1)
    assert not rows.update(newer, expected_revision=1)
    assert rows.get("solution", "a") == newer
    assert not rows.delete("solution", "a", expected_revision=1)
    assert rows.delete("solution", "a", expected_revision=2)
    assert not rows.delete("solution", "a", expected_revision=2)
    assert not rows.update(newer, expected_revision=2), "what is gone is not changed"
    assert rows.list("solution", 99) == []

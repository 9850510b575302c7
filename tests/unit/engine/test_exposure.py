"""The novelty of a version's items, from the log and the items dataset."""

import pytest

from pawsonalize.domain.times import DAY
from pawsonalize.engine import exposure
from pawsonalize.engine.exposure import Exposure
from pawsonalize.engine.resources.solutions import Cut
from pawsonalize.storage.base import Item
from pawsonalize.storage.sql import SqlCatalogue, SqlEventLog
from tests.event_data import T0, event

ITEMS = ("old", "young", "ageless", "unseen")


def weights(
    log: SqlEventLog, catalogue: SqlCatalogue, days: int, log_offset: int | None = None
) -> list[int]:
    """Novelty of the items above, as shares of a thousand of one without events."""
    through = log.head() if log_offset is None else log_offset
    novelty = Exposure(log, catalogue).novelty(Cut(through, T0), ITEMS, days)
    return [round(int(weight) * 1000 / 2**20) for weight in novelty.weights]


@pytest.fixture(autouse=True)
def known(log: SqlEventLog, catalogue: SqlCatalogue) -> None:
    created = {"old": T0 - 30 * DAY, "young": T0 - 29 * DAY}
    catalogue.put_items([Item(item, {}, created.get(item)) for item in ITEMS])
    log.append([event(f"e{n}", item=item) for n, item in enumerate(["old", "young", "ageless"])])
    log.append([event(f"f{n}", item="young") for n in range(8)])


def test_without_a_cut_off_in_reach_items_weigh_by_their_events(
    log: SqlEventLog, catalogue: SqlCatalogue
) -> None:
    assert weights(log, catalogue, 65500)[:2] == [500, 100]


def test_items_from_before_the_cut_off_are_not_explored(
    log: SqlEventLog, catalogue: SqlCatalogue
) -> None:
    assert weights(log, catalogue, 30)[:2] == [500, 100]
    assert weights(log, catalogue, 29)[:2] == [0, 100]
    assert weights(log, catalogue, 28)[:2] == [0, 0]


def test_an_item_of_unknown_age_is_as_old_as_its_first_event(
    log: SqlEventLog, catalogue: SqlCatalogue
) -> None:
    assert weights(log, catalogue, 30)[2:] == [500, 1000]
    log.append([event("long ago", item="ageless", at=-31 * DAY)])
    assert weights(log, catalogue, 30)[2:] == [0, 1000]
    assert weights(log, catalogue, 31)[2:] == [333, 1000]


def test_events_count_up_to_the_versions_offset_and_only_the_newest(
    log: SqlEventLog, catalogue: SqlCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert weights(log, catalogue, 65500, log_offset=0) == [1000] * 4
    assert weights(log, catalogue, 65500, log_offset=4)[:2] == [500, 333]
    monkeypatch.setattr(exposure, "_COUNTED_EVENTS", 1)
    assert weights(log, catalogue, 65500)[:2] == [1000, 500]

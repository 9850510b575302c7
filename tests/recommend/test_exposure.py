"""The novelty of a version's items: from the log, the items dataset and what was shown."""

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, Item
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend import exploration
from pawsonalize.recommend.exploration import Exposure
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.solutions import Cut
from tests.event_data import T0, event

ITEMS = ("old", "young", "ageless", "unseen")


class Weights:
    """Novelty of the items above, as shares of a thousand of one that was never shown."""

    def __init__(self, log: EventLog, catalogue: Catalogue, shown: Impressions) -> None:
        self.log = log
        self.exposure = Exposure(log, catalogue, shown)

    def __call__(self, days: int, log_offset: int | None = None, at: int = T0) -> list[int]:
        through = self.log.head() if log_offset is None else log_offset
        exposed = self.exposure.exposed(Cut(through, T0), ITEMS, days)
        novelty = self.exposure.novelty(exposed, at)
        return [round(int(weight) * 1000 / 2**20) for weight in novelty.weights]


@pytest.fixture
def weights(log: EventLog, catalogue: Catalogue, shown: Impressions) -> Weights:
    return Weights(log, catalogue, shown)


@pytest.fixture(autouse=True)
def known(log: EventLog, catalogue: Catalogue) -> None:
    created = {"old": T0 - 30 * DAY, "young": T0 - 29 * DAY}
    catalogue.put_items([Item(item, {}, created.get(item)) for item in ITEMS])
    log.append([event(f"e{n}", item=item) for n, item in enumerate(["old", "young", "ageless"])])
    log.append([event(f"f{n}", item="young") for n in range(8)])


def test_without_a_cut_off_in_reach_items_weigh_by_their_events(weights: Weights) -> None:
    assert weights(65500)[:2] == [500, 100]


def test_items_from_before_the_cut_off_are_not_explored(weights: Weights) -> None:
    assert weights(30)[:2] == [500, 100]
    assert weights(29)[:2] == [0, 100]
    assert weights(28)[:2] == [0, 0]


def test_an_item_of_unknown_age_is_as_old_as_its_first_event(
    log: EventLog, weights: Weights
) -> None:
    assert weights(30)[2:] == [500, 1000]
    log.append([event("long ago", item="ageless", at=-31 * DAY)])
    assert weights(30)[2:] == [0, 1000]
    assert weights(31)[2:] == [333, 1000]


def test_events_count_up_to_the_versions_offset_and_only_the_newest(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert weights(65500, log_offset=0) == [1000] * 4
    assert weights(65500, log_offset=4)[:2] == [500, 333]
    monkeypatch.setattr(exploration, "_COUNTED_EVENTS", 1)
    assert weights(65500)[:2] == [1000, 500]


def test_an_item_that_was_shown_often_without_being_touched_is_no_longer_new(
    weights: Weights, shown: Impressions
) -> None:
    assert weights(65500)[3] == 1000
    shown.append([answer(f"RID-{n}", ("unseen",)) for n in range(99)])
    assert weights(65500)[3] == 10


def test_an_item_weighs_by_showings_or_touches_whichever_are_more(
    weights: Weights, shown: Impressions
) -> None:
    shown.append([answer(f"RID-{n}", ("old", "young")) for n in range(4)])
    assert weights(65500)[:2] == [200, 100]


def test_what_was_shown_long_ago_is_new_again(weights: Weights, shown: Impressions) -> None:
    shown.append([answer(f"RID-{n}", ("unseen",)) for n in range(8)])
    assert [weights(65500, at=T0 + 30 * DAY * n)[3] for n in range(5)] == [111, 200, 333, 500, 1000]


def test_items_from_before_the_cut_off_stay_out_however_little_they_were_shown(
    weights: Weights, shown: Impressions
) -> None:
    shown.append([answer("RID-1", ("young",))])
    assert weights(28)[:2] == [0, 0]


def answer(name: str, items: tuple[str, ...]) -> Impression:
    return Impression(name, "recommendation", "ann", None, T0, T0, "v1", items)

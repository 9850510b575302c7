"""The price that a training finds in the tables: of enough data, by a play; else a third."""

import numpy as np
import pytest

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.plays import MIN_HOMES, MIN_VISITS, Play
from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.recommend.animals.choices import ChoiceWeights
from pawsonalize.recommend.animals.settings import PARTS, Weights
from pawsonalize.recommend.tables import ANIMALS, Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id
from pawsonalize.train import shown as learning
from pawsonalize.train.shown import learn_choices
from tests.animal_data import animal
from tests.event_data import T0, event

DAYS, STOCK, PLACES = 20, 60, 10
GROUPS = ("2-Beagle-1-3", "2-Beagle-4-3")
Tables = tuple[Animals, Impressions, EventLog]


@pytest.fixture
def tables(animals: Animals, shown: Impressions, log: EventLog) -> Tables:
    return animals, shown, log


def play_days(
    tables: Tables, *, visits: int = MIN_VISITS + 100, gone: int = MIN_HOMES + 10, days: int = DAYS
) -> ChoiceModel:
    """What is learned of so many visits in these days, of which so many animals left.

    For each another one came.
    """
    animals, shown, log = tables
    adopted = {n: T0 + (n + 1) * days * DAY // (gone + 1) for n in range(gone)}
    listed = {STOCK + n: at for n, at in adopted.items()}
    records = [
        animal(f"a{n}", GROUPS[n % 2], listed=listed.get(n, T0 - DAY), adopted=adopted.get(n))
        for n in range(STOCK + gone)
    ]
    animals.put(records, T0 + days * DAY)
    dice = np.random.default_rng(0)
    pages, opened = [], []
    for visit in range(visits):
        at = T0 + HOUR + visit * (days * DAY) // visits
        there = [n for n in range(STOCK + gone) if listed.get(n, T0) <= at < adopted.get(n, at + 1)]
        page = dice.permutation(there)[:PLACES].tolist()
        names = [f"a{n}" for n in page]
        pages.append(
            Impression(
                first_recommendation_id(at), ANIMALS, None, f"s{visit}", at, at, "v",
                tuple(GROUPS[n % 2] for n in page), (1.0,) * len(page),
                animal_ids=tuple((name,) for name in names),
                factors=((0.0,) * len(PARTS),) * len(page),
            )
        )  # fmt: skip
        for place, n in enumerate(page):
            if dice.random() < (0.3, 0.1)[n % 2] / (place + 1) ** 0.6:
                told = {"session": f"s{visit}", "animal_id": f"a{n}", "at": at - T0 + 1}
                opened.append(event(f"{visit} {place}", user=None, **told))  # type: ignore[arg-type]
    shown.append(pages)
    log.append(opened)
    return learn_choices(shown, log, animals, through=log.head())


def test_the_weights_that_brought_most_in_the_play_are_served(tables: Tables) -> None:
    model = play_days(tables)
    best, *others = model.plays
    assert {play.price for play in others} >= {0.0, 1.0} - {best.price}
    assert [play.boards for play in model.plays].count(True) == 1
    factors = ChoiceWeights.of(model, Weights()).factors
    assert (factors.bid_price, factors.exposure) == (best.price, best.exposure)


def test_a_play_brings_about_as_many_homes_as_the_shelter_had(tables: Tables) -> None:
    plays = play_days(tables, gone=40, visits=800).plays
    had = 1_000 * 40 / 800
    # Fewer, as its pages were drawn by chance, and a play has favourites go home first.
    assert all(0.5 * had < play.homes < 1.2 * had for play in plays)
    assert len(plays) > 6


@pytest.mark.parametrize("few", [{"days": 13}, {"visits": MIN_VISITS - 1}, {"gone": MIN_HOMES - 1}])
def test_with_too_little_data_nothing_is_played_and_a_third_is_taken_back(
    tables: Tables, few: dict[str, int]
) -> None:
    model = play_days(tables, **few)
    assert model.is_fitted
    assert model.plays == ()
    assert ChoiceWeights.of(model, Weights()).factors.bid_price == pytest.approx(1 / 3)


def test_a_site_whose_newest_pages_are_of_a_few_days_needs_no_more_days(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MANY_VISITS", MIN_VISITS + 100)
    assert play_days(tables, days=7).plays


def test_a_home_of_before_the_pages_is_none_that_they_brought(tables: Tables) -> None:
    animals, _, _ = tables
    early = [
        animal(f"before {n}", listed=T0 - 50 * DAY, adopted=T0 - 20 * DAY) for n in range(MIN_HOMES)
    ]
    animals.put(early, T0)
    assert play_days(tables, gone=MIN_HOMES - 1).plays == ()


def test_the_weights_of_a_model_are_those_of_its_first_play() -> None:
    plays = (Play(0.667, 1.0, 0.1, boards=False, homes=20.0, days=9.0, hardest=0.5),)
    factors = ChoiceWeights.of(ChoiceModel(pages=1, plays=plays), Weights()).factors
    assert (factors.bid_price, factors.exposure) == (0.667, 1.0)

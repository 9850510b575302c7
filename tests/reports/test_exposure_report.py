"""The report sets each part's share of exposure beside its share of the stock."""

from pawsonalize.core.times import DAY
from pawsonalize.reports.exposure_report import exposure_report
from tests.animal_data import animal
from tests.event_data import T0


def test_shares_of_stock_and_of_exposure_are_told_apart() -> None:
    animals = [
        animal("a", "1-Manx-1-2", listed=T0 - 90 * DAY, colours=("black",)),
        animal("b", "1-Manx-1-2", listed=T0 - DAY),
        animal("c", "2-Pug-2-4", listed=T0 - DAY),
        animal("d", "2-Pug-2-4", listed=T0 - DAY),
    ]
    shares = {(one.by, one.value): one for one in exposure_report(animals, {"a": 3, "c": 1}, T0)}
    cats = shares["species", "cat"]
    assert (cats.animals, cats.shown) == (2, 3)
    assert (cats.share_of_stock, cats.share_of_exposure, cats.ratio) == (0.5, 0.75, 1.5)
    assert shares["waiting", "60 to 179 days"].ratio == 3.0
    assert shares["colour", "unknown"].animals == 3
    assert shares["age", "senior"].share_of_exposure == 0.25
    for by in ("species", "age", "size", "colour", "waiting"):
        assert sum(one.share_of_stock for one in shares.values() if one.by == by) == 1


def test_without_exposure_there_is_no_ratio_and_without_animals_no_share() -> None:
    assert {one.ratio for one in exposure_report([animal("a")], {}, T0)} == {None}
    assert exposure_report([], {}, T0) == []

"""Alerts in made-up markets: who is told, what an alert brings, and what the service hears."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.markets.draw import Drawn, draw
from benchmarks.markets.ours import served
from benchmarks.markets.play import NEVER, Alert, Copy, play
from benchmarks.markets.rivals import ContentProfile
from benchmarks.markets.worlds import WORLDS, Market, smaller

from pawsonalize.core.event import VIEW
from pawsonalize.core.times import DAY

TINY = replace(smaller(WORLDS["town"], 0.05), days=20, demand=0.6, bots=0.0, alerted=1.0)


@dataclass
class Teller(ContentProfile):
    """Tells everybody of every animal at once."""

    followed: list[Alert] = field(default_factory=list)
    adopted: list[Alert] = field(default_factory=list)
    is_done: bool = False

    def alerts(self, at: int) -> Sequence[Alert]:
        if self.is_done or at < self.drawn.start + 15 * DAY:
            return ()
        self.is_done = True
        there = range(len(self.drawn.animals))
        visitors = range(len(self.drawn.home))
        return [Alert(one, animal, at, "a") for one in visitors for animal in there]

    def hear_alert(self, alert: Alert, *, inquired: bool, adopted: bool) -> None:
        assert inquired or not adopted
        self.followed.append(alert)
        if adopted:
            self.adopted.append(alert)


def told(market: Market) -> tuple[Drawn, Copy, Teller]:
    drawn = draw(market, 3)
    teller = Teller(drawn)
    return drawn, play(drawn, {"teller": teller})["teller"], teller


def test_an_alert_that_is_followed_is_opened_and_its_animal_adopted_by_what_the_visitor_likes() -> (
    None
):
    drawn, copy, teller = told(TINY)
    assert copy.alerts == len(drawn.home) * len(drawn.animals)
    assert len(teller.followed) == copy.followed > len(teller.adopted) > 0
    assert all(copy.gone[one.animal] != NEVER for one in teller.adopted)
    assert len({one.animal for one in teller.adopted}) == len(teller.adopted)
    assert {one.visitor for one in teller.adopted} <= copy.home


def test_alerts_that_nobody_follows_bring_nothing() -> None:
    _, copy, teller = told(replace(TINY, heeds=0.0))
    assert copy.alerts > 0
    assert copy.followed == len(teller.followed) == 0


def test_where_nobody_wishes_to_be_told_nobody_is() -> None:
    _, copy, _ = told(replace(TINY, alerted=0.0))
    assert copy.alerts == 0


def test_the_service_tells_those_who_wish_it_of_animals_that_fit_and_hears_of_their_visits() -> (
    None
):
    market = replace(TINY, days=16, sessions=400, alerted=0.5, heeds=1.0, open_rate=0.3)
    drawn = draw(market, 2)
    with served(drawn, every=4, recipe="popularity-count") as ours:
        copy = play(drawn, {"ours": ours})["ours"]
        counted = {kind: count for (_, kind), count in ours.adapters.log.types().items()}
        log = ours.adapters.log
        visits = [one.event for one in log.read_all(0, log.head())]
    assert copy.alerts > copy.followed > 0
    assert copy.refused == 0
    users = {one.user_id for one in visits if one.session_id == one.recommendation_id}
    assert users <= {f"v{one}" for one in drawn.alerted.tolist()}
    assert counted[VIEW] >= copy.followed

"""Our service as an order of animals: its real parts over a real database, in one process.

Pages are asked for as by the HTTP door, events are stored as it stores them, trainings run as
`retrain` runs them but for the gate, and a clock in a file says what time it is. The same
market is always answered in the same way: what is drawn by chance has the market's seed.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import numpy as np

from benchmarks.markets.draw import Drawn, Floats, Ints
from benchmarks.markets.play import Alert, Ask, Picked, Shown
from pawsonalize.animals.animal import AnimalStatus, StatusChange
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.app import App, opened_app
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.event import ADOPTION, INQUIRY, NO_PICK, NOTHING, PICK, VIEW, Event, Visitor
from pawsonalize.core.preferences import HOUSEHOLD
from pawsonalize.core.times import DAY, SECOND, iso
from pawsonalize.core.work.tables import Turns
from pawsonalize.plugins.alerts import AlertSettings
from pawsonalize.plugins.alerts.book import AlertBook
from pawsonalize.plugins.alerts.composition import DailyAlerts
from pawsonalize.plugins.alerts.matching import CONSENT, YES, Audience, Matching
from pawsonalize.plugins.alerts.messages import Alert as Written
from pawsonalize.plugins.alerts.messages import Messages
from pawsonalize.plugins.boards.giving import give_board
from pawsonalize.plugins.search.finding import Searching, SearchResult
from pawsonalize.recommend.animals.eligibility import Denied, Eligibility, Place
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.campaigns import follow_campaign
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import Fixed
from pawsonalize.recommend.query import Query
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.train.trainer import Trainer

_SECONDS_AFTER = {VIEW: 1, INQUIRY: 2, ADOPTION: 3}


class Searches(NamedTuple):
    """Pages that one visitor could be shown for their words."""

    ours: Ints
    unexplored: Ints
    relevant: Ints
    """Of the same animals, the most relevant first."""
    unread: Ints
    """Of all that fit the visitor's home and species, as if no word was written."""
    obeying: Ints
    """All that obey every rule; they have the first places of ours."""


class Book(AlertBook):
    """Stores alerts, and hands over the new ones."""

    new: list[Written]

    def add(self, alert: Written, now: int) -> bool:
        """Store an alert; False if it may not be sent."""
        is_new = super().add(alert, now)
        if is_new:
            self.new.append(alert)
        return is_new


@dataclass
class Ours:
    """The service with a copy of the market."""

    drawn: Drawn
    adapters: Adapters
    engine: App
    file: Path
    """The clock that the service lives by."""
    every: int
    """Days between two trainings, at most."""
    _now: int = 0
    _trained: int = 0
    _refreshed: int = 0
    _counted: int = 0
    _answer: str = ""
    _nearest: str = ""
    """The answer of those that nearly fit, to which their events belong."""
    _nearly: frozenset[int] = frozenset()
    _board: str = ""
    _query: Query | None = None
    _session: int = -1
    _shown: set[str] = field(default_factory=set)
    _events: int = 0
    _alerted: int = 0
    _book: Book | None = None
    _daily: DailyAlerts | None = None

    def __post_init__(self) -> None:
        self.now = self._trained = self._refreshed = self._alerted = self.drawn.start
        listed = [
            replace(
                one, history=(StatusChange(AnimalStatus.AVAILABLE, int(at)),), photos=("p",) * n
            )
            for one, at, n in zip(
                self.drawn.animals, self.drawn.listed, self.drawn.photos.tolist(), strict=True
            )
        ]
        self.adapters.animals.put(listed, self.drawn.start)
        self._at = {one.animal_id: place for place, one in enumerate(listed)}
        self._listed = listed
        self.engine.recommending.refresh()
        if self.drawn.market.alerted > 0:
            self._allow_alerts()

    @property
    def now(self) -> int:
        """The moment that the market has come to."""
        return self._now

    @now.setter
    def now(self, moment: int) -> None:
        # Visits overlap, and a clock never goes back: a page may be asked for a minute ago.
        if moment > self._now:
            self.file.write_text(iso(moment))
            self._now = moment

    def page(self, ask: Ask, size: int) -> Ints:
        """What the service answers."""
        return self._recommended(self._asked(ask, ask.at, size))

    def search(self, ask: Ask, size: int, text: str) -> Searches:
        """What the service answers to words, and what it could have."""
        query = self._asked(ask, ask.at, size)
        searching = self.engine.animal_recommender.searches
        assert isinstance(searching, Searching), "the plugin is here"
        searching.prepare(self.engine.available, ask.at, ask.at)  # else done in the background
        found = searching.find(self.engine.available, query, text)
        searched = found.apply(query)
        both = [found] if found.nearest is None else [found, found.nearest]
        obeying, *nearly = (
            self._most_relevant(msgspec.structs.replace(searched, search=one)) for one in both
        )
        page = self._recommended(searched)
        unexplored = self.unexplored()
        unread = self._unseen(query, self.engine.group_recommender)
        if found.nearest is not None and len(page) < size:
            left = msgspec.structs.replace(searched, search=found.nearest, limit=size - len(page))
            first, more = self._answer, self._recommended(left)
            unexplored = np.concatenate([unexplored, self.unexplored()])
            self._answer, self._nearest = first, self._answer
            page, self._nearly = np.concatenate([page, more]), frozenset(more.tolist())
        relevant = np.concatenate([obeying, *nearly])[:size]
        return Searches(page, unexplored, relevant, unread, obeying)

    def _most_relevant(self, query: Query) -> Ints:
        """The animals that its search found for the visitor, by relevance alone."""
        assert isinstance(query.search, SearchResult), "the plugin's own"
        fitting = set(self.engine.animal_recommender.fitting(query))
        return self._places([one for one in query.search.ids() if one in fitting])

    def _recommended(self, query: Query) -> Ints:
        self._query = query
        answer = self.engine.animal_recommender.recommend(query)
        self._answer = answer.recommendation_id
        page = [place.animal_ids[0] for place in answer.places]
        self._nearest, self._nearly = "", frozenset()
        self._shown.update(page)
        return self._places(page)

    def _unseen(self, query: Query, group_recommender: GroupRecommender) -> Ints:
        """A page that nobody is shown, with what the newest one draws by chance."""
        query = msgspec.structs.replace(query, recommendation_id=self._answer)
        answer = self.engine.animal_recommender.with_group_recommender(
            group_recommender, is_seen=False
        ).recommend(query)
        return self._places([place.animal_ids[0] for place in answer.places])

    def _places(self, ids: Sequence[str]) -> Ints:
        return np.array([self._at[one] for one in ids], np.int64)

    def board(self, ask: Ask, size: int) -> Ints:
        """The board that the service gives, where its answer says that one is worth its place."""
        query = self._asked(ask, ask.at - 2 * SECOND, self.drawn.market.page)
        unseen = self.engine.animal_recommender.with_group_recommender(
            self.engine.group_recommender, is_seen=False
        )
        if not unseen.recommend(
            msgspec.structs.replace(query, recommendation_id=f"s{ask.session.number}")
        ).asks:
            return np.empty(0, np.int64)
        answer = give_board(self.engine.animal_recommender, query, size)
        self._board = answer.recommendation_id
        return self._places([place.animal_ids[0] for place in answer.places])

    def hear_picks(self, picked: Picked) -> None:
        """Send the picks as events."""
        if picked.picks is None:
            return
        at = picked.ask.at - SECOND
        board = [self._listed[one] for one in picked.board.tolist()]
        answer = Event(
            event_id=f"{self._board}-0",
            user_id=_user(picked.ask),
            session_id=f"s{picked.ask.session.number}",
            event_type=NO_PICK,
            item_id=NOTHING,
            animal_id=NOTHING,
            sent_at=at,
            received_at=at,
            recommendation_id=self._board,
            impression=tuple(one.animal_id for one in board),
        )
        picks = [
            replace(
                answer,
                event_id=f"{self._board}-{rank}",
                event_type=PICK,
                item_id=board[place].group_at(at).id,
                animal_id=board[place].animal_id,
                event_value=float(rank),
            )
            for rank, place in enumerate(picked.picks, start=1)
        ]
        self.adapters.log.append(picks or [answer])

    def _allow_alerts(self) -> None:
        """Store the consent and the home of the visitors who wish to be told."""
        database, animal_recommender = self.adapters.database, self.engine.animal_recommender
        unseen = animal_recommender.with_group_recommender(
            animal_recommender.group_recommender, is_seen=False
        )
        self._book = Book(database, AlertSettings(), ("webhook",))  # where nobody delivers it
        self._book.new = []
        self._daily = DailyAlerts(
            Matching(unseen, Audience(database)),
            self._book,
            Messages(lambda: b"", "", serves_site=False),
            Turns(database, "alerts"),
        )
        for visitor in self.drawn.alerted.tolist():
            lives = self.drawn.home[visitor].tolist()
            home = {
                name: "yes" if one else "no" for name, one in zip(HOUSEHOLD, lives, strict=True)
            }
            place = dict(zip(("LATITUDE", "LONGITUDE"), self.drawn.place[visitor], strict=True))
            stored = {CONSENT: YES, **home, **{name: f"{one:.4f}" for name, one in place.items()}}
            self.adapters.catalogue.set_attributes(f"v{visitor}", stored)

    def alerts(self, at: int) -> Sequence[Alert]:
        """Write alerts once in seven days, as the bounds of alerts are those of a week."""
        if self._book is None or self._daily is None or at - self._alerted < 7 * DAY:
            return ()
        self.now = self._alerted = at
        self._keep_up()
        self._daily.send_once(at)
        found = [
            Alert(
                int(one.user_id[1:]), self._at[one.animal_id], at, one.impression.recommendation_id
            )
            for one in self._book.new
        ]
        self._book.new.clear()
        return found

    def hear_alert(self, alert: Alert, *, inquired: bool, adopted: bool) -> None:
        """Send as events what the visitor did with the animal of an alert."""
        kinds = [VIEW, *[INQUIRY] * inquired, *[ADOPTION] * adopted]
        did = [(kind, alert.animal) for kind in kinds]
        self._send(did, f"v{alert.visitor}", alert.name, alert.name, alert.at)

    def _asked(self, ask: Ask, at: int, size: int) -> Query:
        session = ask.session
        self.now = at
        self._keep_up()
        if session.number != self._session:
            self._session, self._shown = session.number, set()
        kids, dogs, cats = (lives or None for lives in self.drawn.home[session.visitor].tolist())
        rules = Eligibility(
            kids=kids,
            dogs=dogs,
            cats=cats,
            species=frozenset() if session.species < 0 else frozenset({str(session.species + 1)}),
            place=Place(*self.drawn.place[session.visitor].tolist()),
            denied=Denied(animals=frozenset(self._shown)),
        )
        visitor = Visitor(_user(ask), f"s{session.number}")
        return Query(visitor, at, at, eligibility=rules, limit=size)

    def unexplored(self) -> Ints:
        """The newest page as it would be if nothing was explored; nobody is shown it."""
        assert self._query is not None, "no page was asked for yet"
        served = self.engine.group_recommender.served
        settings = msgspec.structs.replace(served.settings, exploration_weight=0.0)
        fixed = Fixed(replace(served, settings=settings))
        group_recommender = GroupRecommender(
            Filtering(self.adapters.log, self.adapters.catalogue), fixed, None
        )
        return self._unseen(self._query, group_recommender)

    def fresh_page(self, ask: Ask, size: int) -> Ints:
        """A page that nobody is shown, and nothing of it is explored."""
        self._query = self._asked(ask, ask.at, size)
        return self.unexplored()

    def tap(self, ask: Ask, size: int, drawn: Drawn) -> Picked:
        """Give a board whatever it is worth, and send what the visitor picks of it."""
        answer = give_board(
            self.engine.animal_recommender, self._asked(ask, ask.at - 2 * SECOND, size), size
        )
        self._board = answer.recommendation_id
        board = self._places([place.animal_ids[0] for place in answer.places])
        picked = Picked(ask, board, drawn.picks(ask.session, board, np.zeros(len(drawn.animals))))
        self.hear_picks(picked)
        return picked

    def learned_parts(self, visitor: int, there: Ints) -> tuple[Ints, Floats, Floats]:
        """Animals with what everybody makes of them, and with the part of a visitor's distance."""
        place = Place(*self.drawn.place[visitor].tolist())
        query = Query(
            Visitor(None, "learned"), self.now, self.now, eligibility=Eligibility(place=place),
            limit=min(len(there), 500),
        )  # fmt: skip
        answer = self.engine.animal_recommender.with_group_recommender(
            self.engine.group_recommender, is_seen=False
        )
        places = answer.recommend(query).places
        parts = np.array([place.parts for place in places])
        appeal = sum(parts[:, PARTS.index(name)] for name in ("appeal", "animal_effect", "photos"))
        animals = self._places([place.animal_ids[0] for place in places])
        return animals, np.asarray(appeal), parts[:, PARTS.index("distance")]

    def hear(self, shown: Shown) -> None:
        """Send what the visitor did as events."""
        ask, page = shown.ask, shown.page
        did = [(VIEW, one) for one in page[shown.opened].tolist()]
        did += [(INQUIRY, one) for one in page[shown.inquired].tolist()]
        did += [(ADOPTION, one) for one in [shown.adopted] if one is not None]
        user, session = _user(ask), f"s{ask.session.number}"
        for name in (self._answer, self._nearest):
            own = [one for one in did if (one[1] in self._nearly) == (name is self._nearest)]
            if name:
                self._send(own, user, session, name, ask.at)

    def _send(
        self, did: Sequence[tuple[str, int]], user: str | None, session: str, name: str, at: int
    ) -> None:
        """Append events: their types and animals, one second after another for each type."""
        batch = []
        for kind, place in did:
            animal, sent_at = self._listed[place], at + _SECONDS_AFTER[kind] * SECOND
            self._events += 1
            batch.append(
                Event(
                    event_id=f"e{self._events}",
                    user_id=user,
                    session_id=session,
                    event_type=kind,
                    item_id=animal.group_at(sent_at).id,
                    sent_at=sent_at,
                    received_at=sent_at,
                    animal_id=animal.animal_id,
                    recommendation_id=name,
                )
            )
        self.adapters.log.append(batch)
        for kind, place in did:
            if kind == ADOPTION:
                self._adopt(place, at + 4 * SECOND)

    def _adopt(self, place: int, at: int) -> None:
        gone = StatusChange(AnimalStatus.ADOPTED, at)
        animal = self._listed[place]
        self.adapters.animals.put([replace(animal, history=(*animal.history, gone))], at)

    def _keep_up(self) -> None:
        """What runs in the background: counts now and then, and a training every few days."""
        if self.now - self._counted > DAY // 6:
            self._counted = self.now
            self._settle()
            self.engine.recommending.refresh()
            self.engine.available.count_shown()
            self.engine.animal_recommender.count_choices(self.now)
        # Often at first, when a day brings much; a service in the world trains every day.
        running = self.now - self.drawn.start
        if self.now - self._trained > min(self.every * DAY, max(DAY, running // 4)):
            self._trained = self._refreshed = self.now
            self._settle()
            self._train()
        if self.now - self._refreshed > DAY:
            self._refreshed = self.now
            self._refresh()

    def _train(self) -> None:
        version = self.adapters.versions.create(RECOMMENDER, as_of=self.now, now=self.now)
        trained = self.adapters.trainer.train(version.name)
        self.adapters.campaigns.update(RECOMMENDER, trained.name, self.now)
        follow_campaign(self.engine.live[RECOMMENDER])
        self.engine.animal_recommender.count_choices(self.now)

    def _refresh(self) -> None:
        """Count what is new into the served version, as a process beside the server does."""
        live = self.engine.live[RECOMMENDER]
        if live.is_ready:
            self.adapters.refresher.refresh(live.current.version.name, self.now)
            follow_campaign(live)

    def _settle(self) -> None:
        """Wait until all pages are written, so that what is counted does not depend on the load."""
        asked = self._query
        while asked is not None and self.engine.impression_log.waiting_of(asked.visitor):
            time.sleep(0.001)


def _user(ask: Ask) -> str | None:
    session = ask.session
    return None if session.is_guest else f"v{session.visitor}"


@contextmanager
def served(drawn: Drawn, every: int = 7, **settings: object) -> Iterator[Ours]:
    """The service over an empty data folder."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as at:
        file = Path(at, "clock")
        file.write_text(iso(drawn.start))
        clock.use_file(str(file))
        given: Settings = load_settings({"data_dir": Path(at, "data"), **settings})
        with (
            patch("secrets.randbits", Random(drawn.seed).getrandbits),
            # Nothing here depends on how long it takes.
            patch("pawsonalize.train.refresh._REST", 0),
            patch("pawsonalize.core.clock.real_now", clock.ClockFile(str(file)).now),
            # Nobody here asks how many answers a second a model gives.
            patch("pawsonalize.recommend.live_model._MEASURED_SECONDS", 0.0),
            patch("pawsonalize.recommend.exploration._LINGER_SECONDS", 0.001),
            # Held-out metrics are for people to read, and cost as much as the training.
            patch.object(Trainer, "_measured_later", lambda _self, version, _data: version),
            opened_app(given) as engine,
        ):
            try:
                yield Ours(drawn, engine, engine, file, every)
            finally:
                engine.close()
                clock.use_file("")

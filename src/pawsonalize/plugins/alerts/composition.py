"""Alerts over the adapters, and their daily round: saved searches, then animals in need.

Of animals that need a home those come first that wait long and are hardly looked at: by the sum of
the parts `waiting`, `exposure` and `bid_price` of a utility. Of the visitors who would love an
animal, some are drawn by

    softmax(surplus / TEMPERATURE)

so the chance of each is known and logged, and not always the same ones are told.
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from operator import itemgetter

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Visitor
from pawsonalize.core.logs import get_logger
from pawsonalize.core.roles import SERVE
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tables import Turns
from pawsonalize.core.work.tasks import Task, at_the_moment
from pawsonalize.models.recipes.data import Floats
from pawsonalize.operations.limits import AddressRate
from pawsonalize.operations.services import Services
from pawsonalize.plugins.alerts import AlertSettings, address_of, channels_of, mails_visitors
from pawsonalize.plugins.alerts.book import AddressBook, AlertBook, Room, SavedSearch
from pawsonalize.plugins.alerts.matching import (
    CONSENT,
    LANGUAGE,
    MOST_USERS,
    NO,
    SEARCHES,
    YES,
    Audience,
    Matching,
    Outlook,
)
from pawsonalize.plugins.alerts.messages import MAIL_USER, AddressWish, Messages
from pawsonalize.plugins.alerts.searches import SearchRules
from pawsonalize.recommend.animals.settings import COMMON
from pawsonalize.recommend.query import Query
from pawsonalize.site.languages import speaking

MOST_ANIMALS = 500
"""Animals that one round looks at."""
MOST_SAVED = 10_000
"""Saved searches that one round looks at, the newest."""
TEMPERATURE = 0.02
WORTH = 0.5
"""An animal is worth an alert if its chance is so much of that of the best animals."""
_CANDIDATES = 4  # for each place, as some know the animal already
_NEED = [COMMON.index(name) for name in ("waiting", "exposure", "bid_price")]
WORK = "alerts"
"""The name of its turns, and of the lease under which one server does it."""

log = get_logger()


@dataclass(eq=False)
class DailyAlerts:
    """Writes the alerts of a day, once."""

    matching: Matching
    book: AlertBook
    messages: Messages
    turns: Turns

    def send_once(self, now: int) -> None:
        """Write the alerts of this day, unless that is done.

        A round that is broken off is begun again, by any server: what is written stays as it is.
        """
        day = now // DAY
        if self.turns.last().get(DEFAULT_DATASET_GROUP) == day:
            return
        if not self.matching.animal_recommender.can_order(now):
            return
        room = self.book.room(now)
        searches = self.book.searches(MOST_SAVED)
        if len(searches) == MOST_SAVED:
            log.warning("only the newest saved searches were answered", answered=MOST_SAVED)
        arrivals = self.note_animals(now)
        for_searches = sum(self._answer(one, arrivals, room, now) for one in searches)
        in_need = self._send_for_animals(room, now)
        self.turns.put(DEFAULT_DATASET_GROUP, day)
        log.info("alerts written", for_searches=for_searches, in_need=in_need)

    def note_animals(self, now: int) -> list[tuple[int, str]]:
        """Keep which animals are here; return when each came, and its id, in order of time."""
        available = self.matching.animal_recommender.available.of(now, now)
        with available.lock:
            order, moments = available.order, available.moments.tolist()
            ids = [available.ids[slot] for slot in order.tolist()]
            leads = available.leads[order].tolist()
        # Records often have the day of the intake, and are published days later.
        found = self.book.first_found(ids, now)
        here = zip(moments, ids, leads, strict=True)
        return sorted((max(listed, found[one]), one) for listed, one, is_led in here if is_led)

    def _answer(
        self, saved: SavedSearch, arrivals: Sequence[tuple[int, str]], room: Room, now: int
    ) -> int:
        """Tell the user of new animals that fit, the most loved first; returns how many."""
        rules, written = SearchRules.of(saved.search), 0
        if room.of_user(saved.user_id) <= 0:
            return 0
        since = bisect(arrivals, saved.saved_at, key=itemgetter(0))
        ids, household = self._fitting([one for _, one in arrivals[since:]], rules, now)
        if not ids:
            return 0
        more: dict[str, object] = dict.fromkeys(household, True)
        wanted = replace(rules.eligibility, **more)
        try:
            outlook = self.matching.outlook(saved.user_id, ids, now, wanted)
        except InvalidInput:  # the postcode is in no table any more: nobody is known to fit
            return 0
        known = self.book.sent(saved.user_id)
        for place in np.argsort(-outlook.chances, kind="stable").tolist():
            if np.isnan(outlook.chances[place]) or room.of_user(saved.user_id) <= 0:
                break
            if ids[place] not in known:
                written += self._write(outlook, ids[place], place, 1.0, room, now, saved.search)
        return written

    def _fitting(
        self, ids: list[str], rules: SearchRules, now: int
    ) -> tuple[list[str], Sequence[str]]:
        """The animals that fit the words, and what the words say of the home."""
        choices, animal_recommender = rules.choices, self.matching.animal_recommender
        if not ids or not choices.text:
            return ids, ()
        if animal_recommender.searches is None:  # nobody knows whom the words mean
            return [], ()
        query = Query(Visitor(), now, now)
        found = animal_recommender.searches.find(
            animal_recommender.available,
            query,
            choices.text,
            choices.without,
            as_written=choices.as_written,
        )
        there = frozenset(found.ids())
        return [one for one in ids if one in there], found.household

    def _send_for_animals(self, room: Room, now: int) -> int:
        audience, written = self.matching.audience, 0
        users = [one for one in audience.newest(MOST_USERS) if room.of_user(one) > 0]
        if not users:
            return 0
        if (willing := audience.count()) > MOST_USERS:
            log.warning("only the last active were scored", scored=MOST_USERS, of=willing)
        animals = self._in_need(now)
        outlooks = [self.matching.outlook(one, animals, now) for one in users]
        surplus = np.array([one.surplus for one in outlooks])
        worth = [one.chances >= WORTH * one.others for one in outlooks]
        surplus[~np.array(worth)] = -np.inf
        known = {one: self.book.sent(one) for one in users}
        for place, animal_id in enumerate(animals):
            best = np.argsort(-surplus[:, place], kind="stable")
            loving = (outlooks[row] for row in best.tolist() if surplus[row, place] > -np.inf)
            free = (
                one
                for one in loving
                if room.of_user(one.user_id) > 0 and animal_id not in known[one.user_id]
            )
            some = list(islice(free, max(0, room.of_animal(animal_id)) * _CANDIDATES))
            gains = np.array([one.surplus[place] for one in some])
            seed = f"{now // DAY} {animal_id}"
            for row, chance in drawn(gains, room.of_animal(animal_id), seed):
                written += self._write(some[row], animal_id, place, chance, room, now)
        return written

    def _in_need(self, now: int) -> list[str]:
        """The animals that need a home most, those that wait and are hardly looked at first."""
        animal_recommender = self.matching.animal_recommender
        query = animal_recommender.with_profile(Query(Visitor(), now, now))
        groups = animal_recommender.group_recommender.score_groups(query)
        with animal_recommender.inputs(
            query, groups, animal_recommender.settings.group_affinity
        ) as inputs:
            available = inputs.available
            led = available.order[available.leads[available.order]]
            need = sum(inputs.common.parts[part][led] for part in _NEED)
            most = led[np.argsort(-np.asarray(need), kind="stable")[:MOST_ANIMALS]]
            return [available.ids[slot] for slot in most.tolist()]

    def _write(
        self,
        outlook: Outlook,
        animal_id: str,
        place: int,
        chance: float,
        room: Room,
        now: int,
        search: str | None = None,
    ) -> bool:
        """Write an alert, unless the animal or the wish is gone by now; True if it is new."""
        available = self.matching.animal_recommender.available.of(now, now)
        with available.lock:
            slots = available.slots([animal_id]).tolist()
            names = [one for slot in slots for one in available.members(slot)]
        if not names or self.matching.knows(outlook.user_id, names, now):
            return False
        match = self.matching.match(outlook, animal_id, place, now)
        found = self.matching.animal_recommender.animals.get_many(names)
        if match is None or len(found) < len(names):
            return False
        animals = [found[one] for one in names]
        language = self.matching.language_of(outlook.user_id)
        alert = self.messages.alert(match, animals, chance, now, search, language)
        is_new = self.book.add(alert, now)
        if is_new:
            room.fill(outlook.user_id, animal_id)
        return is_new


def drawn(surplus: Floats, count: int, seed: str) -> Iterator[tuple[int, float]]:
    """Draw so many rows, one after the other; yield each with its chance given those before it."""
    dice = np.random.default_rng(int.from_bytes(seed.encode()))
    # The floor keeps the last ones above 0, where nobody better is left.
    weights = np.exp(np.maximum((surplus - surplus.max(initial=-1.0)) / TEMPERATURE, -50.0))
    for _ in range(min(count, len(weights))):
        chances = weights / weights.sum()
        row = int(dice.choice(len(weights), p=chances))
        yield row, float(chances[row])
        weights[row] = 0.0


_SECONDS = 60.0
_RATE = "10/hour"


class Alerts(msgspec.Struct, frozen=True):
    """The parts that operations, pages and tasks of a server share."""

    matching: Matching
    book: AlertBook
    addresses: AddressBook
    messages: Messages
    daily: DailyAlerts
    catalogue: Catalogue
    rate: AddressRate
    """Rate at which one client may have mails sent to addresses."""
    mails_visitors: bool
    threads: ThreadPoolExecutor
    now: Callable[[], int]

    def ask(self, session_id: str, address: str, search: str, language: str) -> None:
        """Send a mail whose link confirms the address; TooManyRequests if it got several today."""
        if not self.mails_visitors:
            raise NotFound("no alerts go by mail here: set alerts, site and notify_smtp_url")
        user_id = self.messages.user_of(address)
        wish = AddressWish(user_id, session_id, address, search, language)
        with speaking(language):
            words = SearchRules.of(search).in_words if search else ""
        now = self.now()
        self.addresses.ask(wish, partial(self.messages.confirmation, wish, words, now=now), now)

    def confirm(self, wish: AddressWish) -> None:
        """Write to the address of a wish from now on; Conflict if it has too many searches."""
        if wish.search:
            self.save(wish.user_id, wish.search, self.now())
        else:
            self.consent(wish.user_id)
        self.note_language(wish.user_id, wish.language)
        self.addresses.confirm(wish, self.now())

    def consent(self, user_id: str) -> None:
        """Note that the user wishes to be told."""
        self.catalogue.set_attributes(user_id, {CONSENT: YES})

    def save(self, user_id: str, search: str, now: int) -> None:
        """Tell the user of new animals that fit a search, also if that was stopped before."""
        self.book.save(user_id, search, now)
        self.daily.note_animals(now)  # who is here by now is not new to the user
        user = self.catalogue.user(user_id)
        if user is not None and user.attributes.get(CONSENT) == NO:
            self.catalogue.set_attributes(user_id, {CONSENT: SEARCHES})

    def note_language(self, user_id: str, tag: str) -> None:
        """Note the language that the user is written to in."""
        self.catalogue.set_attributes(user_id, {LANGUAGE: tag})

    def word_of(self, user_id: str) -> str | None:
        """Return what the user said of alerts: yes, searches, no; None for a user without a word.

        NotFound for a user of whom nothing is stored.
        """
        user = self.catalogue.user(user_id)
        if user is None:
            raise NotFound(f"no user {user_id} is stored: put the user first (PUT /v1/users/ID)")
        word = user.attributes.get(CONSENT)
        return None if word is None else str(word)

    def stop(self, user_id: str, now: int) -> None:
        """Tell the user of no animal any more, and the site that it is so."""
        self.book.remove(user_id)
        is_by_mail = user_id.startswith(MAIL_USER)  # a user of this site alone
        if is_by_mail:
            self.addresses.remove(user_id)
        # The link of somebody who was erased since must bring nothing of them back.
        if self.catalogue.user(user_id) is not None:
            self.catalogue.set_attributes(user_id, {CONSENT: NO})
            if not is_by_mail:
                self.book.report_stop(self.messages.stopped(user_id, now))


def book_of(settings: Settings, adapters: Adapters) -> AlertBook:
    """Return the book of alerts."""
    return AlertBook(adapters.database, settings.part(AlertSettings), channels_of(settings))


@contextmanager
def started(adapters: Adapters, services: Services) -> Iterator[Alerts]:
    """Yield what operations, pages and tasks share."""
    settings = adapters.settings
    animal_recommender = services.animal_recommender
    unseen = animal_recommender.with_group_recommender(
        animal_recommender.group_recommender, is_seen=False
    )
    matching = Matching(unseen, Audience(adapters.database))
    book, url = book_of(settings, adapters), address_of(settings)
    # Read at its first use: a server starts on a full disk too, where no key can be made.
    messages = Messages(cache(book.key), url, settings.serves_site, settings.language)
    daily = DailyAlerts(matching, book, messages, Turns(adapters.database, WORK))
    with ThreadPoolExecutor(1, thread_name_prefix="alerts") as threads:
        yield Alerts(
            matching,
            book,
            AddressBook(adapters.database),
            messages,
            daily,
            adapters.catalogue,
            AddressRate(_RATE, clock.real_now),
            mails_visitors(settings),
            threads,
            clock.now,
        )


def tasks(adapters: Adapters, _services: Services, alerts: Alerts) -> Iterator[Task]:
    """Yield the daily round, which one server does."""
    settings = adapters.settings
    # A lease of its own: the server that does the housekeeping may have no model to weigh with.
    if settings.part(AlertSettings).alerts and settings.has_role(SERVE):
        once = adapters.leases.leading(WORK, at_the_moment(alerts.daily.send_once))
        yield Task("send alerts", _SECONDS, once, alerts.threads)


def upkeep(
    adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what forgets old alerts, and addresses that nobody confirmed."""
    yield "forget old alerts", book_of(adapters.settings, adapters).forget
    yield "forget unconfirmed addresses", AddressBook(adapters.database).forget

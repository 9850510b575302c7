"""Alerts over the adapters, and what they add to the service."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import msgspec

from pawsonalize import clock
from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task, at_the_moment
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.roles import SERVE
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.wings.alerts import AlertSettings, address_of, channels_of
from pawsonalize.wings.alerts.book import AlertBook
from pawsonalize.wings.alerts.daily import WORK, DailyAlerts
from pawsonalize.wings.alerts.matching import (
    CONSENT,
    LANGUAGE,
    NO,
    SEARCHES,
    YES,
    Audience,
    Matching,
)
from pawsonalize.wings.alerts.messages import Messages
from pawsonalize.work.tables import Turns

_SECONDS = 60.0


class Alerts(msgspec.Struct, frozen=True):
    """The parts that operations, pages and tasks of a server share."""

    matching: Matching
    book: AlertBook
    messages: Messages
    daily: DailyAlerts
    catalogue: Catalogue
    threads: ThreadPoolExecutor
    now: Callable[[], int]

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
        # The link of somebody who was erased since must bring nothing of them back.
        if self.catalogue.user(user_id) is not None:
            self.catalogue.set_attributes(user_id, {CONSENT: NO})
            self.book.report_stop(self.messages.stopped(user_id, now))


def book_of(settings: Settings, adapters: Adapters) -> AlertBook:
    """Return the book of alerts."""
    return AlertBook(adapters.database, settings.part(AlertSettings), channels_of(settings))


@contextmanager
def started(settings: Settings, adapters: Adapters, services: Services) -> Iterator[Alerts]:
    """Yield what operations, pages and tasks share."""
    individuals = services.individuals
    unseen = individuals.with_runtime(individuals.runtime, is_seen=False)
    matching = Matching(unseen, Audience(adapters.database))
    book, url = book_of(settings, adapters), address_of(settings)
    # Read at its first use: a server starts on a full disk too, where no key can be made.
    messages = Messages(cache(book.key), url, settings.serves_site, settings.language)
    daily = DailyAlerts(matching, book, messages, Turns(adapters.database, WORK))
    with ThreadPoolExecutor(1, thread_name_prefix="alerts") as threads:
        yield Alerts(matching, book, messages, daily, adapters.catalogue, threads, clock.now)


def tasks(
    settings: Settings, adapters: Adapters, _services: Services, alerts: Alerts
) -> Iterator[Task]:
    """Yield the daily round, which one server does."""
    # A lease of its own: the server that does the housekeeping may have no model to weigh with.
    if settings.part(AlertSettings).alerts and settings.has_role(SERVE):
        once = adapters.leases.leading(WORK, at_the_moment(alerts.daily.send_once))
        yield Task("send alerts", _SECONDS, once, alerts.threads)


def upkeep(
    settings: Settings, adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what forgets old alerts."""
    yield "forget old alerts", book_of(settings, adapters).forget

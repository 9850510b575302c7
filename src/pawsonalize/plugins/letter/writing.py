"""The letter: what the tables say of the last seven days, in words; sent once at each time."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict
from sqlalchemy import select

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.animals.tables.animals import (
    AnimalOrder,
    AnimalQuery,
    Animals,
    AnimalSearch,
    StockList,
)
from pawsonalize.core.attributes import SPECIES_NAMES, GoodWith
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import stays
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.logs import get_logger
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Outbox
from pawsonalize.core.work.servers import when_nobody_works
from pawsonalize.core.work.tables import Turns
from pawsonalize.core.work.tasks import HOUSEKEEPING, Task, at_the_moment
from pawsonalize.plugins.letter import schedule_of
from pawsonalize.site.languages import ENGLISH, choose, language, speaking
from pawsonalize.site.rendering import console_path_of, render
from pawsonalize.train.retraining.schedule import Schedule

WEEK = 7 * DAY
_NAMED = 5  # a letter that is too long is not read
_MOST_ADOPTED = 20
_CHUNK = 1_000
_LONGEST_HOLD = 90 * DAY  # between a visitor's choice and the papers; rarely more than weeks
_CONSOLE = "/console/animals"


class LetterLine(msgspec.Struct, frozen=True):
    """A line of a letter, and the path of the console's page about it."""

    text: str
    path: str = ""


class LetterPart(msgspec.Struct, frozen=True):
    """A part of a letter under its headline; `more` leads to all that it is about."""

    title: str
    lines: tuple[LetterLine, ...]
    more: str


class WeeklyLetter(msgspec.Struct, frozen=True):
    """A letter in a language; `url` is the address before its links, empty for none."""

    subject: str
    parts: tuple[LetterPart, ...]
    url: str
    language: str

    def as_text(self) -> str:
        """Return it as plain text."""
        return "\n\n".join("\n".join(self._lines(part)) for part in self.parts) + "\n"

    def as_html(self) -> str:
        """Return it as a page for mail readers, which load nothing."""
        with speaking(self.language):
            return render("letter/letter.html", letter=self)

    def _lines(self, part: LetterPart) -> Iterator[str]:
        yield part.title
        for line in part.lines:
            yield f"- {line.text}"
            if self.url and line.path:
                yield f"  {self.url}{line.path}"
        if self.url:
            yield f"{self.url}{part.more}"


class WeekOfAnimals(TableAccess):
    """Reads what a letter is about."""

    def __init__(self, database: Database, tag: str = ENGLISH) -> None:
        """Write in the language of a tag that `choose` returned."""
        super().__init__(database)
        self._animals, self._stock = Animals(database), StockList(database)
        self._speaks = language(tag)

    def letter(self, now: int, url: str) -> WeeklyLetter:
        """Write the letter of the seven days before that moment."""
        adopted = self._adopted(now)
        waiting = AnimalSearch(_NAMED, AnimalOrder.WAITING, status=AnimalStatus.AVAILABLE)
        longest = [one for one, _ in self._stock.page(waiting, now)]
        unseen = AnimalSearch(_NAMED, AnimalOrder.SHOWN, hardly_seen=True)
        counts = self._stock.counts(now)
        hardly = self._stock.page(unseen, now) if counts.hardly_seen else []
        here = counts.statuses.get(AnimalStatus.AVAILABLE, 0)
        number, plain = self._speaks.number, self._speaks.plain
        parts = (
            LetterPart(
                plain("letter.adopted", number=number(len(adopted))),
                tuple(self._line(one) for one in adopted[:_MOST_ADOPTED]),
                f"{_CONSOLE}?status=adopted&order=newest",
            ),
            LetterPart(
                plain("letter.waiting", number=number(here)),
                tuple(
                    self._line(one, f", {plain('letter.days', one.waiting_days(now))}")
                    for one in longest
                ),
                _CONSOLE,
            ),
            LetterPart(
                self._unseen_in_words(counts.hardly_seen),
                tuple(
                    self._line(one, f", {plain('letter.shown', number=number(shown))}")
                    for one, shown in hardly
                ),
                f"{_CONSOLE}?hardlySeen=true&order=shown",
            ),
            self._help([*longest, *(one for one, _ in hardly)]),
        )
        subject = plain("letter.subject", adopted=number(len(adopted)), waiting=number(here))
        return WeeklyLetter(subject, parts, url.rstrip("/"), self._speaks.tag)

    def _adopted(self, now: int) -> list[Animal]:
        """The animals that were adopted within the week, the last first."""
        # A stay ends when an animal is adopted, or before that, when it is put on hold.
        since = now - WEEK - _LONGEST_HOLD
        ended = select(stays.c.animal_id).where(stays.c.until > since, stays.c.until <= now)
        found = self._animals.get_many(set(self._scalars(ended.distinct()))).values()
        home = (
            one
            for one in found
            if one.status is AnimalStatus.ADOPTED and now - WEEK < one.status_at <= now
        )
        return sorted(home, key=lambda one: -one.status_at)

    def _help(self, named: Sequence[Animal]) -> LetterPart:
        """Say what lacks: for the animals that the letter names, then for how many of all."""
        by_id = {one.animal_id: one for one in named}
        lines = [
            self._line(one, f": {', '.join(some)}")
            for one in by_id.values()
            if (some := self._lacks(one))
        ]
        counts: dict[str, int] = {}
        for animal in self._available():
            unknown = (self._nobody_knows([one]) for one in _unknown(animal))
            for lack in (*self._missing(animal), *unknown):
                counts[lack] = counts.get(lack, 0) + 1
        number, plain = self._speaks.number, self._speaks.plain
        lines += [
            LetterLine(plain("letter.of_all", number=number(count), lack=lack))
            for lack, count in counts.items()
        ]
        title = plain("letter.helps" if lines else "letter.complete")
        return LetterPart(title, tuple(lines), _CONSOLE)

    def _available(self) -> Iterator[Animal]:
        after = None
        while page := self._animals.page(AnimalQuery(_CHUNK, after, AnimalStatus.AVAILABLE)):
            yield from page
            after = page[-1].animal_id

    def _lacks(self, animal: Animal) -> list[str]:
        """Return what visitors look for and the animal's record does not say."""
        unknown = _unknown(animal)
        return self._missing(animal) + ([self._nobody_knows(unknown)] if unknown else [])

    def _missing(self, animal: Animal) -> list[str]:
        found = {"letter.no_photo": animal.photos, "letter.no_description": animal.description}
        return [self._speaks.plain(key) for key, there in found.items() if not there]

    def _nobody_knows(self, household: Sequence[str]) -> str:
        return self._speaks.plain("letter.unknown", household=self._speaks.listed(household))

    def _line(self, animal: Animal, more: str = "") -> LetterLine:
        kind = self._speaks.value(SPECIES_NAMES.get(animal.species, animal.species))
        name = animal.name or animal.animal_id
        text = f"{name} ({kind}, {animal.breed.replace('_', ' ')}){more}"
        return LetterLine(text, console_path_of(animal.animal_id))

    def _unseen_in_words(self, count: int | None) -> str:
        if count is None:
            return self._speaks.plain("letter.unseen_unknown")
        return self._speaks.plain("letter.hardly_seen", number=self._speaks.number(count))


def _unknown(animal: Animal) -> list[str]:
    household = {"kids": animal.good_with_kids, "dogs": animal.good_with_dogs}
    household["cats"] = animal.good_with_cats
    return [name for name, one in household.items() if one is GoodWith.UNKNOWN]


if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.operations.services import Services

_LOOK_SECONDS = 30.0
TURN = "letter"

log = get_logger()


class LetterPost(msgspec.Struct, frozen=True):
    """Sends letters by all notifiers that reach people."""

    schedule: Schedule
    write: Callable[[int], WeeklyLetter]
    outbox: Outbox
    turns: Turns

    def send_due(self, now: int) -> None:
        """Send the letter of the newest time that has come, unless that is done."""
        tick, last = self.schedule(now), self.turns.last().get(DEFAULT_DATASET_GROUP)
        if tick is None or tick == last:
            return
        # The first time that is seen is of before there was a schedule.
        if last is not None:
            news = notification_of(self.write(now), tick)
            self.outbox.enqueue(news)
            log.info("letter written", subject=news.subject, to=self.outbox.names(news.kind))
        # Died in between: the same id is stored once, however often it is added.
        self.turns.put(DEFAULT_DATASET_GROUP, tick)


def notification_of(letter: WeeklyLetter, at: int) -> Notification:
    """Return the letter as news for all notifiers."""
    parts = [asdict(part) | {"lines": [asdict(one) for one in part.lines]} for part in letter.parts]
    return Notification(
        f"letter-{at}",
        NotificationKind.LETTER,
        letter.subject,
        letter.as_text(),
        at,
        details={"url": letter.url, "parts": parts},
        html=letter.as_html(),
    )


def tasks(adapters: "Adapters", services: "Services", _shared: object) -> Iterator[Task]:
    """Yield the task that looks whether a letter is due."""
    settings = adapters.settings
    if (schedule := schedule_of(settings)) is None:
        return
    week = WeekOfAnimals(adapters.database, choose(settings.language))
    post = LetterPost(
        schedule,
        lambda now: week.letter(now, settings.public_url),
        adapters.outbox,
        Turns(adapters.database, TURN),
    )
    once = adapters.leases.leading(HOUSEKEEPING, at_the_moment(post.send_due))
    send = when_nobody_works(services.servers, once, works=settings.has_role(WORK))
    yield Task("send letters", _LOOK_SECONDS, send)

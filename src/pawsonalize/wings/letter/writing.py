"""The letter: what the tables say of the last seven days, in words."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import select

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import SPECIES_NAMES, GoodWith
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import DAY
from pawsonalize.storage.animals.animal_list import AnimalOrder, AnimalSearch, StockList
from pawsonalize.storage.animals.animals import AnimalQuery, Animals
from pawsonalize.storage.database import Database
from pawsonalize.storage.table_access import TableAccess
from pawsonalize.storage.tables import stays
from pawsonalize.ui.rendering import console_path_of, render

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
    """A letter; `url` is the address before its links, empty for none."""

    subject: str
    parts: tuple[LetterPart, ...]
    url: str

    def as_text(self) -> str:
        """Return it as plain text."""
        return "\n\n".join("\n".join(self._lines(part)) for part in self.parts) + "\n"

    def as_html(self) -> str:
        """Return it as a page for mail readers, which load nothing."""
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

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._animals, self._stock = Animals(database), StockList(database)

    def letter(self, now: int, url: str) -> WeeklyLetter:
        """Write the letter of the seven days before that moment."""
        adopted = self._adopted(now)
        waiting = AnimalSearch(_NAMED, AnimalOrder.WAITING, status=AnimalStatus.AVAILABLE)
        longest = [one for one, _ in self._stock.page(waiting, now)]
        unseen = AnimalSearch(_NAMED, AnimalOrder.SHOWN, hardly_seen=True)
        counts = self._stock.counts(now)
        hardly = self._stock.page(unseen, now) if counts.hardly_seen else []
        here = counts.statuses.get(AnimalStatus.AVAILABLE, 0)
        parts = (
            LetterPart(
                f"Went home in the last seven days: {len(adopted):,}",
                tuple(_line(one) for one in adopted[:_MOST_ADOPTED]),
                f"{_CONSOLE}?status=adopted&order=newest",
            ),
            LetterPart(
                f"Waiting for a home: {here:,}; the longest first",
                tuple(_line(one, f", {one.waiting_days(now):,} days") for one in longest),
                _CONSOLE,
            ),
            LetterPart(
                _unseen_in_words(counts.hardly_seen),
                tuple(_line(one, f", times shown: {shown:,}") for one, shown in hardly),
                f"{_CONSOLE}?hardlySeen=true&order=shown",
            ),
            self._help([*longest, *(one for one, _ in hardly)]),
        )
        subject = f"{len(adopted):,} went home, {here:,} waiting"
        return WeeklyLetter(subject, parts, url.rstrip("/"))

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
            _line(one, f": {', '.join(some)}") for one in by_id.values() if (some := lacks(one))
        ]
        counts: dict[str, int] = {}
        for animal in self._available():
            unknown = (f"nobody knows about {one}" for one in _unknown(animal))
            for lack in (*_missing(animal), *unknown):
                counts[lack] = counts.get(lack, 0) + 1
        lines += [LetterLine(f"{count:,} of all: {lack}") for lack, count in counts.items()]
        title = "This would help" if lines else "Nothing is missing in their records"
        return LetterPart(title, tuple(lines), _CONSOLE)

    def _available(self) -> Iterator[Animal]:
        after = None
        while page := self._animals.page(AnimalQuery(_CHUNK, after, AnimalStatus.AVAILABLE)):
            yield from page
            after = page[-1].animal_id


def lacks(animal: Animal) -> list[str]:
    """Return what visitors look for and the animal's record does not say."""
    unknown = _unknown(animal)
    about = " and ".join(filter(None, (", ".join(unknown[:-1]), *unknown[-1:])))
    return _missing(animal) + ([f"nobody knows about {about}"] if about else [])


def _missing(animal: Animal) -> list[str]:
    found = {"no photo": animal.photos, "no description": animal.description}
    return [text for text, there in found.items() if not there]


def _unknown(animal: Animal) -> list[str]:
    household = {"kids": animal.good_with_kids, "dogs": animal.good_with_dogs}
    household["cats"] = animal.good_with_cats
    return [name for name, one in household.items() if one is GoodWith.UNKNOWN]


def _line(animal: Animal, more: str = "") -> LetterLine:
    kind = SPECIES_NAMES.get(animal.species, animal.species)
    name = animal.name or animal.animal_id
    text = f"{name} ({kind}, {animal.breed.replace('_', ' ')}){more}"
    return LetterLine(text, console_path_of(animal.animal_id))


def _unseen_in_words(count: int | None) -> str:
    if count is None:
        return "Too little was shown to tell who is hardly seen"
    return f"Hardly seen, shown less than a quarter as often as others: {count:,}"

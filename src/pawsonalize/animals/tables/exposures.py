"""Exposure of items and animals: how often each was shown."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, func, select

from pawsonalize.core.database.statements import merge, rows_of
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import animal_exposures, animals, exposures
from pawsonalize.core.event import MAX_IMPRESSION_ITEMS
from pawsonalize.core.times import DAY


class AnimalExposures(TableAccess):
    """Counts of how often each animal was shown, in answers and in impressions of events."""

    def of(self, animal_ids: Collection[str]) -> dict[str, int]:
        """Return how often each of these animals was shown. Animals never shown are left out."""
        wanted = select(animal_exposures.c.animal_id, animal_exposures.c.shown)
        rows = self._with(rows_of, wanted, animal_exposures.c.animal_id, animal_ids)
        return {row.animal_id: row.shown for row in rows}

    def changed(self, after: int) -> tuple[dict[str, int], int]:
        """The counts that changed after a moment, by animal, and when the newest changed."""
        newer = select(animal_exposures).where(animal_exposures.c.counted_at > after)
        rows = self._rows(newer)
        through = max((row.counted_at for row in rows), default=after)
        return {row.animal_id: row.shown for row in rows}, through


def add_shown_animals(connection: Connection, lists: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Count lists of animals (cut to `first_places`), each with its moment; unknown ids are not."""
    shown: Counter[str] = Counter()
    newest = 0
    for moment, animal_ids in lists:
        shown.update(animal_ids)
        newest = max(newest, moment)
    known = sorted(rows_of(connection, select(animals.c.animal_id), animals.c.animal_id, shown))
    rows = [{"animal_id": one, "shown": shown[one], "counted_at": newest} for (one,) in known]
    later = func.greatest if connection.dialect.name == "postgresql" else func.max
    old = animal_exposures.c
    merge(
        connection,
        animal_exposures,
        rows,
        lambda new: {
            "shown": old.shown + new.shown,
            "counted_at": later(old.counted_at, new.counted_at),
        },
    )


def first_places(places: Sequence[Sequence[str]]) -> list[str]:
    """The animals in the first 25 places."""
    # Most pages show no more, and no event reports more.
    return [one for ids in places[:MAX_IMPRESSION_ITEMS] for one in ids]


# The exposure of an item has a half-life. A showing at moment t adds 2 ** ((t - landmark) /
# half-life) to one number. Writers only add and never read. A reader divides by 2 ** ((now -
# landmark) / half-life), so a showing is worth half after one half-life (Cormode et al., "Forward
# Decay", ICDE 2009).
_HALF_LIFE = 30 * DAY
_LANDMARK = 1_767_225_600_000  # 2026-01-01; sums last until floats end, 84 years on


def add_shown(connection: Connection, lists: Iterable[tuple[str, int, Sequence[str]]]) -> None:
    """Count the first 25 places of lists, each with its dataset group and moment."""
    # Most pages show no more, and an event may report no more.
    worth: dict[tuple[str, str], float] = defaultdict(float)
    for group, moment, item_ids in lists:
        grown = _grown(moment)
        for item_id in item_ids[:MAX_IMPRESSION_ITEMS]:
            worth[group, item_id] += grown
    rows = [
        {"dataset_group": group, "item_id": item, "shown": n} for (group, item), n in worth.items()
    ]
    merge(connection, exposures, rows, lambda new: {"shown": exposures.c.shown + new.shown})


def read_shown(connection: Connection, dataset_group: str, at: int) -> dict[str, float]:
    """Return how often each item was shown. A showing 30 days before `at` counts half."""
    now = _grown(at)
    wanted = select(exposures.c.item_id, exposures.c.shown).where(
        exposures.c.dataset_group == dataset_group
    )
    rows = connection.execute(wanted)
    return {item_id: total / now for item_id, total in rows}


def _grown(moment: int) -> float:
    return float(2.0 ** ((moment - _LANDMARK) / _HALF_LIFE))

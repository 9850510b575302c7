"""Exposure of each item of a dataset group, as one number with a half-life.

A showing at moment t adds 2 ** ((t - landmark) / half-life) to the number. Writers only add and
never read. A reader divides by 2 ** ((now - landmark) / half-life), which makes each showing worth
half after one half-life (Cormode et al., "Forward Decay", ICDE 2009).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from pawsonalize.domain.events import MAX_IMPRESSION_ITEMS
from pawsonalize.domain.times import DAY
from pawsonalize.storage.statements import insert
from pawsonalize.storage.tables import exposures

_HALF_LIFE = 30 * DAY
_LANDMARK = 1_767_225_600_000  # 2026-01-01; sums last until floats end, 84 years on


def add_shown(connection: Connection, lists: Iterable[tuple[str, int, Sequence[str]]]) -> None:
    """Count the first 25 places of lists, each with its dataset group and moment.

    Most pages show no more, and an event may report no more.
    """
    worth: dict[tuple[str, str], float] = defaultdict(float)
    for group, moment, item_ids in lists:
        grown = _grown(moment)
        for item_id in item_ids[:MAX_IMPRESSION_ITEMS]:
            worth[group, item_id] += grown
    if not worth:
        return
    statement = insert(connection, exposures)
    added = statement.on_conflict_do_update(
        index_elements=["dataset_group", "item_id"],
        set_={"shown": exposures.c.shown + statement.excluded.shown},
    )
    rows = [
        {"dataset_group": group, "item_id": item, "shown": n} for (group, item), n in worth.items()
    ]
    connection.execute(added, rows)


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

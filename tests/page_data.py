"""Pages of animals, as answers are kept."""

from typing import Any

from msgspec.structs import replace

from pawsonalize.recommend.tables import ANIMALS, Impression
from tests.event_data import T0


def page(name: str, *animals: str, at: int = 0, **more: Any) -> Impression:
    """A page of these animals in session s1, `at` milliseconds after T0."""
    plain = Impression(
        recommendation_id=name,
        question=ANIMALS,
        user_id=None,
        session_id="s1",
        answered_at=T0 + at,
        as_of=T0 + at,
        solution_version="v",
        item_ids=("2-Beagle-2-3",) * len(animals),
        animal_ids=tuple((one,) for one in animals),
    )
    return replace(plain, **more)

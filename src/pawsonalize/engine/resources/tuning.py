"""What a solution wants tuned, and what came of it."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pawsonalize.recipes.ranges import Range

MAX_TRIALS = 200


class Tuning(msgspec.Struct, frozen=True):
    """How many settings a training tries before it fits, for how long, and within which ranges.

    The first trial is the settings as given, which always runs; no other begins once `seconds`
    have passed. Without `ranges` they are the recipe's, of the settings that nobody has set.
    """

    trials: Annotated[int, Meta(ge=1, le=MAX_TRIALS)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    ranges: Mapping[str, Range] = {}


class Trial(msgspec.Struct, frozen=True):
    """What was tried above the given settings, and its draft's NDCG@10 on half of the users."""

    settings: Mapping[str, Any]
    ndcg_at_10: float


class Tuned(msgspec.Struct, frozen=True):
    """The outcome of a tuning.

    `settings` are to be used above the given ones: the best trial's, if it was surely better on
    the other half of the `questions` users, else none. `given_ndcg_at_10` and `best_ndcg_at_10` are
    those of whole models on that half. `note` says why in words.
    """

    settings: Mapping[str, Any]
    note: str
    trials: tuple[Trial, ...] = ()
    users: int = 0
    questions: int = 0
    given_ndcg_at_10: float | None = None
    best_ndcg_at_10: float | None = None

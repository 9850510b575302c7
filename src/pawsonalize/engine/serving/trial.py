"""A model is tried before it goes live: does it score, and how fast?"""

import time

import numpy as np

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.events import DEFAULT_EVENT_TYPE
from pawsonalize.recipes.contract import Context, Model, Seen

_LENGTHS = (0, 1, 3, 10)  # events in the history of the visitors who are played
_LIST = 100
_MEASURED_SECONDS = 0.1


def try_out(model: Model, now: int) -> None:
    """Score for a few visitors, so that the pages of the model are in memory.

    Raises CorruptArtefact when a score is not a finite number of at least 0.
    """
    for context in _visitors(model, now):
        for scores in (
            model.score_catalogue(context),
            model.score(context, model.item_ids[:_LIST]),
        ):
            if not (np.isfinite(scores) & (scores >= 0)).all():
                raise CorruptArtefact("the model gives scores that are no finite numbers")


def sustained_tps(model: Model, now: int) -> float:
    """How many catalogues a second one process scores, measured for a tenth of a second."""
    visitors = _visitors(model, now)
    started = time.perf_counter()
    scored = 0
    while (seconds := time.perf_counter() - started) < _MEASURED_SECONDS or not scored:
        model.score_catalogue(visitors[scored % len(visitors)])
        scored += 1
    return scored / seconds


def _visitors(model: Model, now: int) -> list[Context]:
    items = model.item_ids
    return [
        Context(tuple(Seen(item, DEFAULT_EVENT_TYPE, now) for item in items[:length]), now)
        for length in _LENGTHS
    ]

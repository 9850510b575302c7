"""What answers are like, right or wrong: are they numbers, and how do they spread?"""

import numpy as np

from pawsonalize.engine.training.evaluating.holdout import Holdout
from pawsonalize.evaluation.gate.evidence import Spread
from pawsonalize.evaluation.judging import Judgement, Ranker
from pawsonalize.evaluation.metrics.catalogue import DEPTH

_FIRST_PLACES = 5


def spread_of(judgement: Judgement, holdout: Holdout) -> Spread:
    """How a ranker's answers spread over the candidates; at least one question and candidate."""
    items, questions = holdout.training.item_ids, len(judgement.best)
    first = np.concatenate([best[:_FIRST_PLACES] for best in judgement.best])
    counts = np.bincount(first, minlength=len(items))
    return Spread(
        shown=len(np.unique(np.concatenate(judgement.best))),
        possible=min(len(items), DEPTH * questions),
        top_item=items[int(counts.argmax())],
        top_share=int(counts.max()) / questions,
    )


def unsound(ranker: Ranker, questions: int) -> tuple[int, int]:
    """How many answers have a score that is no finite number, and how many a single score.

    -inf is no score: it stands for what must not be recommended.
    """
    not_finite = constant = 0
    for question in range(questions):
        scores = ranker(question)
        scores = scores[scores != -np.inf]
        not_finite += not np.isfinite(scores).all()
        constant += len(scores) > 1 and bool((scores == scores[0]).all())
    return not_finite, constant

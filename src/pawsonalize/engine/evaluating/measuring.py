"""From judgements to a report: intervals, leads, slices, calibration."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.evaluating.holdout import Holdout
from pawsonalize.engine.evaluating.report import (
    Measured,
    RankerReport,
    SliceReport,
    SplitReport,
)
from pawsonalize.evaluation.bootstrap import intervals, paired_differences
from pawsonalize.evaluation.calibration import Calibration, calibration
from pawsonalize.evaluation.judging import Judgement
from pawsonalize.evaluation.metrics.catalogue import METRICS
from pawsonalize.evaluation.slices import Slice, by_history, by_novelty, by_value


def measure(
    holdout: Holdout, judged: Mapping[str, Judgement], control: Judgement, seed: int
) -> SplitReport:
    """The report of a hold-out; `judged` is the recipe first, then the baselines."""
    recipe = next(iter(judged))
    targets = np.concatenate(holdout.targets)
    values = {name: judgement.values() for name, judgement in judged.items()}
    n_items = len(holdout.training.item_ids)

    def report(name: str, judgement: Judgement, own: NDArray[np.float64]) -> RankerReport:
        leads = () if name == recipe else paired_differences(values[recipe], own, seed)
        lead = dict(zip(METRICS, leads, strict=False))
        return RankerReport(name, _measured(own, seed), judgement.coverage(n_items), lead)

    rankers = tuple(report(name, judgement, values[name]) for name, judgement in judged.items())
    shuffled = report(f"{recipe}, shuffled order", control, control.values())
    sliced = tuple(_sliced(part, judged, seed) for part in _slices(holdout, targets))
    return SplitReport(
        split=holdout.name,
        moment=holdout.training.as_of,
        training_events=len(holdout.training),
        candidates=n_items,
        questions=len(holdout.targets),
        targets=len(targets),
        repeated=_repeated(holdout),
        missing=float((targets < 0).mean()),
        rankers=rankers,
        shuffled_order=shuffled,
        slices=sliced,
        calibration=_calibration(holdout, judged[recipe]),
    )


def _measured(values: NDArray[np.float64], seed: int) -> Measured:
    return dict(zip(METRICS, intervals(values, seed), strict=True))


def _sliced(part: Slice, judged: Mapping[str, Judgement], seed: int) -> SliceReport:
    values = {name: judgement.values(part.targets) for name, judgement in judged.items()}
    questions = len(next(iter(values.values())))
    measured = {name: _measured(own, seed) for name, own in values.items()}
    return SliceReport(part.kind, part.value, questions, measured)


def _slices(holdout: Holdout, targets: NDArray[np.int64]) -> list[Slice]:
    counts = [len(wanted) for wanted in holdout.targets]
    # The last count, of no candidate, is what -1 reads.
    touched = np.bincount(holdout.training.item, minlength=len(holdout.training.item_ids) + 1)
    slices = by_history(np.repeat(holdout.known, counts)) + by_novelty(touched[targets] == 0)
    attributes = holdout.data.attributes
    if "species" in attributes.names:
        column = attributes.names.index("species")
        species = attributes.codes[np.concatenate(holdout.target_items), column]
        slices += by_value("species", attributes.values[column], species)
    return slices


def _repeated(holdout: Holdout) -> float:
    split, item = holdout.split, holdout.data.item
    spans = zip(split.start, split.cut, holdout.target_items, strict=True)
    known = [np.isin(wanted, item[start:cut]) for start, cut, wanted in spans]
    return float(np.concatenate(known).mean())


def _calibration(holdout: Holdout, judgement: Judgement) -> Calibration:
    """Of the 25 best of every question: was it the very next choice, as often as its score?"""
    happened = [
        best == wanted[0] for best, wanted in zip(judgement.best, holdout.targets, strict=True)
    ]
    return calibration(np.concatenate(judgement.best_scores), np.concatenate(happened))

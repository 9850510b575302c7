"""What the numbers of a split mean, in plain words; all about NDCG@5, the gate's metric."""

from collections.abc import Iterator

from pawsonalize.engine.training.evaluating.rankers import OWN_HISTORY, POPULARITY
from pawsonalize.engine.training.evaluating.report import RankerReport, SplitReport
from pawsonalize.evaluation.metrics.catalogue import NDCG_AT_5

_FEW = 200
_MOST = 0.85


def findings(report: SplitReport) -> tuple[str, ...]:
    """One sentence or two on each thing that a reader of the table should not miss."""
    return (
        *_leads(report),
        *_repeats(report),
        *_order(report),
        *_missing(report),
        *_size(report),
    )


def _mean(ranker: RankerReport) -> float:
    return ranker.metrics[NDCG_AT_5].mean


def _named(report: SplitReport, name: str) -> RankerReport:
    return next(ranker for ranker in report.rankers if ranker.name == name)


def _leads(report: SplitReport) -> Iterator[str]:
    for name in (POPULARITY, OWN_HISTORY):
        lead = _named(report, name).lead[NDCG_AT_5]
        bounds = f"{lead.mean:+.3f} NDCG@5, {lead.low:+.3f} to {lead.high:+.3f}"
        if lead.low > 0:
            verdict = "is better than"
        elif lead.high < 0:
            verdict = "is worse than"
        else:
            verdict = "cannot be told apart from"
        yield f"{report.rankers[0].name} {verdict} {name} ({bounds})."


def _repeats(report: SplitReport) -> Iterator[str]:
    recipe, repeat = report.rankers[0], _named(report, OWN_HISTORY)
    yield f"{report.repeated:.0%} of the targets repeat an item the same user had before."
    lead, reached = repeat.lead[NDCG_AT_5], _mean(repeat)
    if lead.high >= 0 and reached > 0 and reached >= _MOST * _mean(recipe):
        much = "most of the" if lead.low > 0 else "the"
        yield (
            f"Such repeats explain {much} result: showing visitors their own items again reaches"
            f" {reached:.3f} of its {_mean(recipe):.3f}. It says little about finding something"
            " new."
        )


def _order(report: SplitReport) -> Iterator[str]:
    before, after = _mean(report.rankers[0]), _mean(report.shuffled_order)
    if report.shuffled_order.lead[NDCG_AT_5].low > 0:
        yield (
            f"With every history in random order NDCG@5 is {after:.3f} instead of {before:.3f}."
            " The difference rests on the order of events: trust it only if they are in the order"
            " of the clicks, not merely in that of a file."
        )
    else:
        yield "With every history in random order the result is no lower: it rests on no order."


def _missing(report: SplitReport) -> Iterator[str]:
    if report.missing > 0:
        yield (
            f"{report.missing:.1%} of the targets were not in the catalogue when the model was"
            " trained; nobody can hit those."
        )


def _size(report: SplitReport) -> Iterator[str]:
    if report.questions < _FEW:
        yield (
            f"Only {report.questions} users were asked: another --seed draws others and moves"
            " every number within its interval."
        )

"""Every metric by its name, as Amazon Personalize's GetSolutionMetrics spells them."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from pawsonalize.evaluation.metrics.discounted_gain import normalized_discounted_cumulative_gain
from pawsonalize.evaluation.metrics.first_hit import hit_rate, mean_reciprocal_rank
from pawsonalize.evaluation.metrics.placements import Metric
from pawsonalize.evaluation.metrics.precision import precision

_NDCG = normalized_discounted_cumulative_gain
DEPTH = 25
"""How deep a list the deepest metric reads."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        **{f"{_NDCG.__name__}_at_{k}": partial(_NDCG, k=k) for k in (5, 10, 25)},
        "mean_reciprocal_rank_at_25": partial(mean_reciprocal_rank, k=25),
        **{f"precision_at_{k}": partial(precision, k=k) for k in (5, 10, 25)},
        "hit_rate_at_10": partial(hit_rate, k=10),
    }
)
"""`coverage` is not among them: it is of all lists together, not of one question."""

NDCG_AT_5 = f"{_NDCG.__name__}_at_5"
NDCG_AT_10 = f"{_NDCG.__name__}_at_10"

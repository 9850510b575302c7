"""Evidence on a new solution version for the gate; plain values, JSON as they are.

All of it was measured on held-out events. A test case is one question of one user, and every
ranker got the same ones. The metric is NDCG@5.
"""

from dataclasses import dataclass

from pawsonalize.evaluation.bootstrap import CONFIDENCE, Difference, Interval

CHANCE = (1 - CONFIDENCE) / 2
"""Chance that a test takes noise for a lead, or for a loss."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another ranker's mean on the same test cases, and the new version's lead over it.

    `chance` is how often as large a lead comes about between equals.
    """

    theirs: float
    lead: Difference
    chance: float

    @property
    def is_better(self) -> bool:
        """Whether the lead is beyond chance: by its bound, and by swapping who is who."""
        return self.lead.low > 0 and self.chance <= CHANCE

    @property
    def relative(self) -> float:
        """The lead as a share of the other's mean; where that is 0, any lead is all of it."""
        return self.lead.mean / self.theirs if self.theirs > 0 else float(self.lead.mean > 0)


@dataclass(frozen=True, slots=True)
class LiveEvidence:
    """The live version, fitted anew on what it had seen. `as_of` is how old its knowledge is."""

    solution_version: str
    as_of: int
    comparison: Comparison
    is_first: bool = False
    """True if it learned no ranker, to be live soon, and the new version may."""


@dataclass(frozen=True, slots=True)
class SliceEvidence:
    """The test cases with a target in one slice, compared as `Evidence.slices` says."""

    kind: str
    value: str
    test_cases: int
    ours: float
    comparison: Comparison
    chance_of_loss: float
    """Chance of as large a loss between equals."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Spread of the answers over the catalogue."""

    shown: int
    """Items that are in a list of the 25 best."""
    possible: int
    """Items that could be: all there are, or 25 for each test case if that is less."""
    top_item: str
    """The item most often among the first five."""
    top_share: float
    """The share of the test cases with that item among the first five."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the rules read. Moments are milliseconds since 1970."""

    recipe: str
    seed: int
    """Drew the test cases."""
    moment: int
    """When the held-out answers were given."""
    test_cases: int
    candidates: int
    ndcg_at_5: Interval
    popularity: Comparison | None
    """None for a recipe that is popularity itself."""
    live: LiveEvidence | None
    """None where nothing is live."""
    spread: Spread | None
    """None where the recipe chooses no items (a re-ranking) or gives everybody the same."""
    slices: tuple[SliceEvidence, ...]
    """Compared with the live version, or with popularity if there is none."""
    not_finite: int
    """Test cases with a NaN or infinite score."""
    constant: int
    """Test cases with one score for all items."""

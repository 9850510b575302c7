"""The numbers the learned engine depends on; what must adapt is chosen on held-out users."""

import msgspec

from pawsonalize.models.recipes.counts.weights import EventWeights


class Design(msgspec.Struct, frozen=True):
    """One configuration for every data set, found on validation splits of public sequences."""

    repeats: bool = True
    """True if an item may be chosen again; if not, what the visitor saw is masked."""
    candidates: int = 200
    weights: EventWeights = msgspec.field(default_factory=EventWeights)
    context_half_life_days: float = 90.0
    # Newest events of a visitor that are known when serving; so no more when training.
    seen_events: int = 200
    min_requests: int = 300
    """Fewer training requests than this teach nothing: no ranker is fitted."""
    sample_cap: int = 24_000
    # With times, this many newest requests at most: those before know more of the future.
    newest_requests: int = 12_000
    trees: int = 160
    seed: int = 0

    window: int = 10
    gap_decay: float = 0.65
    """Worth of one more event in between."""
    row_power: float = 0.15
    """A row is divided by its total to this power."""
    row_keep: int = 100
    backward: float = 0.3
    """Weight of a step in the other direction, for factors."""
    context: int = 20
    """Newest events of a request that the signals read."""
    # Weight of an event = this to the power of its age in events; `slow`, `long` likewise.
    fast: float = 0.5
    slow: float = 0.8
    long: float = 0.85
    neighbours: int = 100
    postings: int = 150
    """Newest events kept of each item when neighbours are looked up."""
    rank: int = 128
    damping: float = 0.7
    """Counts to this power are factorised, degrees to `degree_power` divide them."""
    degree_power: float = 0.3
    sweeps: int = 3
    ease_items: int = 4_000
    """EASE is for so many items at most: its time is their number to the third power."""
    ease_visits: int = 1_000_000
    """Of a longer log EASE has the first users."""
    ease_penalty: float = 300.0
    ease_keep: int = 100
    ease_fade: float = 0.95
    """Fade of the second of EASE's two readings of a history; the first reads it as a set."""
    factor_entries: int = 8_000_000
    """Above this many counts the rows are pruned before factorising."""
    sample_cells: int = 300_000_000
    """Training requests times items: the dense work done at most."""
    sample_depth: int = 32
    """At most this many newest positions of a user become training requests."""
    negatives: int = 59
    holdout: float = 0.15
    folds: int = 4
    leaves: int = 15
    bins: int = 63
    learning_rate: float = 0.1
    patience: int = 20
    # Pairs of candidates count of which one is among so many first; see LightGBM's lambdarank.
    top: int = 20
    threads: int = 2
    """Threads of a training; a request uses one."""

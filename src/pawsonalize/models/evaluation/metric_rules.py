"""The gate's rules for a version of which only mean metrics are known."""

from collections.abc import Mapping

import msgspec

from pawsonalize.core.times import DAY
from pawsonalize.models.evaluation import gate
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.models.evaluation.metrics import NDCG_AT_5


class MeasuredVersion(msgspec.Struct, frozen=True):
    """A version, who measured it, and its mean metrics, or why there are none."""

    name: str
    engine: str
    as_of: int  # as of when it knows the log, in milliseconds since 1970
    metrics: Mapping[str, float]
    why_not: str = ""

    @property
    def ndcg_at_5(self) -> float | None:
        """The metric that the gate judges by; None if it was not measured."""
        return self.metrics.get(NDCG_AT_5)


def decide_by_metrics(
    new: MeasuredVersion, live: MeasuredVersion | None, settings: GateSettings, now: int
) -> gate.Decision:
    """Apply the rules that means can be judged by; the others say that they cannot be."""

    # A remote engine measures on users that it chose and reports means: nothing can be paired, and
    # no interval drawn.
    def unknown(rule: str, what: str) -> gate.RuleVerdict:
        return gate.not_applicable(rule, f"cannot be judged: {new.engine} does not say {what}")

    threshold = _threshold(new, settings)
    verdicts: tuple[gate.RuleVerdict, ...] = (threshold,)
    if settings.profile is Profile.FULL:
        covered = new.metrics.get("coverage")
        note = "" if covered is None else f"; it says that {covered:.1%} of all items are"
        verdicts = (
            unknown("test cases", "how many users it was measured on"),
            unknown("scores", "whether every score is sound"),
            threshold,
            unknown("baselines", "how simple baselines do on the same users")
            if settings.beat_popularity
            else gate.not_applicable("baselines", "it was not asked to beat simple baselines"),
            _live(new, live, settings, now),
            unknown("slices", "how species or new visitors fare"),
            unknown("coverage", f"how many items could be recommended{note}"),
            unknown("top item", "which items come first"),
        )
    merits = (
        f"{one.rule}: {one.message}"
        if one.outcome is gate.RuleOutcome.NOT_APPLICABLE
        else one.message
        for one in verdicts
        if one.rule in gate.MAIN_RULES
    )
    return gate.decision(verdicts, merits, is_first=live is None)


def _threshold(new: MeasuredVersion, settings: GateSettings) -> gate.RuleVerdict:
    if new.ndcg_at_5 is not None:
        return gate.threshold_verdict(new.ndcg_at_5, settings, f", measured by {new.engine},")
    why = f" ({new.why_not})" if new.why_not else ""
    message = f"{new.engine} gives no NDCG@5 for {new.name}{why}"
    numbers = {"threshold": settings.promotion_threshold}
    return gate.RuleVerdict("threshold", gate.RuleOutcome.INSUFFICIENT, message, numbers)


def _live(
    new: MeasuredVersion, live: MeasuredVersion | None, settings: GateSettings, now: int
) -> gate.RuleVerdict:
    rule = "live version"
    if not settings.beat_live:
        return gate.not_applicable(rule, "it was not asked to beat the live version")
    if live is None:
        return gate.not_applicable(rule, "nothing was live before")
    if live.engine != new.engine:
        message = f"cannot be judged: {live.name} was measured by {live.engine}, on other users"
        return gate.not_applicable(rule, message)
    ours, theirs = new.ndcg_at_5, live.ndcg_at_5
    if ours is None or theirs is None:
        missing = new.name if ours is None else live.name
        return gate.not_applicable(rule, f"cannot be judged: {missing} has no NDCG@5")
    relative = (ours - theirs) / theirs if theirs > 0 else float(ours > theirs)
    age = (now - live.as_of) / DAY
    better = ours > theirs and relative >= settings.min_lead
    refresh = age > settings.refresh_days and relative >= -settings.refresh_margin
    if better:
        standing = "better than"
    elif refresh:
        standing = "a refresh, about as good as"
    else:
        standing = "worse than" if ours < theirs else "not better enough than"
    message = (
        f"{standing} the live version {live.name} (NDCG@5 {ours:.4f} and {theirs:.4f},"
        f" {relative:+.1%}), whose data were {age:.1f} days old; there are means alone, so chance"
        " cannot be told from a lead"
    )
    numbers = {"theirs": theirs, "lead": ours - theirs, "relative": relative, "age_days": age}
    return gate.verdict(rule, better or refresh, message, **numbers)

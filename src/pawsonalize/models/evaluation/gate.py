"""The gate: from evidence on a new solution version to the decision whether it goes live."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import NormalDist

import msgspec
from msgspec.structs import replace

from pawsonalize.core.times import DAY
from pawsonalize.models.calibration import Calibration, describe_off
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.models.evaluation.intervals import CONFIDENCE, Difference, Interval
from pawsonalize.models.evaluation.metrics import NDCG_AT_5

MAIN_RULES = ("threshold", "baselines", "live version")
_WARNING = "a warning"
CHANCE = (1 - CONFIDENCE) / 2  # chance that a test takes noise for a lead, or for a loss


class Comparison(msgspec.Struct, frozen=True):
    """Another ranker's mean on the same test cases, and the new version's lead over it."""

    theirs: float
    lead: Difference
    chance: float  # of as large a lead between equals

    @property
    def is_better(self) -> bool:
        """True if the lead is beyond chance: by its bound, and by swapping who is who."""
        return self.lead.low > 0 and self.chance <= CHANCE

    @property
    def relative(self) -> float:
        """The lead as a share of the other's mean; where that is 0, any lead is all of it."""
        return self.lead.mean / self.theirs if self.theirs > 0 else float(self.lead.mean > 0)

    @property
    def standing(self) -> str:
        """The comparison in words that go before the other's name."""
        if self.is_better:
            return "better than"
        if self.lead.high < 0:
            return "worse than"
        return "not surely better than" if self.lead.low < self.lead.high else "no different from"

    @property
    def led(self) -> str:
        """The lead and its bounds in words."""
        return f"{self.lead.mean:+.4f} NDCG@5, {self.lead.low:+.4f} to {self.lead.high:+.4f}"

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that a verdict rests on."""
        lead = self.lead
        return {"theirs": self.theirs, "lead": lead.mean, "low": lead.low, "high": lead.high}


class LiveEvidence(msgspec.Struct, frozen=True):
    """The live version, fitted anew on what it had seen. `as_of` is how old its knowledge is."""

    solution_version: str
    as_of: int
    comparison: Comparison
    is_first: bool = False  # True if it learned no ranker, to be live soon, and the new version may


class SliceEvidence(msgspec.Struct, frozen=True):
    """The test cases with a target in one slice, compared as `Evidence.slices` says."""

    kind: str
    value: str
    test_cases: int
    ours: float
    comparison: Comparison
    chance_of_loss: float  # chance of as large a loss between equals


class Spread(msgspec.Struct, frozen=True):
    """Spread of the answers over the catalogue."""

    shown: int  # items that are in a list of the 25 best
    possible: int  # items that could be: all there are, or 25 for each test case if that is less
    top_item: str  # the item most often among the first five
    top_share: float  # the share of the test cases with that item among the first five


_NOTHING = Interval(0.0, 0.0, 0.0)


# From held-out events: a test case is one question of one user, in NDCG@5.
class Evidence(msgspec.Struct, frozen=True):
    """Everything the rules read. Moments are milliseconds since 1970."""

    recipe: str
    seed: int  # drew the test cases
    moment: int  # of the held-out answers
    test_cases: int
    candidates: int
    ndcg_at_5: Interval = _NOTHING
    baselines: Mapping[str, Comparison] = {}  # empty for a recipe that gives everybody the same
    stronger: Mapping[str, Comparison] = {}  # baselines that are shown, and decide nothing
    popularity: Comparison | None = None  # the first of them: clients read it by this name
    live: LiveEvidence | None = None  # where nothing is live
    # None where the recipe chooses no items (a re-ranking) or gives everybody the same.
    spread: Spread | None = None
    # Compared with the live version, or with `popularity` if there is none.
    slices: tuple[SliceEvidence, ...] = ()
    not_finite: int = 0  # test cases with a NaN or infinite score
    constant: int = 0  # test cases with one score for all items
    # Where the model of choices is off; None if it was held against no pages.
    off: Calibration | None = None
    newly_off: Calibration = ()  # those of them in which the live version's was right


class RuleOutcome(StrEnum):
    """A rule is kept, broken, cannot be judged for lack of data, or has nothing to judge."""

    PASSED = "passed"
    FAILED = "failed"
    INSUFFICIENT = "insufficient evidence"
    NOT_APPLICABLE = "not applicable"


class RuleVerdict(msgspec.Struct, frozen=True):
    """One rule's outcome, the numbers it rests on, and both in a plain sentence."""

    rule: str
    outcome: RuleOutcome
    message: str
    numbers: Mapping[str, float]


Verdicts = tuple[RuleVerdict, ...]


def verdict(rule: str, passed: bool, message: str, **numbers: float) -> RuleVerdict:
    """The verdict of a rule that could be judged."""
    return RuleVerdict(rule, RuleOutcome.PASSED if passed else RuleOutcome.FAILED, message, numbers)


def not_applicable(rule: str, message: str) -> RuleVerdict:
    """The verdict of a rule that has nothing to judge here."""
    return RuleVerdict(rule, RuleOutcome.NOT_APPLICABLE, message, {})


def _baselines_verdict(evidence: Evidence, settings: GateSettings) -> RuleVerdict:
    """Require a lead beyond chance over each simple baseline, hence over the best one."""
    rule = "baselines"
    if not settings.beat_popularity:
        return not_applicable(rule, "it was not asked to beat simple baselines")
    if not evidence.baselines:
        return not_applicable(rule, f"{evidence.recipe} gives everybody the same")
    # The best is not picked first: picked by these test cases, it would be the best partly by luck.
    numbers = {
        f"{name}: {key}": value
        for name, compared in evidence.baselines.items()
        for key, value in compared.numbers.items()
    }
    passed = all(compared.is_better for compared in evidence.baselines.values())
    return verdict(rule, passed, _standings(evidence.baselines), **numbers)


def _standings(others: Mapping[str, Comparison]) -> str:
    standings: dict[str, list[str]] = {}
    for name, compared in sorted(others.items(), key=lambda one: one[1].lead.mean):
        standings.setdefault(compared.standing, []).append(
            f"{name} {compared.theirs:.4f} ({compared.led})"
        )
    return "; ".join(f"{standing} {', '.join(names)}" for standing, names in standings.items())


def _stronger_verdicts(evidence: Evidence) -> Verdicts:
    if not evidence.stronger:
        return ()
    message = f"decides nothing: {_standings(evidence.stronger)}"
    return (not_applicable("stronger baselines", message),)


def _live_verdict(evidence: Evidence, settings: GateSettings, now: int) -> RuleVerdict:
    """Better than the live version, or about as good and fresher than an old or a first one."""
    rule = "live version"
    if not settings.beat_live:
        return not_applicable(rule, "it was not asked to beat the live version")
    if evidence.live is None:
        return not_applicable(rule, "nothing was live before")
    compared, age = evidence.live.comparison, (now - evidence.live.as_of) / DAY
    relative = compared.relative
    better = compared.is_better and relative >= settings.min_lead
    old = evidence.live.is_first or age > settings.refresh_days
    is_refresh = old and relative >= -settings.refresh_margin
    name = f"the live version {evidence.live.solution_version}"
    led = f"({compared.led}, {relative:+.1%})"
    dated = f"whose data were {age:.1f} days old"
    if evidence.live.is_first:
        dated = "the first one, which learned no ranker"
    if better:
        message = f"better than {name} {led}"
    elif is_refresh:
        message = f"a refresh, about as good as {name} {led}, {dated}"
    elif compared.is_better:
        message = f"better than {name} by less than {settings.min_lead:.0%} {led}, {dated}"
    else:
        message = f"{compared.standing} {name} {led}, {dated}"
    numbers = {**compared.numbers, "relative": relative, "age_days": age}
    return verdict(rule, better or is_refresh, message, **numbers)


def slice_verdict(evidence: Evidence, settings: GateSettings) -> RuleVerdict:
    """Refuse a version that is worse than before for one of the slices."""
    rule, other = "slices", "popularity" if evidence.live is None else "the live version"
    least, margin = settings.min_slice_test_cases, settings.slice_margin
    # A mean that rises must not hide visitors or animals that lose.
    parts = [part for part in evidence.slices if 0 < least <= part.test_cases]
    if not parts:
        return not_applicable(rule, "no slice has test cases enough")
    compared = {f"{part.kind} {part.value}": _among(part, len(parts)) for part in parts}
    worse = {
        name: one
        for name, one in compared.items()
        if one.lead.high < 0 and one.chance <= CHANCE and one.relative < -margin
    }
    # Where nothing is live, only a loss surely beyond the margin refuses; else it is a warning.
    sure = {name: one for name, one in worse.items() if one.lead.high < -margin * one.theirs}
    refused = worse if evidence.live else sure
    listed = "; ".join(f"{name} ({one.led})" for name, one in (refused or worse).items())
    if refused:
        message = f"worse than {other} for {listed}"
    elif worse:
        message = (
            f"{_WARNING}: worse than {other} for {listed}, not surely by more than {margin:.0%}"
        )
    else:
        message = f"in none of {len(parts)} slices worse than {other} by more than {margin:.0%}"
    numbers = {name: one.relative for name, one in compared.items()}
    return verdict(rule, not refused, message, **numbers)


def calibration_verdict(evidence: Evidence, settings: GateSettings, now: int) -> RuleVerdict:
    """Refuse a model of choices that is off where the live version's was right, if that is young.

    An old live version may be as far off on the pages of today, and would never be replaced.
    """
    rule, days, live = "calibration", settings.calibration_days, evidence.live
    if evidence.off is None or not days:
        return not_applicable(rule, "no model of choices was held against pages")
    refused = evidence.newly_off if live and now - live.as_of <= days * DAY else ()
    listed = "; ".join(describe_off(refused or evidence.off))
    message = "the model of choices is right on the newest pages"
    if refused:
        message = f"the model of choices is off where the live version's was right: {listed}"
    elif listed:
        message = f"{_WARNING}: the model of choices is off: {listed}"
    numbers = {f"{row.by}, {row.bin}": row.ratio for row in evidence.off}
    return verdict(rule, not refused, message, **numbers)


def _among(part: SliceEvidence, slices: int) -> Comparison:
    """Compared with bounds and a chance of loss that hold for all slices together (Bonferroni)."""
    # Else one of three slices would refuse a good version three times as often.
    lead, normal = part.comparison.lead, NormalDist()
    # The bootstrap has too few resamples for its own quantiles so far out, so its bounds are
    # stretched as those of a normal distribution would be.
    wider = normal.inv_cdf(1 - CHANCE / slices) / normal.inv_cdf(1 - CHANCE)
    low, high = (lead.mean + wider * (bound - lead.mean) for bound in (lead.low, lead.high))
    wide, chance = replace(lead, low=low, high=high), part.chance_of_loss * slices
    return replace(part.comparison, lead=wide, chance=chance)


def threshold_verdict(value: float, settings: GateSettings, measured: str = "") -> RuleVerdict:
    """Compare an NDCG@5 with the absolute threshold; `measured` says by whom, after a comma."""
    threshold = settings.promotion_threshold
    passed = value > threshold
    message = f"NDCG@5 {value:.4f}{measured} is {'above' if passed else 'not above'} {threshold:g}"
    return verdict("threshold", passed, message, ndcg_at_5=value, threshold=threshold)


def _spread_verdicts(evidence: Evidence, settings: GateSettings) -> tuple[RuleVerdict, RuleVerdict]:
    # A recommender that shows a handful of items, or one item, to everybody has collapsed.
    spread = evidence.spread
    if spread is None:
        message = f"{evidence.recipe} does not choose items for a visitor"
        return not_applicable("coverage", message), not_applicable("top item", message)
    shown, possible, most = spread.shown, spread.possible, settings.max_top_item_share
    share = shown / max(possible, 1)
    covered = (
        f"{shown} of {possible} possible items are recommended to somebody ({share:.1%}), at least"
        f" {settings.min_coverage:.0%} must be"
    )
    top = (
        f"{spread.top_item} is among the first five of {spread.top_share:.0%} of the test cases, at"
        f" most {most:.0%} are allowed"
    )
    return (
        verdict(
            "coverage", share >= settings.min_coverage, covered, shown=shown, possible=possible
        ),
        verdict("top item", spread.top_share <= most, top, share=spread.top_share, allowed=most),
    )


def _sound_verdicts(evidence: Evidence, settings: GateSettings) -> tuple[RuleVerdict, RuleVerdict]:
    # Few test cases make every number chance; every score is a number, and tells items apart.
    cases, need = evidence.test_cases, settings.min_test_cases
    message = f"{cases} test cases, at least {need} are needed"
    enough = RuleOutcome.PASSED
    if cases < max(need, 1):
        enough = RuleOutcome.INSUFFICIENT
        message += ": wait for more events, or lower gate_min_test_cases"
    bad, constant = evidence.not_finite, evidence.constant
    passed = bad == 0 and constant <= settings.max_constant_share * cases
    sound = (
        f"of {cases} answers {bad} have a score that is no finite number, and {constant} one"
        " score for all items"
    )
    return (
        RuleVerdict("test cases", enough, message, {"test_cases": cases, "needed": need}),
        verdict("scores", passed, sound, not_finite=bad, constant=constant, answers=cases),
    )


class Decision(msgspec.Struct, frozen=True):
    """The decision: `promoted` if the version goes live, why in words, and every rule's verdict.

    If not, `outcome` says whether a rule was broken or the evidence is insufficient.
    """

    promoted: bool
    outcome: RuleOutcome
    reason: str
    verdicts: Verdicts


def decide(evidence: Evidence, settings: GateSettings, now: int) -> Decision:
    """Apply the rules at the moment `now` (milliseconds since 1970)."""
    threshold = threshold_verdict(evidence.ndcg_at_5.mean, settings)
    verdicts: Verdicts = (threshold,)
    if settings.profile is Profile.FULL:
        verdicts = (
            *_sound_verdicts(evidence, settings),
            threshold,
            _baselines_verdict(evidence, settings),
            *_stronger_verdicts(evidence),
            _live_verdict(evidence, settings, now),
            slice_verdict(evidence, settings),
            calibration_verdict(evidence, settings, now),
            *_spread_verdicts(evidence, settings),
        )
    merits = (
        one.message
        for one in verdicts
        if one.rule in MAIN_RULES or one.message.startswith(_WARNING)
    )
    return decision(verdicts, merits, is_first=evidence.live is None)


def decision(verdicts: Verdicts, merits: Iterable[str], *, is_first: bool) -> Decision:
    """Return the decision of the verdicts together; `merits` are of a version that goes live."""
    found = {verdict.outcome for verdict in verdicts}
    # Insufficient evidence comes first: where test cases are few, a rule that passed or failed did
    # so by chance.
    worst = (RuleOutcome.INSUFFICIENT, RuleOutcome.FAILED, RuleOutcome.PASSED)
    outcome = next((one for one in worst if one in found), RuleOutcome.PASSED)
    messages = "; ".join(one.message for one in verdicts if one.outcome is outcome)
    if outcome is RuleOutcome.PASSED:
        reason = f"Promoted: {'; '.join(merits)}."
    else:
        why = ", the evidence is insufficient" if outcome is RuleOutcome.INSUFFICIENT else ""
        rest = "Nothing was live yet." if is_first else "The live version stayed."
        reason = f"Not promoted{why}: {messages}. {rest}"
    return Decision(outcome is RuleOutcome.PASSED, outcome, reason, verdicts)


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
) -> Decision:
    """Apply the rules that means can be judged by; the others say that they cannot be."""

    # A remote engine measures on users that it chose and reports means: nothing can be paired, and
    # no interval drawn.
    def unknown(rule: str, what: str) -> RuleVerdict:
        return not_applicable(rule, f"cannot be judged: {new.engine} does not say {what}")

    threshold = _threshold(new, settings)
    verdicts: tuple[RuleVerdict, ...] = (threshold,)
    if settings.profile is Profile.FULL:
        covered = new.metrics.get("coverage")
        note = "" if covered is None else f"; it says that {covered:.1%} of all items are"
        verdicts = (
            unknown("test cases", "how many users it was measured on"),
            unknown("scores", "whether every score is sound"),
            threshold,
            unknown("baselines", "how simple baselines do on the same users")
            if settings.beat_popularity
            else not_applicable("baselines", "it was not asked to beat simple baselines"),
            _live(new, live, settings, now),
            unknown("slices", "how species or new visitors fare"),
            unknown("coverage", f"how many items could be recommended{note}"),
            unknown("top item", "which items come first"),
        )
    merits = (
        f"{one.rule}: {one.message}" if one.outcome is RuleOutcome.NOT_APPLICABLE else one.message
        for one in verdicts
        if one.rule in MAIN_RULES
    )
    return decision(verdicts, merits, is_first=live is None)


def _threshold(new: MeasuredVersion, settings: GateSettings) -> RuleVerdict:
    if new.ndcg_at_5 is not None:
        return threshold_verdict(new.ndcg_at_5, settings, f", measured by {new.engine},")
    why = f" ({new.why_not})" if new.why_not else ""
    message = f"{new.engine} gives no NDCG@5 for {new.name}{why}"
    numbers = {"threshold": settings.promotion_threshold}
    return RuleVerdict("threshold", RuleOutcome.INSUFFICIENT, message, numbers)


def _live(
    new: MeasuredVersion, live: MeasuredVersion | None, settings: GateSettings, now: int
) -> RuleVerdict:
    rule = "live version"
    if not settings.beat_live:
        return not_applicable(rule, "it was not asked to beat the live version")
    if live is None:
        return not_applicable(rule, "nothing was live before")
    if live.engine != new.engine:
        message = f"cannot be judged: {live.name} was measured by {live.engine}, on other users"
        return not_applicable(rule, message)
    ours, theirs = new.ndcg_at_5, live.ndcg_at_5
    if ours is None or theirs is None:
        missing = new.name if ours is None else live.name
        return not_applicable(rule, f"cannot be judged: {missing} has no NDCG@5")
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
    return verdict(rule, better or refresh, message, **numbers)

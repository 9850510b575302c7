"""The rules that compare: with popularity, with the live version, slice by slice."""

from pawsonalize.domain.times import DAY
from pawsonalize.evaluation.bootstrap import Difference
from pawsonalize.evaluation.gate.evidence import Comparison, Evidence, SliceEvidence
from pawsonalize.evaluation.gate.settings import GateSettings
from pawsonalize.evaluation.gate.verdicts import Verdict, not_applicable, verdict


def better_than_popularity(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """What is the same for everybody must be beaten beyond chance."""
    rule = "popularity"
    if not settings.beat_popularity:
        return not_applicable(rule, "it was not asked to beat popularity")
    if evidence.popularity is None:
        return not_applicable(rule, f"{evidence.recipe} gives everybody the same")
    compared = evidence.popularity
    passed = compared.is_better
    message = f"{_standing(compared)} popularity ({_led(compared.lead)})"
    return verdict(rule, passed, message, **_numbers(compared))


def better_than_live(evidence: Evidence, settings: GateSettings, now: int) -> Verdict:
    """Better than the live version, or about as good and fresher than an old one."""
    rule = "live version"
    if not settings.beat_live:
        return not_applicable(rule, "it was not asked to beat the live version")
    if evidence.live is None:
        return not_applicable(rule, "nothing is live yet")
    compared, age = evidence.live.comparison, (now - evidence.live.as_of) / DAY
    relative = compared.relative
    better = compared.is_better and relative >= settings.min_lead
    old, as_good = age > settings.refresh_days, relative >= -settings.refresh_margin
    name = f"the live version {evidence.live.solution_version}"
    led = f"{_led(compared.lead)}, {relative:+.1%}"
    dated = f"whose data are {age:.1f} days old"
    if better:
        message = f"better than {name} ({led})"
    elif old and as_good:
        message = f"a refresh, about as good as {name} ({led}), {dated}"
    elif compared.is_better:
        message = f"better than {name} by less than {settings.min_lead:.0%} ({led}), {dated}"
    else:
        message = f"{_standing(compared)} {name} ({led}), {dated}"
    passed = better or (old and as_good)
    return verdict(rule, passed, message, **_numbers(compared), relative=relative, age_days=age)


def no_worse_slice(evidence: Evidence, settings: GateSettings, _now: int) -> Verdict:
    """A mean that rises must not hide visitors or animals that lose."""
    rule, other = "slices", "popularity" if evidence.live is None else "the live version"
    looked_at = [
        part for part in evidence.slices if 0 < settings.min_slice_test_cases <= part.test_cases
    ]
    if not looked_at:
        return not_applicable(rule, "no slice has test cases enough")
    worse = [part for part in looked_at if _is_worse(part, settings.slice_margin)]
    numbers = {f"{part.kind} {part.value}": part.comparison.relative for part in looked_at}
    if worse:
        listed = "; ".join(
            f"{part.kind} {part.value} ({_led(part.comparison.lead)})" for part in worse
        )
        return verdict(rule, False, f"worse than {other} for {listed}", **numbers)
    message = (
        f"in none of {len(looked_at)} slices worse than {other} by more than"
        f" {settings.slice_margin:.0%}"
    )
    return verdict(rule, True, message, **numbers)


def _is_worse(part: SliceEvidence, margin: float) -> bool:
    return part.comparison.lead.high < 0 and part.comparison.relative < -margin


def _standing(compared: Comparison) -> str:
    if compared.is_better:
        return "better than"
    if compared.lead.high < 0:
        return "worse than"
    return (
        "not surely better than" if compared.lead.low < compared.lead.high else "no different from"
    )


def _led(lead: Difference) -> str:
    return f"{lead.mean:+.4f} NDCG@5, {lead.low:+.4f} to {lead.high:+.4f}"


def _numbers(compared: Comparison) -> dict[str, float]:
    lead = compared.lead
    return {"theirs": compared.theirs, "lead": lead.mean, "low": lead.low, "high": lead.high}

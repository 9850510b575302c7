"""`pawsonalize outcomes`: from the tables to what came of what was shown."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence

import msgspec

from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, MAX_IMPRESSION_ITEMS, Visitor
from pawsonalize.core.limits import check_between
from pawsonalize.core.times import DAY, iso, parse_moment
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.evaluation.off_policy import off_policy_value
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import Fixed, LoadedModel
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.reports import report
from pawsonalize.reports.outcomes import (
    WEIGHTS,
    AnswerIndex,
    Cause,
    Outcome,
    OutcomeKind,
    Policy,
    Ranked,
    answers_between,
    attribute,
    held_at,
    logged_choices,
    policy_of,
    reported_outcomes,
    unreported_outcomes,
)

DEFAULT_DAYS = 180
WITHIN_DAYS = 30
_ALL = "all"
Key = Hashable  # _ALL, a policy, or ("version", its name)


class OutcomesOrder(msgspec.Struct, frozen=True):
    """Order of a report on `since` to before `until`, in ms, with answers `within_days` before."""

    since: int
    until: int
    within_days: int = WITHIN_DAYS
    weights: Mapping[str, float] = msgspec.field(default_factory=lambda: WEIGHTS)
    most_answers: int | None = None  # enough to judge another policy, the oldest; None: all

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise InvalidInput("since must lie before until", field="since")
        check_between("within", self.within_days, 1, 365)


def read_order(
    since: str | None,
    until: str | None,
    now: int,
    within_days: int = WITHIN_DAYS,
    weights: Mapping[str, float] = WEIGHTS,
) -> OutcomesOrder:
    """The order for written moments; without them, the newest 180 days."""
    end = now if until is None else parse_moment(until, "until")
    begin = end - DEFAULT_DAYS * DAY if since is None else parse_moment(since, "since")
    return OutcomesOrder(begin, end, within_days, weights)


class OutcomeSources(msgspec.Struct, frozen=True):
    """The tables that a report is read from; not every dataset group has an inventory."""

    impressions: Impressions
    animals: Animals
    log: EventLog
    has_inventory: bool = True

    def of(self, dataset_group: str) -> "OutcomeSources":
        """The tables of another dataset group; only the default group has an inventory."""
        return OutcomeSources(
            self.impressions.of(dataset_group),
            self.animals,
            self.log.of(dataset_group),
            has_inventory=dataset_group == DEFAULT_DATASET_GROUP,
        )


class Season(msgspec.Struct, frozen=True):
    """The outcomes of an order's time, and all waits as known at its end."""

    outcomes: Sequence[Outcome]
    waits: Sequence[report.Wait]

    @classmethod
    def read(cls, sources: OutcomeSources, order: OutcomesOrder) -> "Season":
        """Read every animal, and the events of the time."""
        animals = list(Inventory(sources.animals).all()) if sources.has_inventory else []
        outcomes = reported_outcomes(sources.log, order.since, order.until)
        outcomes += unreported_outcomes(animals, outcomes, order.since, order.until)
        return cls(
            outcomes, [wait for one in animals for wait in report.waits_of(one, order.until)]
        )


class _Tally:
    def __init__(self, showing: report.Showing) -> None:
        self._showing = showing
        self._answers: Counter[Key] = Counter()
        self._outcomes: dict[Key, Counter[OutcomeKind]] = defaultdict(Counter)
        self.sessions: dict[Key, set[str]] = defaultdict(set)
        self.spans: dict[Key, tuple[int, int]] = {}
        self.recommenders: dict[str, int] = {}  # when each version first recommended
        self.first: int | None = None  # the moment of the oldest answer

    def answer(self, answer: Impression) -> None:
        at, session = answer.answered_at, answer.session_id
        if session is None and answer.user_id:  # a user's day counts as a session
            session = f"{answer.user_id}\0{at // DAY}"
        version = ("version", answer.solution_version)
        keys: set[Key] = {_ALL, version}
        for place in range(min(len(answer.item_ids), MAX_IMPRESSION_ITEMS)):
            policy = policy_of(answer, place)
            keys.add(policy)
            for name in held_at(answer, place):
                for one in (_ALL, version, policy):
                    self._showing.show(one, name, at)
        for key in keys:
            self._answers[key] += 1
            first, last = self.spans.get(key, (at, at))
            self.spans[key] = (min(first, at), max(last, at))
            if session is not None:
                self.sessions[key].add(session)
        if not keys.isdisjoint({Policy.RECOMMENDED, Policy.EXPLORED}):
            begun = self.recommenders.get(answer.solution_version, at)
            self.recommenders[answer.solution_version] = min(begun, at)

    def outcome(self, outcome: Outcome, cause: Cause) -> None:
        keys: list[Key] = [_ALL, cause.policy]
        if cause.version is not None:
            keys.append(("version", cause.version))
        for key in keys:
            self._outcomes[key][outcome.kind] += 1

    def versions(self) -> list[str]:
        keys = {*self._answers, *self._outcomes}
        return sorted(key[1] for key in keys if isinstance(key, tuple))

    def line(
        self,
        name: str,
        key: Key,
        weights: Mapping[str, float],
        span: tuple[int, int],
        stays: tuple[Sequence[report.Wait], Sequence[report.Wait]] | None = None,
    ) -> report.Line:
        """The line of a key and a time, with its arrivals and the hardest of them, if any."""
        outcomes, sessions = self._outcomes[key], len(self.sessions[key])
        shows = key is _ALL or self._answers[key]  # a policy that gave no answer hid nobody
        net = outcomes[OutcomeKind.ADOPTION] - outcomes[OutcomeKind.RETURN]
        return report.Line(
            name=name,
            answers=self._answers[key],
            sessions=sessions,
            inquiries=outcomes[OutcomeKind.INQUIRY],
            applications=outcomes[OutcomeKind.APPLICATION],
            adoptions=outcomes[OutcomeKind.ADOPTION],
            returns=outcomes[OutcomeKind.RETURN],
            value=round(sum(weights[kind] * times for kind, times in outcomes.items()), 6),
            adoptions_per1000_sessions=1_000 * net / sessions if sessions else None,
            never_shown_share=self._showing.never(key, *span) if shows else None,
            stays=None if stays is None else report.stays_of(stays[0]),
            hardest_fifth=None if stays is None else report.stays_of(stays[1]),
            curve=None if stays is None else report.curve_of(stays[0]),
        )


def report_outcomes(
    sources: OutcomeSources, order: OutcomesOrder, season: Season | None = None
) -> report.OutcomesReport:
    """Count what the tables hold, or `season` if it is read already; this takes seconds."""
    season = season or Season.read(sources, order)
    waits = [wait for wait in season.waits if wait.until > order.since]
    tally = _Tally(report.Showing(waits))
    index = AnswerIndex(season.outcomes)
    first = order.since - order.within_days * DAY
    for page in answers_between(sources.impressions, first, order.until):
        alone = {one.session_id for one in page if one.user_id is None and one.session_id}
        users = sources.log.users_of(alone)
        for answer in page:
            tally.first = min(answer.answered_at, tally.first or answer.answered_at)
            if answer.answered_at >= order.since:
                tally.answer(answer)
            session = answer.session_id
            index.add(answer, answer.user_id or users.get(session or "", session))
    for outcome, cause in attribute(season.outcomes, index, order.within_days * DAY):
        tally.outcome(outcome, cause)
    # A session without an answer counts for the total, and for the policy of no answer.
    visited = sources.log.sessions(order.since, order.until)
    tally.sessions[Policy.NONE] = visited - tally.sessions[_ALL]
    tally.sessions[_ALL] |= visited
    arrivals = [wait for wait in waits if wait.since >= order.since]
    is_hard = report.hardest(arrivals)
    hard = [wait for wait, here in zip(arrivals, is_hard, strict=True) if here]
    span = (order.since, order.until)
    return report.OutcomesReport(
        since=iso(order.since),
        until=iso(order.until),
        within_days=order.within_days,
        first_answer=None if tally.first is None else iso(tally.first),
        weights=dict(order.weights),
        total=tally.line(_ALL, _ALL, order.weights, span, (arrivals, hard)),
        policies=[tally.line(policy, policy, order.weights, span) for policy in Policy],
        versions=_versions(tally, order, arrivals, hard),
        curve=report.curve_of(arrivals),
        hardest_curve=report.curve_of(hard),
        other_policy=estimate_policy(sources, order, "recommended, without exploration"),
    )


def _versions(
    tally: _Tally,
    order: OutcomesOrder,
    arrivals: Sequence[report.Wait],
    hard: Sequence[report.Wait],
) -> list[report.Line]:
    """Each version with the arrivals of its time: from its first recommendation to the next's."""
    begun = sorted((at, version) for version, at in tally.recommenders.items())
    ends = [at for at, _ in begun[1:]] + [order.until]
    times = {version: (at, end) for (at, version), end in zip(begun, ends, strict=False)}
    lines = []
    for version in tally.versions():
        key, stays = ("version", version), None
        first, last = tally.spans.get(key, (order.until, order.until))
        if version in times:
            since, until = times[version]
            of_time = [wait for wait in arrivals if since <= wait.since < until]
            stays = of_time, [wait for wait in hard if since <= wait.since < until]
        lines.append(tally.line(version, key, order.weights, (first, last + 1), stays))
    return lines


def estimate_version(
    sources: OutcomeSources, order: OutcomesOrder, catalogue: Catalogue, served: LoadedModel
) -> report.PolicyEstimate:
    """Estimate what a version would have earned in the answers of groups of that time.

    It is asked again for each answer, as of its moment and without exploration.
    """
    groups = GroupRecommender(Filtering(sources.log, catalogue), Fixed(served.unexplored()), None)

    def ranked(shown: Impression, places: int) -> list[str]:
        visitor, at = Visitor(shown.user_id, shown.session_id), shown.answered_at
        return [one.item_id for one in groups.recommend(Query(visitor, at, at, limit=places)).items]

    return estimate_policy(sources, order, served.version.name, ranked)


def estimate_policy(
    sources: OutcomeSources, order: OutcomesOrder, name: str, policy: Ranked | None = None
) -> report.PolicyEstimate:
    """Estimate what a policy would have earned; without one, what was served, unexplored."""
    choices = logged_choices(
        sources.impressions,
        sources.log,
        order.weights,
        since=order.since,
        until=order.until,
        within=order.within_days * DAY,
        policy=policy,
        most=order.most_answers,
    )
    if choices is None:
        why = "no recommendation with propensities was given in that time: turn exploration on"
        return report.PolicyEstimate(name, None, None, 0.0, 0, why)
    if not choices.reward.any():
        why = "not enough yet: nothing came of what was recommended in that time"
        return report.PolicyEstimate(name, None, None, 0.0, len(choices.reward), why)
    found, served = off_policy_value(choices), float(choices.reward.mean())
    return report.PolicyEstimate(
        name,
        served,
        found.estimate,
        found.effective_sample,
        found.rows,
        found.refusal,
        found.ips,
        found.dr,
    )

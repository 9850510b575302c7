"""Counts of answers, sessions and outcomes, apart for each policy and solution version."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping

from pawsonalize.domain.events import MAX_IMPRESSION_ITEMS
from pawsonalize.domain.times import DAY
from pawsonalize.engine.reporting.outcomes import Cause, Kind, Outcome, Policy, policy_of
from pawsonalize.engine.reporting.report import Line
from pawsonalize.engine.reporting.stays import Showing
from pawsonalize.storage.impressions import RECOMMENDATION, Impression

ALL = "all"
Key = Hashable  # ALL, a policy, or ("version", its name)


def version_key(version: str) -> tuple[str, str]:
    """The key of a solution version, whatever its name is."""
    return ("version", version)


class Tally:
    """Counts of answers and their outcomes, by key."""

    def __init__(self, showing: Showing) -> None:
        self._showing = showing
        self._answers: Counter[Key] = Counter()
        self._outcomes: dict[Key, Counter[Kind]] = defaultdict(Counter)
        self.sessions: dict[Key, set[str]] = defaultdict(set)
        self.spans: dict[Key, tuple[int, int]] = {}
        self.recommenders: dict[str, int] = {}  # when each version first recommended

    def answer(self, answer: Impression) -> None:
        """Count an answer that a visitor saw."""
        at, session = answer.answered_at, _session(answer)
        places = list(enumerate(answer.item_ids[:MAX_IMPRESSION_ITEMS]))
        version = version_key(answer.solution_version)
        keys: set[Key] = {ALL, version, *(policy_of(answer, place) for place, _ in places)}
        for key in keys:
            self._answers[key] += 1
            first, last = self.spans.get(key, (at, at))
            self.spans[key] = (min(first, at), max(last, at))
            if session is not None:
                self.sessions[key].add(session)
        for place, item_id in places:
            for key in (ALL, version, policy_of(answer, place)):
                self._showing.show(key, item_id, at)
        if answer.question == RECOMMENDATION:
            begun = self.recommenders.get(answer.solution_version, at)
            self.recommenders[answer.solution_version] = min(begun, at)

    def outcome(self, outcome: Outcome, cause: Cause) -> None:
        """Count an outcome for the answer that gets the credit."""
        keys: list[Key] = [ALL, cause.policy]
        if cause.version is not None:
            keys.append(version_key(cause.version))
        for key in keys:
            self._outcomes[key][outcome.kind] += 1

    def versions(self) -> list[str]:
        """Those that answered or had outcomes, by name."""
        keys = {*self._answers, *self._outcomes}
        return sorted(key[1] for key in keys if isinstance(key, tuple))

    def line(
        self, name: str, key: Key, weights: Mapping[str, float], span: tuple[int, int]
    ) -> Line:
        """The key's line; `span` is the time in which animals could have been shown."""
        outcomes, sessions = self._outcomes[key], len(self.sessions[key])
        net = outcomes[Kind.ADOPTION] - outcomes[Kind.RETURN]
        return Line(
            name=name,
            answers=self._answers[key],
            sessions=sessions,
            inquiries=outcomes[Kind.INQUIRY],
            applications=outcomes[Kind.APPLICATION],
            adoptions=outcomes[Kind.ADOPTION],
            returns=outcomes[Kind.RETURN],
            value=round(sum(weights[kind] * times for kind, times in outcomes.items()), 6),
            adoptions_per1000_sessions=1_000 * net / sessions if sessions else None,
            never_shown_share=None if key is Policy.NONE else self._showing.never(key, *span),
        )


def _session(answer: Impression) -> str | None:
    """The session; for a user without one, the user and the day."""
    if answer.session_id is not None:
        return answer.session_id
    return answer.user_id and f"{answer.user_id}\0{answer.answered_at // DAY}"

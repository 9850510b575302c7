"""Rules that find why personalisation does not work, on figures that were counted.

Visitors are the unit, as one visitor's events go together. Two kinds of rule: a share is beyond a
bound for sure, whatever the past was (Chernoff's bound, true at every sample size); and a thing is
gone that the service's own past weeks had (exact binomial, divided by the number of things).
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from math import exp, log, log1p

import msgspec

ALPHA = 2e-5
"""Chance of a false alarm of one rule at one look, at most: 100 weeks have 2,800 looks, each at 12
rules, so fewer than one false alarm is expected even if all true shares lay at their bounds."""
FEW_VISITS = 100
"""With fewer visits in a week, no verdict but "not known yet" is given without a finding."""
_OLD_DAYS = 14
_MANY = 1_000  # events from which on a model can be learned


class PersonalisationVerdict(StrEnum):
    """Verdict on personalisation."""

    WORKS = "works"
    WEAK = "weak"
    DOES_NOT_WORK = "does not work"
    NOT_KNOWN = "not known yet"


class Share(msgspec.Struct, frozen=True):
    """Number `hits` of `n` independent units, such as visitors."""

    hits: int = 0
    n: int = 0

    def is_surely_over(self, bound: float) -> bool:
        """True if the true share is over the bound, but for a chance of ALPHA."""
        return self.n > 0 and self.hits > bound * self.n and _chance(self, bound) <= ALPHA

    def is_surely_under(self, bound: float) -> bool:
        """True if the true share is under the bound, but for a chance of ALPHA."""
        return self.n > 0 and self.hits < bound * self.n and _chance(self, bound) <= ALPHA

    def __str__(self) -> str:
        return f"{self.hits:,} of {self.n:,}"


def _chance(share: Share, bound: float) -> float:
    p = share.hits / share.n
    divergence = (p * log(p / bound) if p else 0.0) + (
        (1 - p) * log((1 - p) / (1 - bound)) if p < 1 else 0.0
    )
    return exp(-share.n * divergence)


class PersonalisationFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in the newest `hours`, and in the weeks before; visitors are the unit."""

    hours: int
    visits: int = 0
    """Visitors with events."""
    pages: Share = Share()
    """Pages of animals that the fallback answered."""
    same: Share = Share()
    """Pairs of visitors with a history whose pages were the same, place by place."""
    events: int = 0
    """Events that are known, of the past weeks too."""
    model_days: float | None = None
    """Age of the model served, in days; None without one."""
    unnamed: Share = Share()
    """Visitors, shown pages, most of whose events name no answer and no session of one."""
    unknown_ids: Share = Share()
    """Visitors most of whose events name answers that were never given."""
    returning: Share = Share()
    """Visitors who were seen on an earlier day; of visitors when a week is known."""
    returned_before: Share = Share()
    """The same of the past weeks, day by day."""
    unknown_animals: Share = Share()
    """Visitors most of whose events name animals that the inventory lacks."""
    present: Mapping[str, int] = {}
    """Visitors of each species, shelter and event type, such as `species cat`."""
    past: Mapping[str, int] = {}
    """The same of the past weeks."""
    past_visits: int = 0
    available: int = 0
    """Available animals now."""
    available_before: int = 0
    """The median of the past 28 days at this hour, 0 if not known."""
    still_hours: float = 0
    """Hours since the last animal came or left."""
    changes_a_day: float = 0
    """Animals that came or left, a day, of the past weeks."""
    longest_still_hours: float = 0
    """The longest time without such a change in the past weeks."""
    clocks: Share = Share()
    """Visitors most of whose events say another hour than that at which they came in."""
    bots: Share = Share()
    """Events of visitors whose pace is that of bots."""
    top_clicks: Share = Share()
    """Clicks at places 1 to 4, of those at 1 to 4 or 9 to 12."""
    short_pages: Share = Share()
    """Pages with less than half of the places that pages have as a rule, or with none."""
    settings: tuple[str, ...] = ()
    """What is said of settings that have no effect."""


class PersonalisationFinding(msgspec.Struct, frozen=True, rename="camel"):
    """One cause; `breaks` says if nothing is personal while it lasts."""

    code: str
    message: str
    next_move: str
    breaks: bool = False


class PersonalisationHealth(msgspec.Struct, frozen=True, rename="camel"):
    """The verdict and its causes, the gravest first."""

    verdict: PersonalisationVerdict
    message: str
    findings: tuple[PersonalisationFinding, ...]
    hours: int
    visits: int


def judge(figures: PersonalisationFigures) -> PersonalisationHealth:
    """Return the verdict on figures, with every cause that was found."""
    found = sorted(
        (one for rule in _RULES for one in rule(figures)), key=lambda one: not one.breaks
    )
    verdict = PersonalisationVerdict.WORKS
    if any(one.breaks for one in found):
        verdict = PersonalisationVerdict.DOES_NOT_WORK
    elif found:
        verdict = PersonalisationVerdict.WEAK
    elif figures.visits < FEW_VISITS:
        verdict = PersonalisationVerdict.NOT_KNOWN
    seen = f"{figures.visits:,} visits of the newest {figures.hours:,} hours"
    message = {
        PersonalisationVerdict.WORKS: f"nothing wrong is found in {seen}",
        PersonalisationVerdict.NOT_KNOWN: f"{seen} are too few to judge by",
    }.get(verdict, "; ".join(one.message for one in found))
    return PersonalisationHealth(verdict, message, tuple(found), figures.hours, figures.visits)


_Found = Iterator[PersonalisationFinding]


def _same_page(f: PersonalisationFigures) -> _Found:
    if f.same.is_surely_over(0.5):
        yield PersonalisationFinding(
            "same_page",
            f"different visitors get the same page ({f.same} pairs)",
            "see that each request has the visitor's userId or sessionId, and that no cache before"
            " the service keeps answers",
            breaks=True,
        )


def _fallback(f: PersonalisationFigures) -> _Found:
    if f.events >= _MANY and f.pages.is_surely_over(0.5):
        yield PersonalisationFinding(
            "fallback",
            f"no trained model answers: the fallback made {f.pages} pages",
            "run `pawsonalize retrain`, and see `pawsonalize runs ls` for why none came before",
            breaks=True,
        )
    elif f.model_days is not None and f.model_days > _OLD_DAYS and f.visits:
        yield PersonalisationFinding(
            "old_model",
            f"the model served is {f.model_days:.0f} days old, and events came in since",
            "see `pawsonalize runs ls` for why none replaced it, or run `pawsonalize retrain`",
        )


def _answer_ids(f: PersonalisationFigures) -> _Found:
    move = (
        "send the answer's recommendationId with each event, as it was given"
        " (docs/how-to/show-animals.md)"
    )
    if f.pages.n >= FEW_VISITS and not f.visits:
        text = f"{f.pages.n:,} pages were answered, and no event came back"
        yield PersonalisationFinding("no_events", text, move, breaks=True)
    if f.unknown_ids.is_surely_over(0.5):
        text = f"events of {f.unknown_ids} visitors name answers that were never given"
        yield PersonalisationFinding("answer_ids", text, move, breaks=True)
    elif f.unnamed.is_surely_over(0.8):
        text = f"events of {f.unnamed} visitors name no answer that they came from"
        yield PersonalisationFinding("answer_ids", text, move, breaks=True)


def _returning(f: PersonalisationFigures) -> _Found:
    before = f.returned_before
    usual = before.hits / before.n if before.n else 0.0
    if f.returning.is_surely_under(max(0.02, 0.4 * usual)):
        yield PersonalisationFinding(
            "never_return",
            f"visitors never come back ({f.returning} were seen before): their ids change",
            "keep the sessionId in a cookie that lasts (docs/how-to/embed-animals.md)",
            breaks=True,
        )


def _unknown_animals(f: PersonalisationFigures) -> _Found:
    if f.unknown_animals.is_surely_over(0.3):
        yield PersonalisationFinding(
            "unknown_animals",
            f"events of {f.unknown_animals} visitors name animals that are not in the inventory",
            "use the ids of the inventory in your pages (docs/how-to/send-your-inventory.md)",
            breaks=True,
        )


def _vanished(f: PersonalisationFigures) -> _Found:
    for thing, count in f.past.items():
        # Half of the past's share: what wanes is no alarm, and weeks differ.
        share = count / f.past_visits / 2
        if not f.present.get(thing) and f.visits * log1p(-share) < log(ALPHA / len(f.past)):
            yield PersonalisationFinding(
                f"vanished {thing}",
                f"no event of the {thing} comes any more, and {count / f.past_visits:.0%} of the"
                " visitors had some before",
                "look at what the site, or that shelter's page, sends of it",
            )


def _feed(f: PersonalisationFigures) -> _Found:
    move = "see `pawsonalize animals feeds`, and what the shelter's system exports"
    if f.available_before >= 20 and f.available < f.available_before / 2:
        yield PersonalisationFinding(
            "feed_shrank",
            f"{f.available:,} animals are available, and {f.available_before:,} were before",
            move,
        )
    expected = f.changes_a_day * f.still_hours / 24
    if expected > -log(ALPHA) and f.still_hours > 2 * f.longest_still_hours:
        text = f"no animal came or left for {f.still_hours:.0f} hours: the feed stands still"
        yield PersonalisationFinding("feed_still", text, move)


def _clocks(f: PersonalisationFigures) -> _Found:
    if f.clocks.is_surely_over(0.2):
        yield PersonalisationFinding(
            "clocks",
            f"the events of {f.clocks} visitors say another time than that at which they came in",
            "set the senders' clocks and their time zone, or leave sentAt out",
        )


def _bots(f: PersonalisationFigures) -> _Found:
    if f.bots.is_surely_over(0.5):
        yield PersonalisationFinding(
            "bots",
            f"bots send most of the events ({f.bots})",
            "see who they are on the console's page Data, and keep them out before the service",
        )


def _ranks(f: PersonalisationFigures) -> _Found:
    if f.top_clicks.is_surely_under(2 / 3):
        yield PersonalisationFinding(
            "ranks",
            f"the first places are clicked no more often than the last ({f.top_clicks} clicks at"
            " places 1 to 4 or 9 to 12):"
            " the site seems to sort anew",
            "show the animals in the order of the answer; a page on which all places are looked at"
            " alike seems so too",
        )


def _short(f: PersonalisationFigures) -> _Found:
    if f.short_pages.is_surely_over(0.3):
        yield PersonalisationFinding(
            "short_pages",
            f"{f.short_pages} pages have less than half of their places",
            "see which filter or rule leaves so few (docs/how-to/filter-and-promote.md)",
        )


def _settings(f: PersonalisationFigures) -> _Found:
    for said in f.settings:
        yield PersonalisationFinding("setting", said, "see `pawsonalize doctor`, and mend its name")


_RULES: tuple[Callable[[PersonalisationFigures], _Found], ...] = (
    *(_same_page, _fallback, _answer_ids, _returning, _unknown_animals, _vanished),
    *(_feed, _clocks, _bots, _ranks, _short, _settings),
)

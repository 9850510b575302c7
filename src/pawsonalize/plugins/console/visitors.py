"""Visitors on the console: the newest, and one with events, answers and the next one with reasons.

Nothing of it is logged, and no answer that is made here counts as shown. Two solution versions are
compared side by side for the same visitor, or for somebody new.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pawsonalize.animals.animal import Animal
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, NotFound, NotReady
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, LoggedEvent, Visitor
from pawsonalize.core.http.json import read_count, read_text, report_of
from pawsonalize.core.times import DAY, iso
from pawsonalize.events.history import history_page, read_cursor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import GroupEvents, HistoryQuery, TailQuery
from pawsonalize.models.recipes import NEXT_BEST_ACTION
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.operations.services import Services
from pawsonalize.plugins.console.animals import picture_path
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.campaigns import Purpose
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import UNTRAINED, Fixed, LoadedModel, Loader, ServingSettings
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import Impression
from pawsonalize.reports.outcomes_report import OutcomesOrder, estimate_version
from pawsonalize.reports.report import PolicyEstimate
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import Solution, SolutionVersion

_EVENTS = 1_000  # 40 ms
_MOST_NEWEST = 200
_JUDGED, _JUDGED_DAYS = 1_000, 30  # answers that versions are judged from, which takes seconds


class SeenVisitor(msgspec.Struct, frozen=True, rename="camel"):
    """A user, or a session of nobody known, with counts of events by type, as they were sent."""

    user_id: str | None
    session_id: str | None
    last_seen_at: str
    events: int
    sessions: int
    deeds: dict[str, int]


class NewestVisitors(msgspec.Struct, frozen=True):
    """Visitors of the newest `events`, 1,000 at most: whoever was here last comes first."""

    events: int
    visitors: list[SeenVisitor]


def newest_visitors(database: Database, group: str) -> NewestVisitors:
    """Return at most 200 visitors of a dataset group."""
    newest = GroupEvents(database, group).newest(TailQuery(_EVENTS))
    found = [one.event for one in newest]
    sessions = {one.session_id for one in found if one.session_id and not one.user_id}
    # A session that a user was known in later is that user's, as in every answer.
    owners = EventLog(database, group).users_of(sessions)
    deeds: dict[tuple[str | None, str | None], Counter[str]] = {}
    last: dict[tuple[str | None, str | None], int] = {}
    visits: dict[tuple[str | None, str | None], set[str | None]] = {}
    for one in found:
        user = one.user_id or owners.get(one.session_id or "")
        visitor = (user, None if user else one.session_id)
        deeds.setdefault(visitor, Counter())[one.event_type] += 1
        last[visitor] = max(one.sent_at, last.get(visitor, 0))
        visits.setdefault(visitor, set()).add(one.session_id)
    shown = sorted(last, key=lambda one: -last[one])[:_MOST_NEWEST]
    return NewestVisitors(
        len(found),
        [
            SeenVisitor(
                *one,
                iso(last[one]),
                deeds[one].total(),
                len(visits[one] - {None}),
                dict(deeds[one].most_common()),
            )
            for one in shown
        ],
    )


_PAGES = 5
_PLACES = 12
_VERSIONS = 20
_SHOWN = 25


class VisitorDeed(msgspec.Struct, frozen=True, rename="camel"):
    """An event of the visitor, as it was stored."""

    event_id: str
    event_type: str
    sent_at: str
    item_id: str
    animal_id: str | None
    session_id: str | None
    recommendation_id: str | None


class ShownPlace(msgspec.Struct, frozen=True, rename="camel"):
    """A place of an answer: its animal, or its group where it has none, and what was done with it.

    `deeds` are types of events that name this answer and this place.
    """

    id: str
    item_id: str
    deeds: list[str]


class ShownAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """An answer that the visitor got; its first 25 places."""

    recommendation_id: str
    answered_at: str
    question: str
    solution_version: str
    places: list[ShownPlace]


class ExpectedPlace(msgspec.Struct, frozen=True, rename="camel"):
    """A place of the next answer, and its reasons.

    Of an animal, `factors` are the parts of its score, which add up to `utility`, and `picture` is
    the address of its picture, empty for a group. `explored` says that exploration put it there.
    `otherPlace` is its place, from 1, in the other list if two versions are compared; null if it is
    not in that.
    """

    id: str
    item_id: str
    name: str
    picture: str
    score: float
    explored: bool
    utility: float | None
    factors: dict[str, float]
    reasons: list[str]
    other_place: int | None


class ExpectedAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer that a solution version would give the visitor now."""

    solution_version: str
    recipe: str
    is_live: bool
    places: list[ExpectedPlace]


class ComparableVersion(msgspec.Struct, frozen=True, rename="camel"):
    """A trained version that could answer this visitor."""

    name: str
    recipe: str
    trained_at: str
    is_live: bool


class VisitorReport(msgspec.Struct, frozen=True, rename="camel"):
    """All of one visitor; `nextCursor` fetches the next page of the history.

    `knownUserId` is the user that the session belongs to, if it belongs to one. `profile` is what
    is stored of the user. `expected` is what the visitor would get now; null says `whyNot`. `other`
    is the same by the version that it is compared with; then both are without exploration.
    """

    user_id: str | None
    session_id: str | None
    dataset_group: str
    known_user_id: str | None
    profile: dict[str, Any]
    history: list[VisitorDeed]
    next_cursor: str | None
    shown: list[ShownAnswer]
    expected: ExpectedAnswer | None
    other: ExpectedAnswer | None
    why_not: str
    versions: list[ComparableVersion]


class ComparisonReport(msgspec.Struct, frozen=True, rename="camel"):
    """The answers of two versions to one visitor, both without exploration; null says `whyNot`.

    Without a user and a session it is somebody new. `other` is of the newest version that is not
    live, if none is named; it is null where there is one version alone. `estimates` are of both,
    from the first 1,000 answers of the newest 30 days, if they were asked for.
    """

    user_id: str | None
    session_id: str | None
    expected: ExpectedAnswer | None
    other: ExpectedAnswer | None
    why_not: str
    versions: list[ComparableVersion]
    estimates: list[PolicyEstimate]


class VisitorViews(msgspec.Struct, frozen=True):
    """Looks at visitors of any dataset group."""

    _adapters: Adapters
    _services: Services

    def report(self, query: ViewQuery) -> VisitorReport:
        """Return all of the visitor, as parameters ask; InvalidInput if they name nobody.

        NotFound for a version of no solution of the group.
        """
        given, group, now = query.parameters, query.group, query.now
        visitor = _read_visitor(given)
        if visitor == Visitor():
            raise InvalidInput("say which visitor: userId, sessionId or both", field="userId")
        limit, cursor = read_count(given, "limit", 25, 1, 500), given.get("cursor")
        version, against = read_text(given, "version"), read_text(given, "against")
        before = None if cursor is None else read_cursor(cursor)
        log = self._adapters.log.of(group)
        page = history_page(log, visitor, HistoryQuery(limit, before=before))
        users = (one.event.user_id for one in page.events if one.event.user_id is not None)
        user = visitor.user_id or next(users, None)
        profile = None if user is None else self._adapters.catalogue.of(group).user(user)
        versions = list(self._versions(group))
        return VisitorReport(
            visitor.user_id,
            visitor.session_id,
            group,
            user if visitor.user_id is None else None,
            {} if profile is None else dict(profile.attributes),
            [report_of(VisitorDeed, one.event) for one in page.events],
            page.next_cursor,
            list(self._shown(group, Visitor(user, visitor.session_id), page.events, now)),
            *self._expected(visitor, version, against, group, now),
            versions,
        )

    def compare(self, query: ViewQuery) -> ComparisonReport:
        """Return both answers, as parameters ask; NotFound for a version that there is not."""
        given, visitor = query.parameters, _read_visitor(query.parameters)
        version, against = read_text(given, "version"), read_text(given, "against")
        first = version or self._live_name(query.group)
        versions = list(self._versions(query.group, first))
        if against is None:
            against = next((one.name for one in versions if one.name != first), None)
        answers = self._expected(visitor, version, against, query.group, query.now)
        estimates = []
        if given.get("estimate") == "true":
            group, now = query.group, query.now
            order = OutcomesOrder(now - _JUDGED_DAYS * DAY, now, most_answers=_JUDGED)
            sources, catalogue = (
                self._adapters.outcome_sources.of(group),
                self._adapters.catalogue.of(group),
            )
            names = [one.solution_version for one in answers[:2] if isinstance(one, ExpectedAnswer)]
            versions_served = (self._served(name, group, now) for name in names)
            estimates = [
                estimate_version(sources, order, catalogue, served) for served in versions_served
            ]
        return ComparisonReport(visitor.user_id, visitor.session_id, *answers, versions, estimates)

    def _shown(
        self, group: str, visitor: Visitor, events: Sequence[LoggedEvent], now: int
    ) -> Iterator[ShownAnswer]:
        """Yield the newest pages of animals, and the answers that events of the history name."""
        impressions = self._adapters.impressions.of(group)
        pages = {
            one.recommendation_id: one for one in impressions.pages_of(visitor, now + 1, _PAGES)
        }
        named = {
            one.event.recommendation_id for one in events if one.event.recommendation_id is not None
        } - pages.keys()
        theirs = {visitor.user_id, visitor.session_id} - {None}
        pages |= {
            one.recommendation_id: one
            for one in impressions.get_many(sorted(named)).values()
            if theirs & {one.user_id, one.session_id}  # an event may name another one's answer
        }
        newest = sorted(pages.values(), key=lambda one: -one.answered_at)[:_PAGES]
        return (_answer(one, events) for one in newest)

    def _versions(self, group: str, beside: str | None = None) -> Iterator[ComparableVersion]:
        """Yield the newest versions that could answer; of the solution of `beside` if given."""
        registry, live = self._adapters.registry, self._live_name(group)
        first = registry.find(SolutionVersion, beside) if beside else None
        found = [
            version
            for solution in registry.all(Solution, parent=group)
            if _recommends(solution.recipe) and (first is None or first.solution == solution.name)
            for version in registry.page(SolutionVersion, _VERSIONS, parent=solution.name)
            if version.artefact is not None
        ]
        for one in sorted(found, key=lambda one: -one.created_at)[:_VERSIONS]:
            yield ComparableVersion(one.name, one.recipe, iso(one.created_at), one.name == live)

    def _live_name(self, group: str) -> str | None:
        if group == DEFAULT_DATASET_GROUP and self._services.group_recommender.can_recommend:
            return self._services.group_recommender.served.version.name
        campaign = self._campaign(group)
        return None if campaign is None else campaign.solution_version

    def _campaign(self, group: str) -> Campaign | None:
        name = self._services.directory.serving(group, Purpose.RECOMMENDING)
        return None if name is None else self._adapters.registry.find(Campaign, name)

    def _expected(
        self, visitor: Visitor, version: str | None, against: str | None, group: str, now: int
    ) -> tuple[ExpectedAnswer | None, ExpectedAnswer | None, str]:
        """Return the answers of a version and of the one to compare it with, or why not.

        Without a version it is the one that is live; `against` is None to compare with none.
        """
        try:
            first = self._served(version, group, now)
            if against is None:
                return self._ask(first, visitor, group, now), None, ""
            both = (first, self._served(against, group, now))
            one, two = (self._ask(served.unexplored(), visitor, group, now) for served in both)
        except (NotReady, InvalidInput) as error:
            return None, None, error.message
        places = [{place.id: n for n, place in enumerate(each.places, 1)} for each in (one, two)]
        return _compared(one, places[1]), _compared(two, places[0]), ""

    def _served(self, name: str | None, group: str, now: int) -> LoadedModel:
        loader = Loader(self._adapters.registry, self._adapters.artefacts)
        if name is None or name == self._live_name(group):
            if group == DEFAULT_DATASET_GROUP and self._services.group_recommender.can_answer:
                return self._services.group_recommender.served
            campaign = self._campaign(group)
            if campaign is None or campaign.solution_version is None:
                raise NotReady("no model is live yet: train one, then look again")
            settings = ServingSettings().of(campaign)
            return loader.newest(campaign.solution_version, settings, now)
        version = self._adapters.registry.find(SolutionVersion, name)
        if version is None or self._adapters.registry.group_of(version) != group:
            raise NotFound(f"there is no solution version {name} in dataset group {group}")
        if not _recommends(version.recipe):
            raise InvalidInput(
                f"{version.recipe} answers another question: choose another version",
                field="version",
            )
        return loader.newest(name, ServingSettings(), now)

    def _ask(self, served: LoadedModel, visitor: Visitor, group: str, now: int) -> ExpectedAnswer:
        log, catalogue = self._adapters.log.of(group), self._adapters.catalogue.of(group)
        group_recommender = GroupRecommender(Filtering(log, catalogue), Fixed(served), None)
        query = Query(visitor, now, now, limit=_PLACES, explain=True)
        animal_recommender = self._services.animal_recommender.with_group_recommender(
            group_recommender, is_seen=False
        )
        if group == DEFAULT_DATASET_GROUP and animal_recommender.can_order(now):
            found = animal_recommender.recommend(animal_recommender.with_profile(query)).places
            animals = self._adapters.animals
            known = animals.get_many([one for place in found for one in place.animal_ids[:1]])
            places = [
                _place(
                    place,
                    (first := place.animal_ids[0]),
                    place.group_id,
                    known.get(first),
                    now,
                    factors=dict(zip(PARTS, place.parts, strict=True)),
                )
                for place in found
            ]
        else:
            places = [
                _place(one, one.item_id, one.item_id, None, now, utility=None, factors={})
                for one in group_recommender.recommend(query).items
            ]
        name = served.version.name
        is_live = name == UNTRAINED or name == self._live_name(group)
        return ExpectedAnswer(name, served.version.recipe, is_live, places)


def _read_visitor(given: Mapping[str, str]) -> Visitor:
    return Visitor(read_text(given, "userId"), read_text(given, "sessionId"))


def _place(
    source: Any, id_: str, item_id: str, animal: Animal | None, now: int, **more: object
) -> ExpectedPlace:
    more |= {"id": id_, "item_id": item_id, "other_place": None}
    more["name"] = "" if animal is None else animal.name
    more["picture"] = "" if animal is None else picture_path(animal, now)
    more["reasons"] = list(map(str, source.reasons))
    return report_of(ExpectedPlace, source, **more)


def _recommends(recipe: str) -> bool:
    return recipe != NEXT_BEST_ACTION and not recipe_named(recipe).needs_item


def _compared(answer: ExpectedAnswer, others: Mapping[str, int]) -> ExpectedAnswer:
    places = [msgspec.structs.replace(one, other_place=others.get(one.id)) for one in answer.places]
    return msgspec.structs.replace(answer, places=places)


def _answer(shown: Impression, events: Sequence[LoggedEvent]) -> ShownAnswer:
    deeds: dict[str, list[str]] = {}
    for one in events:
        event = one.event
        if event.recommendation_id == shown.recommendation_id:
            deeds.setdefault(event.animal_id or event.item_id, []).append(event.event_type)
    animals = shown.animal_ids or tuple((item,) for item in shown.item_ids)
    places = [
        ShownPlace(ids[0], item, deeds.get(ids[0], []))
        for ids, item in zip(animals[:_SHOWN], shown.item_ids, strict=False)
    ]
    return report_of(ShownAnswer, shown, places=places)

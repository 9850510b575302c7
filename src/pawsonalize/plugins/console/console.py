"""The console of a running server: its views, quick search, and happenings, over the adapters."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import AnimalSearch, StockList
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages.finding import Hit
from pawsonalize.app.pages.happenings import Happening
from pawsonalize.app.ports import NOTIFIERS, REFUSAL_REPORTS
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.late import late
from pawsonalize.core.notifications import NotificationKind
from pawsonalize.core.roles import SERVE
from pawsonalize.core.times import MINUTE, iso
from pawsonalize.core.work.tasks import Task
from pawsonalize.events.tables.event_reads import GroupEvents, HistoryQuery
from pawsonalize.operations.services import Services
from pawsonalize.plugins.console.animal import animal_report
from pawsonalize.plugins.console.models import ModelReports, run_report
from pawsonalize.plugins.console.outcomes import OutcomeReports
from pawsonalize.plugins.console.overview import OverviewReports, service_report
from pawsonalize.plugins.console.quality import EventViews, QualityViews
from pawsonalize.plugins.console.today import today_content
from pawsonalize.plugins.console.traffic import SAMPLE_SECONDS, TrafficHistory, read_counts
from pawsonalize.plugins.console.visitors import VisitorViews, newest_visitors
from pawsonalize.reports.exposure_report import ExposureShare
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.site.rendering import console_path_of, with_query
from pawsonalize.site.words import moment
from pawsonalize.train.retraining.runs import RunOutcome, Runs

if TYPE_CHECKING:
    from rapidfuzz.distance import OSA
else:
    OSA = late("rapidfuzz.distance.OSA")

_ANIMALS = 20
_FEWEST_LETTERS = 4  # shorter names are too like others: Max, Mia
_RUNS, _NOTIFICATIONS = 60, 200
_TROUBLE = (RunOutcome.FAILED, RunOutcome.TIMED_OUT)
_NOTIFIED = {
    NotificationKind.PROBLEM: "bad",
    NotificationKind.PROBLEM_ENDED: "other",
    NotificationKind.CAMPAIGN_UPDATED: "good",
}


class Console:
    """The views that the pages of the console and their JSON show, and access keys."""

    def __init__(self, adapters: Adapters, services: Services) -> None:
        settings, database, self.objects = adapters.settings, adapters.database, adapters.objects
        refusals = REFUSAL_REPORTS(adapters)
        channels = NOTIFIERS(settings) or ()
        self.traffic = TrafficHistory(partial(read_counts, services.metrics_dir), clock.real_now())
        self.overview = OverviewReports(settings, adapters, services, self.traffic)
        self.models = ModelReports(settings, adapters.registry, database, services.runs)
        self.outcomes = OutcomeReports(services.outcomes, clock.now)
        self.stock = StockList(database)
        self.today = partial(today_content, adapters, services, self.stock)
        self.animal = partial(animal_report, adapters, services)
        self.visitors = VisitorViews(adapters, services)
        self.newest_visitors = partial(newest_visitors, database)
        self.events = EventViews(adapters, refusals)
        quality = QualityViews(settings, database, adapters.log, refusals)
        # Both read so much that a page of each takes longer than a person likes to wait.
        self.quality = CachedLookup(quality.report, clock.passed, MINUTE)
        self.seen: CachedLookup[None, list[ExposureShare]] = CachedLookup(
            lambda _: services.exposure(clock.now()), clock.passed, MINUTE
        )
        self.finder = ConsoleFinder(adapters, self.stock, services.runs)
        self.happenings = partial(happenings_of, adapters, services.runs)
        self.service = partial(service_report, adapters, services, tuple(channels))
        self.keys = adapters.access_keys

    @classmethod
    def of(cls, plugins: Mapping[str, object]) -> "Console":
        """Return the console, among what the plugins share."""
        console = plugins["console"]
        assert isinstance(console, cls)
        return console


def tasks(adapters: Adapters, _services: Services, console: Console) -> Iterator[Task]:
    """Yield the task that samples the traffic."""
    if adapters.settings.has_role(SERVE):
        traffic = console.traffic
        yield Task("sample traffic", SAMPLE_SECONDS, lambda: traffic.sample(clock.real_now()))


class ConsoleFinder(msgspec.Struct, frozen=True):
    """Finds what the console has pages of."""

    adapters: Adapters
    stock: StockList
    runs: Runs

    def find(self, text: str, group: str, now: int) -> Iterator[Hit]:
        """Yield hits; ids as a whole, animals by a part of their name too."""
        yield from self.animals(text, now)
        yield from self._visitors(text, group)
        yield from self._resources(text)
        with suppress(NotFound):
            run = self.runs.get(text)
            note = moment(iso(run.started_at))
            yield Hit("retraining", text, f"/console/models/runs/{text}", note)
        yield from self._logged(text, group)

    def animals(self, text: str, now: int, *, mended: bool = False) -> Iterator[Hit]:
        """Yield animals by id or name; `mended`, else those whose name is a typing error away."""
        exact = self.adapters.animals.get_many([text]).values()
        # An id is one animal, whatever other names and ids have it in them.
        found: list[Animal] = list(exact) or [
            animal for animal, _ in self.stock.page(AnimalSearch(_ANIMALS, text=text), now)
        ]
        if not found and mended and len(text) >= _FEWEST_LETTERS:
            every = self.adapters.inventory.all()
            found = list(islice((one for one in every if _is_near(text, one.name)), _ANIMALS))
        for one in found:
            path = console_path_of(one.animal_id)
            yield Hit("animal", one.name or one.animal_id, path, f"{one.animal_id}, {one.status}")

    def _visitors(self, text: str, group: str) -> Iterator[Hit]:
        log, users = self.adapters.log.of(group), self.adapters.catalogue.of(group)
        for kind, field, visitor in (
            ("user", "userId", Visitor(text, None)),
            ("session", "sessionId", Visitor(None, text)),
        ):
            newest = next(iter(log.history(visitor, HistoryQuery(1))), None)
            if newest is not None or (kind == "user" and users.user(text) is not None):
                note = "no event" if newest is None else f"last {moment(iso(newest.event.sent_at))}"
                path = with_query("/console/visitors", {field: text, "datasetGroup": group})
                yield Hit(kind, text, path, note)

    def _resources(self, text: str) -> Iterator[Hit]:
        registry, solutions = self.adapters.registry, "/console/models/solutions"
        if registry.find(Solution, text) is not None:
            yield Hit("solution", text, f"{solutions}/{text}")
        for kind, one in (
            ("campaign", registry.find(Campaign, text)),
            ("version", registry.find(SolutionVersion, text)),
        ):
            if one is not None:
                yield Hit(kind, text, f"{solutions}/{one.solution}#{text}", one.solution)
        key = registry.find(AccessKey, text)
        if key is not None:
            yield Hit("key", text, "/console/settings/keys", key.note)

    def _logged(self, text: str, group: str) -> Iterator[Hit]:
        event = GroupEvents(self.adapters.database, group).find(text)
        if event is not None:
            path = with_query("/console/data", {"eventId": text, "datasetGroup": group})
            note = f"{event.event.event_type}, {moment(iso(event.event.sent_at))}"
            yield Hit("event", text, path, note)
        answer = self.adapters.impressions.of(group).get_many([text]).get(text)
        if answer is not None:
            fields = {"userId": answer.user_id or "", "sessionId": answer.session_id or ""}
            path = with_query("/console/visitors", {**fields, "datasetGroup": group})
            yield Hit("answer", text, f"{path}#shown", moment(iso(answer.answered_at)))


def _is_near(text: str, name: str) -> bool:
    """True if a name, or a word of it, is one typing error away."""
    words = {name, *name.split()}
    return any(OSA.distance(text.casefold(), one.casefold(), score_cutoff=1) < 2 for one in words)


def happenings_of(adapters: Adapters, runs: Runs, now: int) -> Iterator[Happening]:
    """Yield promotions, retrainings that failed, and problems that began or were over."""
    for record in runs.newest(_RUNS):
        if record.ended_at is not None and record.outcome in {RunOutcome.PROMOTED, *_TROUBLE}:
            kind = "bad" if record.outcome in _TROUBLE else "good"
            page, verdict = f"/console/models/runs/{record.run_id}", run_report(record, now).verdict
            yield Happening(iso(record.ended_at), verdict, kind, page)
    # Of each notification there is one delivery for every channel.
    by_id = {
        one.notification.notification_id: one for one in adapters.deliveries.newest(_NOTIFICATIONS)
    }
    for one in by_id.values():
        news = one.notification
        if news.kind in _NOTIFIED:
            yield Happening(iso(news.happened_at), news.subject, _NOTIFIED[news.kind])

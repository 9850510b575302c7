"""The first page of the console: health, the newest retraining, findings, traffic; and settings."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.disk_forecast import forecast
from pawsonalize.app.doctor import checks as all_checks
from pawsonalize.app.doctor import newest_event_at
from pawsonalize.app.model_checks import models_in_use, personalisation_health
from pawsonalize.app.pages.happenings import find_happenings
from pawsonalize.app.pages.reports import NotificationChannel, SentNotification, delivery_report
from pawsonalize.app.pages.shell import links
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.app.settings import Settings, kinds_of_settings
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.config import Secret
from pawsonalize.core.errors import NotReady
from pawsonalize.core.http.json import report_of
from pawsonalize.core.times import MINUTE, SECOND, iso, parse_moment
from pawsonalize.operations.services import Services
from pawsonalize.plugins.console.charts import LineChart, marks_of
from pawsonalize.plugins.console.models import RunSummary, run_report, summary_of
from pawsonalize.plugins.console.traffic import Traffic, TrafficHistory
from pawsonalize.recommend.campaigns import entries, readiness
from pawsonalize.reports.endpoints import ServerAnswer, server_answer
from pawsonalize.reports.personalisation.rules import PersonalisationHealth
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP

_LOOKED_AT = 2  # runs: one at most goes on, so the newest that has ended is among them
_FINDINGS = 100
_FINDINGS_KEPT = 10 * SECOND
_JUDGED_KEPT = 10 * MINUTE
_CAMPAIGNS = 50


class ServiceHealth(StrEnum):
    """Health of the service."""

    GOOD = "good"
    ATTENTION = "attention"
    """It works, and something is wrong beside."""
    DOWN = "down"
    """It cannot answer, or take events in."""
    NEW = "new"
    """It serves no model yet: pages show animals, the longest wait first."""


class ConsoleFinding(msgspec.Struct, frozen=True, rename="camel"):
    """Something that needs attention; `next_move` is empty where the message says it."""

    about: str
    message: str
    next_move: str = ""


class Freshness(msgspec.Struct, frozen=True, rename="camel"):
    """Age of something; both null where there is none."""

    name: str
    at: str | None
    age_seconds: float | None


class DiskReport(msgspec.Struct, frozen=True, rename="camel"):
    """The room that is left.

    A day adds `per_day_bytes`, null before that is known. It is enough for `days_left`, null where
    that is not known, or more than ten years.
    """

    free_bytes: int
    total_bytes: int
    per_day_bytes: float | None
    days_left: int | None


class CampaignFreshness(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign and the version that it serves, null while it serves none.

    `as_of` is when its model was trained, `refreshed_at` as of when its counts know the log.
    """

    campaign: str
    dataset_group: str
    recipe: str
    solution_version: str | None
    as_of: str | None
    refreshed_at: str | None


class Overview(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Health of the service at the moment `at`, and what it rests on."""

    at: str
    health: ServiceHealth
    headline: str
    """The health in one sentence."""
    verdict: RunSummary | None
    """The newest retraining that has ended."""
    running: RunSummary | None
    """The one that goes on."""
    attention: tuple[ConsoleFinding, ...]
    """Of very many, the first hundred."""
    freshness: tuple[Freshness, ...]
    """The newest event, the newest refresh of counts, and the newest model that is served."""
    campaigns: tuple[CampaignFreshness, ...]
    """Those of the default dataset group, then others; of very many, the first fifty."""
    traffic: Traffic
    disk: DiskReport
    personalisation: PersonalisationHealth
    """Does personalisation work, by the live log? As of the last ten minutes."""


class OverviewReports:
    """Makes overviews. Findings and disk are looked at seldom, as that takes a while."""

    def __init__(
        self, settings: Settings, adapters: Adapters, services: Services, traffic: TrafficHistory
    ) -> None:
        self._settings = settings
        self._adapters = adapters
        self._services = services
        self._traffic = traffic
        self._disk = CachedLookup(self._look_at_disk, clock.passed, MINUTE)
        self._personalisation = CachedLookup(self._judge, clock.passed, _JUDGED_KEPT)
        self._quick = CachedLookup(self._find_faults, clock.passed, _FINDINGS_KEPT)
        self._slow = CachedLookup(self._find_faults, clock.passed, MINUTE)

    def overview(self, now: int) -> Overview:
        """Return the overview of this moment."""
        runs = [run_report(one, now) for one in self._services.runs.newest(_LOOKED_AT)]
        served = tuple(self._served())
        attention = (*self._quick.find(False), *self._slow.find(True))
        personalisation = self._personalisation.find(None)
        things = len(attention) or len(personalisation.findings)  # which may be told as a problem
        unwritable, unanswered = self._services.why_not_writable(), self._why_no_answers()
        is_new = not unwritable and not any(one.solution_version for one in served)
        down = [] if is_new else [one for one in (unwritable, unanswered) if one]
        health = ServiceHealth.ATTENTION if things else ServiceHealth.GOOD
        health = ServiceHealth.NEW if is_new else health
        return Overview(
            at=iso(now),
            health=ServiceHealth.DOWN if down else health,
            headline=_NEW if is_new else _headline(down, things),
            verdict=next((summary_of(one) for one in runs if not one.is_running), None),
            running=next((summary_of(one) for one in runs if one.is_running), None),
            attention=attention[:_FINDINGS],
            freshness=(
                _fresh("Newest event", newest_event_at(self._adapters.log), now),
                _newest("Newest refresh of counts", (one.refreshed_at for one in served), now),
                _newest("Newest model served", (one.as_of for one in served), now),
            ),
            campaigns=served,
            traffic=self._traffic.traffic(clock.real_now()),
            disk=self._disk.find(None),
            personalisation=personalisation,
        )

    def _judge(self, _: None) -> PersonalisationHealth:
        return personalisation_health(self._adapters, clock.now())

    def _why_no_answers(self) -> str | None:
        services = self._services
        orders = services.animal_recommender.can_order(clock.now())
        try:
            readiness(services.group_recommender, entries(services.registry), orders_animals=orders)
        except NotReady as error:
            return error.message
        return None

    def _find_faults(self, is_slow: bool) -> list[ConsoleFinding]:
        service = CheckedService(self._adapters, clock.now(), self._services.servers)
        checks = [one for one in all_checks() if one.is_slow is is_slow]
        found = needing_attention(examine(checks, service, CheckPlace.OVERVIEW))
        return [ConsoleFinding(one.check, one.message, one.next_move) for one in found]

    def _served(self) -> Iterator[CampaignFreshness]:
        registry = self._adapters.registry
        unlisted = registry.unlisted(Campaign)
        found = sorted(
            (one for one in entries(registry) if one.name not in unlisted),
            key=lambda one: (one.dataset_group != DATASET_GROUP, one.dataset_group, one.name),
        )
        for one in models_in_use(self._adapters, found[:_CAMPAIGNS]):
            live = one.entry.campaign.solution_version
            version, counts = (None, None) if live is None else (one.version, one.counts)
            yield CampaignFreshness(
                campaign=one.entry.name,
                dataset_group=one.entry.dataset_group,
                recipe=one.entry.recipe,
                solution_version=live,
                as_of=None if version is None else iso(version.as_of),
                refreshed_at=None if counts is None else iso(counts.cut.as_of),
            )

    def _look_at_disk(self, _: None) -> DiskReport:
        usage = shutil.disk_usage(self._settings.data_dir)
        found = forecast(self._adapters, clock.now())
        return DiskReport(
            free_bytes=usage.free,
            total_bytes=usage.total,
            per_day_bytes=None if found is None else found.per_day,
            days_left=None if found is None else found.days_left,
        )


_NEW = "It shows your animals, who waits longest first, and learns from what visitors do."


def _headline(down: Sequence[str], things: int) -> str:
    if down:
        return f"It does not work: {'; '.join(down)}."
    if not things:
        return "All is well."
    return "1 thing needs attention." if things == 1 else f"{things} things need attention."


def _newest(name: str, moments: Iterable[str | None], now: int) -> Freshness:
    known = [one for one in moments if one is not None]
    return _fresh(name, parse_moment(max(known), name) if known else None, now)


def _fresh(name: str, at: int | None, now: int) -> Freshness:
    if at is None:
        return Freshness(name, None, None)
    return Freshness(name, iso(at), max(now - at, 0) / SECOND)


def overview_content(query: ViewQuery, found: Overview) -> dict[str, object]:
    """Return the charts of the traffic, and what happened in the time of the page."""
    points, happened = found.traffic.points, find_happenings(query, query.period("7d"))
    animal_pages = {path for _, path in links("/console/animals")}
    if not points:
        return {"charts": (), "happened": happened, "animal_pages": animal_pages}
    heads = [point.at[11:16] for point in points]
    moments = tuple(float(parse_moment(point.at, "at")) for point in points)
    rates = {"answers": "answers_per_second", "events": "events_per_second"}
    times = {"half within": "p50_ms", "99% within": "p99_ms"}
    more: dict[str, object] = {"form": "{:,.1f}", "places": moments, "is_time": True}
    more["marks"] = marks_of(one for one in happened if one.at >= points[0].at)
    return {
        "happened": happened,
        "animal_pages": animal_pages,
        "charts": (
            LineChart.of("Answers and events a second", heads, points, rates, **more),
            LineChart.of("Milliseconds to an answer", heads, points, times, **more),
        ),
    }


_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")
_QUERY = re.compile(r"\?\S*")


# Each of these is stored once, by its own page. A second way to store settings would be one more
# place to look for what is in force.
_CHANGING = {
    "/console/models": "which version serves; on the solution's page also its campaign's"
    " `exploration_weight`, `exploration_item_age_cut_off` and `min_provisioned_tps`",
    "/console/settings/keys": "who may call, from which pages, how often, until when",
    "/console/settings/notifications": "who is told of what",
    "/console/animals/feeds": "the meaning of values that your shelter's system writes",
    "/console/animals/upload": "a file of animals, and what its columns are",
    "/console/animals/alerts": "which visitors are told of animals; saved searches",
}


def changing_pages() -> list[tuple[str, str, str]]:
    """Return the pages that change what a service does while it serves: name, path and effect."""
    there = (one for place in ("", "/console/animals", "/console/settings") for one in links(place))
    return [(name, path, _CHANGING[path]) for name, path in there if path in _CHANGING]


class SettingInForce(msgspec.Struct, frozen=True, rename="camel"):
    """A setting's value and where it comes from; of a secret, only whether there is one."""

    name: str
    value: str
    source: str
    is_default: bool
    is_secret: bool


class KeyInForce(msgspec.Struct, frozen=True, rename="camel"):
    """An access key without its secret: what it is for, and when it was last used."""

    key_id: str
    note: str
    scopes: tuple[str, ...]
    dataset_group: str | None
    created_at: str
    last_used_at: str | None
    expires_at: str | None
    is_expired: bool


class ServiceReport(msgspec.Struct, frozen=True, rename="camel"):
    """The program's version, its servers, settings, keys and notifications."""

    version: str
    servers: list[ServerAnswer]
    settings: list[SettingInForce]
    keys: list[KeyInForce]
    channels: list[NotificationChannel]
    notifications: list[SentNotification]


def service_report(
    adapters: Adapters, services: Services, channels: Iterable[str], now: int
) -> ServiceReport:
    """Return settings, keys, notifications and servers as they are now."""
    deliveries = delivery_report(adapters.deliveries, channels)
    return ServiceReport(
        __version__,
        [server_answer(one) for one in services.servers.states()],
        settings_in_force(adapters.settings, services.sources),
        [
            report_of(KeyInForce, key, key_id=key.name, is_expired=key.is_expired(now))
            for key in adapters.registry.all(AccessKey)
        ],
        deliveries.channels,
        deliveries.notifications,
    )


def settings_in_force(settings: Settings, sources: Mapping[str, str]) -> list[SettingInForce]:
    """Return every setting by name; of secrets and passwords in addresses, nothing is shown."""
    usual = Settings()
    found = []
    for name in sorted(kinds_of_settings()):
        value = settings.value(name)
        is_secret = isinstance(usual.value(name), Secret)
        is_default = value == usual.value(name)
        source = sources.get(name, "the default" if is_default else "the program that started it")
        shown = ("set" if value else "") if is_secret else _without_passwords(str(value))
        found.append(SettingInForce(name, shown, source, is_default, is_secret))
    return found


def _without_passwords(text: str) -> str:
    # Queries of addresses may hold keys.
    if "://" not in text:
        return text
    return _QUERY.sub("?…", _PASSWORD.sub(r"\1:…@", text))

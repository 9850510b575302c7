"""Ports: functions that the service asks of plugins, each with its type; see `core.plugin.Port`.

Every one is asked in one place or two. Where no plugin answers, the service does what stands there.
"""

from typing import TYPE_CHECKING

from pawsonalize.core.plugin import Port

# Plugins name their ports in each command, and what the types come from takes long to import.
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pawsonalize.animals.tables.catalogue import Catalogue
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.app import App
    from pawsonalize.app.pages.reports import RefusalReports
    from pawsonalize.app.sending import Producer
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.database.database import Database
    from pawsonalize.core.notifications import NotificationKind
    from pawsonalize.core.objects.store import ObjectStore
    from pawsonalize.core.work.leases import Leases
    from pawsonalize.events.ingest import KeepRefusals, RefusalSink
    from pawsonalize.events.tables.event_log import EventLog
    from pawsonalize.recommend.animals.available import Slots
    from pawsonalize.recommend.animals.scoring import ScoringInputs
    from pawsonalize.recommend.query import AnimalSearches, Query
    from pawsonalize.resources.artefacts import ArtefactStore
    from pawsonalize.resources.registry import Registry
    from pawsonalize.site.storefront import DemoSite, ReadAlerts, SiteBoards
    from pawsonalize.train.trainer import RemoteEngine
    from pawsonalize.train.training_data import LogReading

SERVES_DEMO: "Port[[Settings], bool]" = Port()
"""True if the adoption site is a made-up shelter's."""
DEMO_SITE: "Port[[App], DemoSite]" = Port()
"""What the adoption site of a made-up shelter shows beside its pages."""
SITE_BOARDS: "Port[[App], SiteBoards]" = Port()
SITE_ALERTS: "Port[[Adapters], ReadAlerts]" = Port()
SITE_INQUIRIES: "Port[[Settings], str]" = Port()
"""The template of the form by which visitors write to the shelter."""

ARTEFACTS: "Port[[Settings, Database], ArtefactStore]" = Port()
"""The store of models that machines share."""
REMOTE_ENGINE: "Port[[Settings, Registry, EventLog, Catalogue, Leases], RemoteEngine]" = Port()
LOG_READING: "Port[[Settings, Database, ObjectStore], LogReading]" = Port()
OFFERS_BOARD: "Port[[Settings], Callable[[ScoringInputs, Slots, Query], bool]]" = Port()
"""The rule that says if a board is worth its place beside a page of these animals."""
SEARCHES: "Port[[Adapters], AnimalSearches]" = Port()

ASK_VISITORS: "Port[[Adapters, str, str, str, int], str]" = Port()
"""Of a campaign, the version that serves, one that passed the gate and the moment: says what judges
it before it goes live; None if nothing does."""
TESTED_VERSIONS: "Port[[Adapters], Collection[str]]" = Port()
"""Names of versions that live tests need."""

NOTIFIERS: "Port[[Settings], Collection[str]]" = Port()
"""The names of the notifiers that the settings ask for."""
DESTINATIONS: "Port[[Adapters], Callable[[NotificationKind], Iterable[str]]]" = Port()
"""Function that names the destinations which people chose for a kind of notification."""
DELIVERIES: "Port[[Adapters], Iterable[tuple[str, Callable[[int], object]]]]" = Port()
"""Functions of the moment that deliver what is due, each with its name."""

REFUSALS: "Port[[Adapters], RefusalSink]" = Port()
"""What keeps the events that `/v1/events` refuses."""
STREAM_REFUSALS: "Port[[Adapters], KeepRefusals]" = Port()
REFUSAL_REPORTS: "Port[[Adapters], RefusalReports]" = Port()
REFUSED_LINES: "Port[[Adapters, int], Callable[[bool], Iterable[str]]]" = Port()
"""Function that returns a line for each event refused since its last call, as JSON if told so; its
first call returns so many of before."""
ARCHIVE_REFUSED: "Port[[Adapters], str]" = Port()
"""Archives refused events now, and says how many in words; None if there were none."""

PRODUCER: "Port[[str, bool], Producer]" = Port()
"""The writer of the stream of a URL; with True, a missing stream is made."""
DEFAULT_STREAM: "Port[[Settings], str]" = Port()
"""The URL of the stream that the settings name."""

"""The parts of the console's views, over the adapters."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.config import Secret
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.serving.served import Loader
from pawsonalize.engine.training.data_checks import bots_among
from pawsonalize.kinds.servers import Servers
from pawsonalize.settings import Settings, kinds_of_settings
from pawsonalize.storage.animal_list import StockList
from pawsonalize.storage.animals import Animals
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.storage.event_tail import EventTail
from pawsonalize.wings.console.views.animals import InventoryViews
from pawsonalize.wings.console.views.events import EventViews
from pawsonalize.wings.console.views.quality import QualityViews
from pawsonalize.wings.console.views.service import ServiceViews, SettingInForce
from pawsonalize.wings.console.views.visitors import VisitorViews
from pawsonalize.wings.feeds.scheduled import listed_feeds
from pawsonalize.wings.notifications.notifying import open_notifiers


def inventory_views(settings: Settings, adapters: Adapters) -> InventoryViews:
    """What the page of animals shows."""
    stock = StockList(adapters.database.replica_reads())
    inventory, exposures = adapters.exposed
    feeds = listed_feeds(settings)
    return InventoryViews(stock, inventory, exposures, adapters.registry, feeds)


def visitor_views(
    settings: Settings,
    adapters: Adapters,
    runtime: Runtime,
    individuals: Individuals,
) -> VisitorViews:
    """What the page of visitors shows; it answers as this process does."""
    return VisitorViews(
        log=adapters.log,
        impressions=adapters.impressions,
        catalogue=adapters.catalogue,
        animals=adapters.animals,
        registry=adapters.registry,
        loader=Loader(adapters.registry, adapters.artefacts),
        directory=adapters.directory(settings),
        runtime=runtime,
        individuals=individuals,
    )


def event_views(adapters: Adapters) -> EventViews:
    """What the page of events shows."""
    return EventViews(
        log=adapters.log,
        tail=EventTail(adapters.database),
        letters=adapters.dead_letters,
        replay=adapters.letter_replay,
        ledger=adapters.ledger,
    )


def quality_views(settings: Settings, adapters: Adapters) -> QualityViews:
    """What the page of their quality shows."""
    reads = adapters.database.replica_reads()
    return QualityViews(
        log=adapters.log,
        tail=EventTail(reads),
        letters=adapters.dead_letters,
        animals=Animals(reads),
        catalogue=Catalogue(reads),
        pace=partial(_bots, settings),
    )


def service_views(
    settings: Settings,
    adapters: Adapters,
    servers: Servers,
    sources: Mapping[str, str],
) -> ServiceViews:
    """What the page of settings shows; `sources` says where settings were written."""
    return ServiceViews(
        version=__version__,
        settings=tuple(settings_in_force(settings, sources)),
        registry=adapters.registry,
        servers=servers,
        audit=adapters.audit,
        deliveries=adapters.deliveries,
        notifiers=partial(open_notifiers, settings),
    )


def settings_in_force(settings: Settings, sources: Mapping[str, str]) -> list[SettingInForce]:
    """Every setting by name; of secrets, and of passwords in addresses, nothing is shown."""
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


_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")
_QUERY = re.compile(r"\?\S*")


def _without_passwords(text: str) -> str:
    """Addresses without a password, and without what their queries may hold."""
    if "://" not in text:
        return text
    return _QUERY.sub("?…", _PASSWORD.sub(r"\1:…@", text))


def _bots(
    settings: Settings, visitors: Sequence[str], items: Sequence[str], times: Sequence[int]
) -> list[str]:
    """Those of the visitors that may be bots, by the settings of the checks before a training."""
    if not visitors:
        return []
    names, user = np.unique(np.array(visitors, object), return_inverse=True)
    _, item = np.unique(np.array(items, object), return_inverse=True)
    time = np.array(times, np.int64)
    order = np.lexsort((time, user))
    found = bots_among(user[order], item[order], time[order], len(names), settings.checks)
    return [str(names[one]) for one in found]

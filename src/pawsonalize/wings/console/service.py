"""The service on the console: settings in force, keys, notifications and servers."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from pawsonalize import __version__
from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.config import Secret
from pawsonalize.http.json import report_of
from pawsonalize.http.reports import ServerAnswer, server_answer
from pawsonalize.kinds.access_keys import AccessKey
from pawsonalize.pages.reports import NotificationChannel, SentNotification, delivery_report
from pawsonalize.pages.shell import links
from pawsonalize.settings import Settings, kinds_of_settings

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

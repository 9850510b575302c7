"""Settings that cannot be used: `serve` refuses them, and `config check` finds them before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from urllib.parse import urlsplit

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.databases import check_shared, load_postcodes, root_key_source
from pawsonalize.app.doctor import newest_event_at
from pawsonalize.app.settings import Settings, is_loopback
from pawsonalize.core import clock
from pawsonalize.core.config import fault_of
from pawsonalize.core.database.urls import parse_url
from pawsonalize.core.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.core.event import EventTypes
from pawsonalize.core.http.tls import open_certificate
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import added
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import iso
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.resources.access_keys import ADOPTION_SITE, AccessKey
from pawsonalize.site.languages import check_language


def unusable(settings: Settings, sources: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the faults of settings, each with the next move; opens no database, sends nothing.

    `sources` are the places where settings were written; then a fault names its setting's.
    """
    return _refused(
        *(partial(check, settings) for check in added("usable")),
        lambda: parse_url(settings.database, "database_url"),
        lambda: check_shared(settings),
        lambda: root_key_source(settings),
        lambda: first_keys(settings),
        lambda: open_certificate(settings.tls_certificate, settings.tls_key),
        lambda: load_postcodes(settings),
        lambda: _check_place("archive_url", settings.archive, settings.archive_kms_key),
        lambda: _check_place("artefact_url", settings.artefact_url),
        lambda: EventTypes.with_added(settings.event_types),
        lambda: recipe_named(settings.recipe),
        lambda: check_language(settings.language),
        lambda: check_clock(settings),
        sources=sources,
    )


def _check_place(name: str, location: str, kms_key: str = "") -> None:
    try:
        if location:
            open_objects(location, kms_key)
    except InvalidInput as error:
        error.field = error.field or name
        raise


def not_in_tables(settings: Settings) -> Iterator[str]:
    """Yield a fault for each thing that settings name and the tables lack; makes no database."""
    needed = needs(settings)
    if not (settings.requires_keys or needed):
        return
    try:
        with opened(settings, must_exist=True) as adapters:
            keys = list(adapters.access_keys.all())
            yield from _refused(
                lambda: check_keys(settings, keys), *(partial(look, adapters) for look in needed)
            )
    except NotFound:  # there is no database yet
        yield from _refused(lambda: check_keys(settings, ()))


def needs(settings: Settings) -> list[Callable[[Adapters], object]]:
    """Return functions that raise NotFound where tables lack what the settings name."""
    found = [look for need in added("needs") if (look := need(settings)) is not None]
    return [*found, check_clock_follows] if settings.clock_file else found


def check_clock(settings: Settings) -> None:
    """InvalidInput if `clock_file` is used on a public address; NotReady if it holds no time."""
    if not settings.clock_file:
        return
    places = {"host": settings.host, "public_url": urlsplit(settings.public_url).hostname}
    for name, host in places.items():
        if host and not is_loopback(host):
            raise InvalidInput(
                f"the setting clock_file is {settings.clock_file}, and {name} is"
                f" {settings.value(name)}: visitors would be answered in another time than theirs."
                f" Leave clock_file out, or name this machine alone, as 127.0.0.1, in {name}",
                field="clock_file",
            )
    clock.now()


def check_clock_follows(adapters: Adapters) -> None:
    """InvalidInput if the moment in the clock's file lies before what is stored."""
    newest, now = newest_event_at(adapters.log), clock.now()
    if newest is not None and newest > now:
        raise InvalidInput(
            f"the setting clock_file is {adapters.settings.clock_file}, which holds {iso(now)}, and"
            f" the newest event came in {iso(newest)}: write a later moment, or name a new data"
            " folder",
            field="clock_file",
        )


def check_keys(settings: Settings, keys: Iterable[AccessKey]) -> None:
    """InvalidInput where nobody could call, for want of a key."""
    made = settings.first_access_keys or not all(key.note == ADOPTION_SITE for key in keys)
    if settings.requires_keys and not made:
        raise InvalidInput(
            f"nobody may call {settings.host} without an access key, and there is none: make one"
            " with `pawsonalize keys create`, or set PAWSONALIZE_ACCESS_KEYS=open if anybody who"
            " reaches it may read histories, retrain and change animals",
            field="access_keys",
        )


def first_keys(settings: Settings) -> dict[str, list[Scope]]:
    """The scopes of each key id in the setting `first_access_keys`; or InvalidInput."""
    given = (key.partition("=") for key in settings.first_access_keys.split(",") if key)
    try:
        return {key_id: list(map(Scope, scopes.split("+"))) for key_id, _, scopes in given}
    except ValueError as error:
        raise InvalidInput(
            f"first_access_keys is {settings.first_access_keys}: {error}; there are"
            f" {', '.join(Scope)}",
            field="first_access_keys",
        ) from None


def _refused(
    *checks: Callable[[], object], sources: Mapping[str, str] | None = None
) -> Iterator[str]:
    for check in checks:
        try:
            check()
        except PawsonalizeError as error:
            yield fault_of(error, sources or {})

"""Checks of settings, data, events and access, and `pawsonalize doctor`, which shows all checks."""

import platform
import sqlite3
from collections import Counter
from collections.abc import Iterator

import msgspec

from pawsonalize import __version__
from pawsonalize.app import disk_forecast, model_checks
from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import (
    EVERYWHERE,
    IN_DOCTOR,
    Check,
    CheckedService,
    CheckPlace,
    Diagnosis,
    attention,
    examine,
    fine,
)
from pawsonalize.app.databases import find_local_data, load_postcodes
from pawsonalize.app.settings import Settings, read_settings
from pawsonalize.aws.raw_calls import is_raw_call
from pawsonalize.core import clock
from pawsonalize.core.database.data_folder import check_data_folder, is_data_folder, wrong_rights
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.event import ACTIONS, plain_spelling
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import absent_plugins, added, broken_plugins, how_to_install
from pawsonalize.core.times import DAY, MINUTE, SECOND, iso
from pawsonalize.events.archive.reading import ArchiveReader
from pawsonalize.events.event_form import unknown_fields_of
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import RawEvents
from pawsonalize.models.recipes.catalogue import broken_recipes
from pawsonalize.reports.exposure_report import NEXT_MOVE, joined_events
from pawsonalize.resources.solutions import Solution, named_types

_NAMED = 10
_MOST_ANIMALS = 20_000
_NEWEST_EVENTS = 500
_NEWEST = 100  # that may have been erased
_SOON = 7 * DAY
_CLOCKS_DIFFER = 5 * SECOND
_AHEAD = 5 * MINUTE
_MOST_SESSIONS = 2_000
_MOST_EVENTS = 10_000


def database(service: CheckedService) -> Iterator[Diagnosis]:
    """Name the database."""
    yield fine(service.adapters.database.shown_url)


def writable(service: CheckedService) -> Iterator[Diagnosis]:
    """Find a database that takes no writes."""
    if (reason := service.adapters.database.why_not_writable()) is not None:
        yield attention(reason, "No events are taken in; answers go on meanwhile")


def damage(service: CheckedService) -> Iterator[Diagnosis]:
    """Find damage in the file of an SQLite database."""
    if (found := service.adapters.database.damage()) is not None:
        yield attention(found)


def animals(service: CheckedService) -> Iterator[Diagnosis]:
    """Count available animals, and the groups that are described."""
    waiting = sum(service.adapters.availability.count(service.now).values())
    groups = service.adapters.catalogue.item_count()
    yield fine(f"{waiting:,} available animals, {groups:,} groups in the items")


def postcodes(service: CheckedService) -> Iterator[Diagnosis]:
    """Name postcodes of available animals that no table gives a place."""
    from pawsonalize.recommend.animals.eligibility import unplaced  # noqa: PLC0415 - loads numpy

    table = load_postcodes(service.settings)
    waiting = service.adapters.animals.available(service.now, _MOST_ANIMALS)
    if animals := unplaced(waiting, table):
        counts = Counter((one.postcode, one.shelter or "no shelter") for one in animals)
        named = ", ".join(f"{code} ({where})" for (code, where), _ in counts.most_common(_NAMED))
        table_says = "postcode_table lacks" if table else "no postcode_table places"
        yield attention(
            f"{len(animals):,} animals have a postcode that {table_says}, so visitors see no"
            f" distance: {named}",
            "name your country's table of GeoNames, or correct the postcodes:"
            " docs/how-to/run-an-adoption-site.md#distances",
        )


def versions(_settings: Settings) -> Iterator[Diagnosis]:
    """Name the versions of the service, Python and the libraries."""
    yield fine(
        f"Pawsonalize {__version__}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}"
    )


def settings_in_force(_settings: Settings) -> Iterator[Diagnosis]:
    """List the settings, where each is set, and names without effect."""
    _, written = read_settings()
    file = "no config file" if written.file is None else str(written.file.absolute())
    sources = ", ".join(f"{name} (from {source})" for name, source in written.sources.items())
    yield fine(f"{file}; given: {sources or 'none'}")
    for note in written.notes:
        yield fine(note)
    for warning in written.warnings:
        yield attention(warning)


def folder(settings: Settings) -> Iterator[Diagnosis]:
    """Check the data folder and its rights."""
    path = settings.data_dir.absolute()
    try:
        check_data_folder(path)
    except PawsonalizeError as error:
        yield attention(error.message)
        return
    wrong = next(wrong_rights(path, settings.data_access), None) if is_data_folder(path) else None
    if wrong is not None and wrong[0] == path.resolve():
        reason = "others may read it" if wrong[1] & ~wrong[2] else "its group may not use it"
        move = "`pawsonalize doctor --mend-rights` changes what is ours in it, and lists that"
        yield attention(f"{path} has the mode {wrong[1]:o}: {reason}", move)
    elif path.is_dir():
        yield fine(str(path))
    else:
        yield attention(
            f"there is no folder {path}",
            "name the right one with --data-dir or PAWSONALIZE_DATA_DIR, or fill a new one with"
            " `pawsonalize import` or `pawsonalize demo`",
        )


def shared_data(settings: Settings) -> Iterator[Diagnosis]:
    """Check the place of shared models, and name what only this machine has."""
    if not settings.artefact_url:
        return
    try:
        # One key is enough to know that the bucket answers.
        next(iter(open_objects(settings.artefact_url, hurried=True).list("models")), None)
        yield fine(settings.artefact_url)
    except PawsonalizeError as error:
        yield attention(f"{settings.artefact_url}: {error}")
    for message, next_move in find_local_data(settings):
        yield attention(message, next_move)


def problems(service: CheckedService) -> Iterator[Diagnosis]:
    """List the current problems."""
    standing = service.adapters.problems.standing(service.now)
    for problem in standing:
        yield attention(
            f"{problem.message} (since {iso(problem.since)})", about=f"problem: {problem.name}"
        )
    if not standing:
        yield fine("none stands")


def newest_event_at(log: EventLog) -> int | None:
    """Return the moment (ms) at which the newest stored event came in; None without any."""
    head = log.head()
    newest = log.read(max(head - _NEWEST, 0), head, _NEWEST)
    return max((row.event.received_at for row in newest), default=None)


def event_types(service: CheckedService) -> Iterator[Diagnosis]:
    """Find event types without a meaning."""
    log, named = service.adapters.log, named_types(service.adapters.registry.all(Solution))
    unknown = Counter[str]()
    for (group, event_type), count in log.types().items():
        known = log.of(group).event_types.knows(event_type) or group.endswith(ACTIONS)
        if not known and plain_spelling(event_type) not in named.get(group, ()):
            unknown[event_type] += count
    if not unknown:
        yield fine("every event's type has a meaning")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in unknown.most_common(_NAMED))
    more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
    example = msgspec.json.encode({unknown.most_common(1)[0][0]: "view"}).decode()
    yield attention(
        f"events of these types count as views, for nobody said what they mean: {most}{more}",
        f"say so in the setting event_types, such as {example}",
    )


def unknown_fields(service: CheckedService) -> Iterator[Diagnosis]:
    """Find fields of the newest events that have no meaning."""
    raws = _newest_raws(service)
    if not raws:
        yield fine("known when events have come in by HTTP or a stream")
        return
    found = Counter[str]()
    for raw in raws:
        if not is_raw_call(raw):
            found.update(unknown_fields_of(raw))
    if not found:
        yield fine(f"no unknown field in the newest {len(raws):,} events")
        return
    most = ", ".join(f"{name} ({count:,})" for name, count in found.most_common(_NAMED))
    yield attention(
        f"in the newest {len(raws):,} events, these fields have no meaning: {most}",
        "put what you want to keep into `properties`, and send the rest no more"
        " (docs/how-to/send-context.md)",
    )


def _newest_raws(service: CheckedService) -> list[str]:
    """Return the newest events as they came in, from the tables, or else from the archive."""
    adapters = service.adapters
    head = adapters.log.head()
    after = max(0, head - _NEWEST_EVENTS)
    raws = RawEvents(adapters.database).between(after + 1, head)
    reader = ArchiveReader(adapters.erased_archive)
    for segment in [] if len(raws) == head - after else reader.segments(after):
        for row in reader.rows(segment, after):
            if row.event.raw is not None:
                raws.setdefault(row.offset, row.event.raw)
    return list(raws.values())


def events(service: CheckedService) -> Iterator[Diagnosis]:
    """Count the events."""
    count = service.adapters.log.count()
    if count:
        yield fine(f"{count:,} events")
    else:
        yield attention(
            "no events",
            "send some to /v1/events, or read a file with `pawsonalize import`; if you expected"
            " some, look whether the data folder is the right one",
        )


def events_and_answers(service: CheckedService) -> Iterator[Diagnosis]:
    """Find a site whose events do not name the answers they came from."""
    found = joined_events(service.adapters.impressions, service.adapters.log, service.now)
    if found.are_nearly_none:
        yield attention(found.message, NEXT_MOVE)
    elif found.is_enough:
        yield fine(found.message)


def visitors(service: CheckedService) -> Iterator[Diagnosis]:
    """Find a user or session id that a site sends for everybody."""
    user, sessions = service.adapters.log.most_sessions()
    if sessions > _MOST_SESSIONS:
        yield attention(
            f"user {user!r} has {sessions:,} sessions, more than a person has: all who are named so"
            " count as one",
            "send no userId for visitors who have not signed in",
        )
    session, found = service.adapters.log.most_events()
    if found > _MOST_EVENTS:
        yield attention(
            f"session {session!r} has {found:,} events, more than visits bring: all who are named"
            " so count as one",
            "send a sessionId of its own for each visitor",
        )


def keys(service: CheckedService) -> Iterator[Diagnosis]:
    """Find access keys that are missing, not required, or about to expire."""
    settings, access = service.settings, service.adapters.access_keys
    now = clock.real_now()
    every = list(access.all())
    valid = [key for key in every if not key.is_expired(now)]
    if settings.requires_keys and not valid:
        yield attention(
            f"nobody may call {settings.host}: there is no access key that is valid",
            "make one with `pawsonalize keys create`",
        )
    if not settings.requires_keys and not settings.is_local:
        yield attention(
            f"anybody who reaches {settings.host} may read histories and retrain: access_keys is"
            " open",
            "set access_keys to required (docs/how-to/use-keys.md)",
        )
    if every:  # reading one needs the root key
        try:
            access.find(every[0].name)
        except PawsonalizeError as error:
            yield attention(str(error), about="root key")
    for one in every:
        if one.expires_at is not None and one.expires_at - now < _SOON:
            ends = "is refused since" if one.is_expired(now) else "will be refused from"
            note = f" ({one.note})" if one.note else ""
            yield attention(
                f"{one.name}{note} {ends} {iso(one.expires_at)}",
                f"make the next one with `pawsonalize keys rotate {one.name}`, or take it away with"
                f" `pawsonalize keys delete {one.name}`",
                about=f"key {one.name}",
            )
    required = "required" if settings.requires_keys else "not required on this machine"
    yield fine(f"{len(valid):,} valid; keys are {required}")


def clocks(service: CheckedService) -> Iterator[Diagnosis]:
    """Compare the clock with what was stored by it, and with that of PostgreSQL."""
    wrong = []
    newest = newest_event_at(service.adapters.log)
    # Each is compared with this clock as of that moment: other checks, and an answer, take time.
    lived, before = clock.now(), clock.real_now()
    theirs = service.adapters.database.clock()
    now = clock.real_now()
    if newest is not None and newest > lived + _AHEAD:
        wrong.append(
            f"the newest event came in {iso(newest)}: the clock went back, or was ahead then"
        )
    if theirs is not None and not before - _CLOCKS_DIFFER <= theirs <= now + _CLOCKS_DIFFER:
        wrong.append(f"{iso(theirs)} in PostgreSQL")
    for difference in wrong:
        move = "set the machine's clock by NTP: `timedatectl set-ntp true`"
        yield attention(f"it is {iso(now)} here, and {difference}", move)
    if not wrong:
        yield fine(f"it is {iso(lived)}" + (" by clock_file" if clock.is_played() else ""))


def broken_extensions(_settings: Settings) -> Iterator[Diagnosis]:
    """Find plugins and recipes of other distributions that do not load, or are not installed."""
    for kind, extensions in (("plugin", broken_plugins()), ("recipe", broken_recipes())):
        for broken in extensions:
            move = f"mend, update or uninstall it: `pip uninstall {broken.distribution.split()[0]}`"
            yield attention(f"the {kind} {broken}", move)
    if absent := absent_plugins():
        yield fine(f"not installed: {', '.join(absent)}", how_to_install(*absent))


MAIN_CHECKS = (
    Check("versions", versions, is_of_machine=True),
    Check("settings", settings_in_force, is_of_machine=True),
    Check("data folder", folder, EVERYWHERE, is_of_machine=True),
    Check("shared data", shared_data, is_of_machine=True),
    Check("database", database),
    Check("database", writable, (CheckPlace.DOCTOR, CheckPlace.STATUS, CheckPlace.READYZ)),
    Check("database", damage, IN_DOCTOR, is_slow=True),
    Check("animals", animals),
    Check("postcodes", postcodes, IN_DOCTOR, is_slow=True),
    *disk_forecast.CHECKS,
    Check("events", events, IN_DOCTOR, is_slow=True),
    Check("event types", event_types, IN_DOCTOR, is_slow=True),
    Check("unknown fields", unknown_fields),
    Check("events and answers", events_and_answers),
    Check("visitors", visitors, IN_DOCTOR, is_slow=True),
    *model_checks.CHECKS,
    Check("keys", keys),
    Check("clock", clocks),
    Check("problems", problems, EVERYWHERE),
    Check("plugins", broken_extensions, EVERYWHERE, is_of_machine=True),
)


def checks() -> tuple[Check, ...]:
    """Return every check, those of the plugins too."""
    return (*MAIN_CHECKS, *added("checks"))


def examine_all(settings: Settings) -> Iterator[Diagnosis]:
    """Yield the findings of every check; those of data only if there are any to open."""
    # Each check is as of the moment at which it begins, as those before it may take minutes.
    found = checks()
    of_machine = [check for check in found if check.is_of_machine]
    of_data = [check for check in found if not check.is_of_machine]
    yield from examine(of_machine, settings, CheckPlace.DOCTOR)
    try:
        with opened(settings, must_exist=True) as adapters:
            for check in of_data:
                service = CheckedService(adapters, clock.now())
                yield from examine([check], service, CheckPlace.DOCTOR)
    except PawsonalizeError as error:  # NotFound: there is nothing to look at
        yield attention(str(error), about="database")

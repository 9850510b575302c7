"""Taking a whole service away: what goes, in the order in which one thing needs another."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.copies import drop_tables
from pawsonalize.core.database.data_folder import ARCHIVE, DRAFT, FILES, FOLDERS, is_ours
from pawsonalize.core.errors import Conflict
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import added
from pawsonalize.events.archive.rows import ObjectName
from pawsonalize.events.erasure.erased_archive import is_erasure
from pawsonalize.resources.campaigns import Campaign, Recommender

# A step: a description of what goes, and the function that removes it.
Removal = tuple[str, Callable[[], object]]


def refuse_while_used(adapters: Adapters) -> None:
    """Conflict while a server, a training or another process of the service lives."""
    living = [one.server for one in adapters.servers.watch() if one.lives]
    if living:
        named = ", ".join(sorted({f"{one.place} ({', '.join(one.roles)})" for one in living}))
        raise Conflict(f"the service is in use: stop {named}, then try again")


def parts(settings: Settings, adapters: Adapters, *, with_archive: bool) -> Iterator[Removal]:
    """Yield the steps in an order in which one that was stopped halfway can be done again."""
    registry, artefacts = adapters.registry, adapters.artefacts
    named = [(kind, one.name) for kind in (Recommender, Campaign) for one in registry.all(kind)]
    if named:
        names = ", ".join(sorted(name for _, name in named))
        yield f"{len(named):,} campaigns: {names}", lambda: _each(registry.delete, named)
    locations = artefacts.locations("")
    if locations:
        megabytes = sum(artefacts.sizes().values()) / 1e6
        where = settings.artefact_url or settings.models_dir.absolute()
        text = f"{len(locations):,} models, {megabytes:,.1f} MB, in {where}"
        yield text, lambda: _each(artefacts.remove, [(one,) for one in locations])
    if with_archive:
        objects = adapters.objects
        keys = [(key,) for key in objects.list() if _is_archived(key)]
        text = f"the archive: {len(keys):,} objects in {settings.archive}"
        yield text, lambda: _each(objects.delete, keys)
    if files := _files(settings):
        names = ", ".join(sorted(one.name for one in files))
        folder = settings.data_dir.absolute()
        yield f"in {folder}: {names}", lambda: _remove(files)
    # Last: as long as it is there, the command can be done again.
    text = f"the database {adapters.database.shown_url}: {adapters.log.count():,} events"
    text += ", all animals, resources, access keys and the audit log"
    yield text, lambda: _drop(settings, adapters)


def kept(settings: Settings, *, with_archive: bool) -> Iterator[str]:
    """Yield what stays, in words."""
    if not with_archive:
        yield f"the archive in {settings.archive} (--archive takes it away as well)"
    elif left := sum(not _is_archived(key) for key in open_objects(settings.archive).list()):
        yield f"in {settings.archive}, as they are not ours: {left:,} objects"
    folder = settings.data_dir.absolute()
    others = sorted(one.name for one in folder.iterdir() if not is_ours(one.name))
    if others:
        yield f"in {folder}, as it is not ours: {', '.join(others)}"


def _is_archived(key: str) -> bool:
    """True for the names that the archive gives."""
    # Others may have files in its folder or bucket.
    own = (is_erasure, *added("archive_keys"))
    return any(one(key) for one in own) or ObjectName.parse(key) is not None


def _each(remove: Callable[..., object], them: Iterable[tuple[object, ...]]) -> None:
    for one in them:
        remove(*one)


def _files(settings: Settings) -> list[Path]:
    # Beside the database; nothing that somebody else put there.
    folder = settings.data_dir.absolute()
    there = [folder / name for name in (*FOLDERS, *FILES) if (folder / name).exists()]
    return [*there, *folder.glob(f"{DRAFT}*")]


def _remove(files: list[Path]) -> None:
    for one in files:
        # What a link leads to is not ours.
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)


def _drop(settings: Settings, adapters: Adapters) -> None:
    drop_tables(adapters.database)
    for folder in (settings.data_dir / ARCHIVE, settings.data_dir):
        with suppress(OSError):  # something is in it that stays
            folder.rmdir()

"""A backup of database, models and archive as of one moment in one file; and taking all away.

The file is a tar with a list of what is in it, compressed with zstd.
"""

import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import zstandard

from pawsonalize import __version__
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.cli.terminal import check_new
from pawsonalize.app.databases import open_artefacts, root_key_file
from pawsonalize.app.settings import Settings
from pawsonalize.core import errors
from pawsonalize.core.database import copies
from pawsonalize.core.database.copies import drop_tables
from pawsonalize.core.database.data_folder import (
    ARCHIVE,
    DRAFT,
    FILES,
    FOLDERS,
    ROOT_KEY_FILE,
    is_ours,
    make_data_folder,
)
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.tables import REVISION
from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.core.objects.store import sync, whole_file
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import added
from pawsonalize.core.times import iso
from pawsonalize.core.work.tables import forget_processes
from pawsonalize.events.archive.reading import unknown_objects
from pawsonalize.events.archive.rows import ObjectName
from pawsonalize.events.archive.tables import ArchiveLedger
from pawsonalize.events.erasure.erased_archive import is_erasure
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.live_model import RefreshedCounts
from pawsonalize.resources import artefacts
from pawsonalize.resources.artefacts import digest_of
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.resources.tables import ArtefactIndex, Resources

FORMAT = 1
_MANIFEST = "manifest.json"
_PRIVATE = 0o600  # it has every visitor, and the root key of the access keys
_LEVEL = 3


# `manifest.json` names every other member with its size and digest. It comes last, so that a file
# without it was cut off.
class Member(msgspec.Struct, frozen=True):
    """A file of the backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of a backup, and the program that made it."""

    format: int = FORMAT
    program: str
    """The version of Pawsonalize."""
    revision: str
    """The revision of the tables."""
    made_at: str
    """As of when, ISO 8601."""
    head: int
    """The highest offset of its log."""
    events: int
    models: int
    has_archive: bool
    members: Mapping[str, Member] = {}


def pack(folder: Path, manifest: Manifest, target: Path) -> Manifest:
    """Write a folder into a new backup, whole or not at all; Conflict if it is there."""
    try:
        names = sorted(one.relative_to(folder) for one in folder.rglob("*") if one.is_file())
        members = {name.as_posix(): _member(folder / name) for name in names}
        whole = msgspec.structs.replace(manifest, members=members)
        (folder / _MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
        with (
            whole_file(target, _PRIVATE) as file,
            zstandard.ZstdCompressor(_LEVEL, write_checksum=True).stream_writer(
                file, closefd=False
            ) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in (*names, Path(_MANIFEST)):
                tar.add(folder / name, name.as_posix(), recursive=False, filter=_anonymous)
    except FileExistsError as error:
        raise Conflict(f"{target} is there already, and stays as it is") from error
    except OSError as error:
        raise StorageUnavailable(
            f"the backup {target} cannot be written ({error.strerror}): choose another place, or"
            " free some space"
        ) from error
    return whole


def unpack(source: Path, folder: Path) -> Manifest:
    """Write a backup into an empty folder; InvalidInput if it is none, cut off or changed."""
    try:
        with (
            source.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            # With this filter nothing lands outside the folder, whatever names the file has.
            tar.extractall(folder, filter="data")
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {source}: name a backup") from error
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise _damaged(source, str(error)) from error
    except OSError as error:
        raise StorageUnavailable(
            f"the backup cannot be unpacked ({error.strerror}): free some space, or check that"
            f" {folder.parent} is writable"
        ) from error
    return _checked(source, folder)


def _checked(source: Path, folder: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise _damaged(source, "its list of members is missing or cannot be read") from error
    if manifest.format > FORMAT:
        raise InvalidInput(
            f"{source} was made by Pawsonalize {manifest.program}, which is newer than this"
            " program: install that version, then restore"
        )
    found = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
    if found - {_MANIFEST} != set(manifest.members):
        raise _damaged(source, "files are missing, or there are others")
    for name, member in manifest.members.items():
        if _member(folder / name) != member:
            raise _damaged(source, f"{name} is not what was written")
    (folder / _MANIFEST).unlink()
    return manifest


def _damaged(source: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"{source} is no backup, or it is damaged ({reason}): nothing was restored; take another"
    )


def _member(file: Path) -> Member:
    return Member(file.stat().st_size, digest_of(file))


def _anonymous(found: tarfile.TarInfo) -> tarfile.TarInfo:
    # Its owner here means nothing elsewhere.
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    found.mode = _PRIVATE
    return found


_TRIES = 5
_MODELS, _ARCHIVE = "models", "archive"

Show = Callable[[str], object]


# A server goes on while a backup is made. Models are linked first, then the database is copied: so
# what the copy names is there, and no model knows an event that the copy has not. What was deleted
# or joined between the two is linked again, or all is begun anew.
class _Moved(Exception):
    """Something that the copy of the database names was deleted meanwhile."""


def back_up(
    settings: Settings,
    adapters: Adapters,
    target: Path,
    now: Callable[[], int],
    *,
    with_archive: bool = True,
    show: Show = lambda _step: None,
) -> Manifest:
    """Write a backup into a new file; every event that was acknowledged before is in it."""
    # Before all that takes long.
    check_new(target)
    artefacts.sweep_drafts(settings.data_dir)  # left by a backup that was killed
    archive = _local_archive(settings) if with_archive else None
    for _ in range(_TRIES):
        with artefacts.new_draft(settings.data_dir) as staging:
            try:
                manifest = _collect(settings, adapters, staging, archive, now, show)
            except _Moved:
                continue
            show("writing the file")
            return pack(staging, manifest, target)
    raise errors.StorageUnavailable(
        "models or archived objects were deleted again and again while they were copied: try again"
        " when no retraining and no compaction runs"
    )


def _collect(
    settings: Settings,
    adapters: Adapters,
    staging: Path,
    archive: Path | None,
    now: Callable[[], int],
    show: Show,
) -> Manifest:
    """Gather everything, and say what it is, as the copy of the database has it."""
    show("models")
    for location in adapters.artefacts.locations(""):
        _export(adapters, staging, location)
    if archive is not None:
        _link_tree(archive, staging / _ARCHIVE)
    show("database")
    made_at = now()
    with copies.copied(adapters.database, settings.database, staging) as database:
        manifest = Manifest(
            program=__version__,
            revision=REVISION,
            made_at=iso(made_at),
            head=EventLog(database).head(),
            events=EventLog(database).count(),
            models=_keep_named(settings, adapters, database, staging),
            has_archive=archive is not None,
        )
        if archive is not None:
            _link_tree(archive, staging / _ARCHIVE)
            _check_archive(archive, database, staging)
    root = root_key_file(settings)
    if root.is_file():
        shutil.copyfile(root, staging / ROOT_KEY_FILE)
    return manifest


def _export(adapters: Adapters, staging: Path, location: str) -> bool:
    """Export an artefact, if it is not there yet; False if it is missing or damaged."""
    folder = staging / _MODELS / location
    if folder.is_dir():
        return True
    folder.mkdir(parents=True)
    try:
        adapters.artefacts.export(location, folder)
    except errors.CorruptArtefact:
        shutil.rmtree(folder)
        return False
    return True


def _keep_named(settings: Settings, adapters: Adapters, database: Database, staging: Path) -> int:
    """Keep the models that the database names, and add new ones; return their number."""
    versions = list(Registry(Resources(database)).all(SolutionVersion))
    artefacts = {one.artefact for one in versions if one.artefact is not None}
    wanted = set(artefacts)
    if settings.artefact_url:  # the database lists what there is, newer counts as well
        wanted |= set(ArtefactIndex(database).locations(""))
    names = {one.name for one in versions}
    for location in sorted(wanted):
        if not _export(adapters, staging, location):
            named = {one.artefact for one in adapters.registry.all(SolutionVersion)}
            if location not in named:  # it was deleted after the copy was made
                raise _Moved
            raise errors.CorruptArtefact(
                f"the model in {location} is missing or damaged, and a backup must be whole:"
                " `pawsonalize doctor` says what needs attention"
            )
    for folder in sorted((staging / _MODELS).glob("*")):
        counts = RefreshedCounts.is_at(folder.name) and RefreshedCounts.at(folder.name)
        if folder.name not in wanted and not (counts and counts.version in names):
            shutil.rmtree(folder)
    return len(artefacts)


def _local_archive(settings: Settings) -> Path | None:
    # A bucket, or a folder elsewhere, is the operator's to copy.
    folder = Path(settings.archive)
    is_inside = folder.is_absolute() and folder.is_relative_to(settings.data_dir.absolute())
    return folder if is_inside and "://" not in settings.archive else None


def _link_tree(source: Path, target: Path) -> None:
    """Link what is not linked yet."""
    # Half-written files, which begin with a dot, are left out.
    for file in source.rglob("*"):
        linked = target / file.relative_to(source)
        if file.name.startswith(".") or linked.exists() or not file.is_file():
            continue
        linked.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # joined into a larger one at this moment
            artefacts.link(file, linked)


def _check_archive(archive: Path, database: Database, staging: Path) -> None:
    """Have every object as the database lists it; _Moved if one is another by now."""
    for segment in ArchiveLedger(database).segments():
        if segment.sha256 is None:
            continue
        linked = staging / _ARCHIVE / segment.key
        if _has(linked, segment.sha256):
            continue
        linked.unlink(missing_ok=True)
        linked.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            artefacts.link(archive / segment.key, linked)
        if not _has(linked, segment.sha256):
            raise _Moved


def _has(file: Path, digest: str) -> bool:
    return file.is_file() and artefacts.digest_of(file) == digest


def restore(settings: Settings, source: Path, show: Show = lambda _step: None) -> Manifest:
    """Bring a backup into an empty data folder and database; Conflict if they are not."""
    folder = settings.data_dir.absolute()
    _refuse_used(settings, folder)
    made = not folder.exists()
    make_data_folder(folder, settings.data_access)
    try:
        with artefacts.new_draft(settings.data_dir) as staging:
            show("checking the file")
            manifest = unpack(source, staging)
            _check_fits(settings, manifest)
            _bring_back(settings, manifest, staging, show)
    # After Ctrl-C as well: an empty folder would be in the way of the next try.
    except BaseException:
        if made:
            with suppress(OSError):  # something of it is there already
                folder.rmdir()
        raise
    return manifest


def _refuse_used(settings: Settings, folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.Conflict(
            f"{folder} is not empty, and a restore writes over nothing: name another folder with"
            " --data-dir, or take away what is there with `pawsonalize destroy`"
        )
    if not settings.database_url:
        return
    try:
        found = Database(settings.database_url, must_exist=True)
    except errors.NotFound:
        return
    shown = found.shown_url
    found.close()
    raise errors.Conflict(
        f"the database {shown} is in use, and a restore writes over nothing: name an empty one in"
        " database_url"
    )


def _check_fits(settings: Settings, manifest: Manifest) -> None:
    if manifest.revision > REVISION:
        raise errors.InvalidInput(
            f"this backup was made by Pawsonalize {manifest.program}, whose tables this program"
            f" ({__version__}) does not know: install that version, then restore"
        )
    is_of_sqlite = copies.SQLITE_COPY in manifest.members
    if is_of_sqlite is settings.database.startswith("sqlite"):
        return
    kind, wanted = ("SQLite", "leave database_url out")
    if not is_of_sqlite:
        kind, wanted = ("PostgreSQL", "name an empty PostgreSQL in database_url")
    raise errors.InvalidInput(f"this backup is of a {kind} database: {wanted}")


def _bring_back(settings: Settings, manifest: Manifest, staging: Path, show: Show) -> None:
    """Put everything in its place."""
    show("database")
    # A SQLite file comes last: without it there is no service.
    url = settings.database
    if copies.POSTGRES_COPY in manifest.members:
        copies.restore_postgres(url, staging / copies.POSTGRES_COPY)
    else:
        url = f"sqlite:///{staging / copies.SQLITE_COPY}"
    database = Database(url, must_exist=True)
    try:
        forget_processes(database)
        show("models")
        artefacts = open_artefacts(settings, database)
        for model in sorted((staging / _MODELS).glob("*")):
            artefacts.bring_back(model.name, model)
        staged = staging / _ARCHIVE
        # The archive would use their names again, for other events.
        newer = set(unknown_objects(ArchiveLedger(database), open_objects(str(staged))))
        objects = open_objects(settings.archive, settings.archive_kms_key)
        for file in sorted(staged.rglob("*")):
            key = file.relative_to(staged).as_posix()
            if file.is_file() and key not in newer:
                objects.put(key, file.read_bytes())
    finally:
        database.close()
    if (staging / ROOT_KEY_FILE).is_file():
        (staging / ROOT_KEY_FILE).rename(root_key_file(settings))
    if copies.SQLITE_COPY in manifest.members:
        place = Path(settings.database.removeprefix("sqlite:///"))
        if place.exists():
            raise errors.Conflict(f"the database {place} is there already: name another")
        sync(staging / copies.SQLITE_COPY)
        shutil.move(staging / copies.SQLITE_COPY, place)
        sync(place.parent)


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

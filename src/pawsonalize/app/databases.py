"""The places that settings name: database, models, root key, and the tables of reports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.app.ports import ARTEFACTS
from pawsonalize.app.settings import Settings
from pawsonalize.core.database import data_folder
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, NotFound, StorageUnavailable
from pawsonalize.core.event import EventTypes
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.access_keys import ROOT_KEY_BYTES, RootKeyFile
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from pawsonalize.resources.kind import Resource

if TYPE_CHECKING:
    from pawsonalize.recommend.animals.eligibility import Postcodes
    from pawsonalize.reports.outcomes_report import OutcomeSources


# With several machines all but the data folder is shared, and that holds only what may be lost.
def made_database(settings: Settings) -> Database:
    """Open the database; data folder and database are made if need be."""
    data_folder.make_data_folder(settings.data_dir.absolute(), settings.data_access)
    _refuse_emptied(settings)
    return _database(settings)


def _database(settings: Settings, *, must_exist: bool = False) -> Database:
    return Database(
        settings.database, must_exist=must_exist, connections=settings.database_connections
    )


def _refuse_emptied(settings: Settings) -> None:
    """Refuse a database file without a byte, though models were trained on it."""
    # To make tables in it would look like a new, healthy service.
    file = settings.data_dir.absolute() / data_folder.DATABASE_FILE
    if settings.database_url or not file.is_file() or file.stat().st_size:
        return
    if settings.models_dir.is_dir() and any(settings.models_dir.iterdir()):
        raise StorageUnavailable(
            f"the database {file} is damaged: it is empty, though models were trained on it. Bring"
            " the file back from a copy, or delete it, rebuild the events with `pawsonalize archive"
            " replay` and import items and animals again"
        )


def existing_database(settings: Settings) -> Database:
    """Open the database; NotFound, with the folder, if there is none."""
    folder = settings.data_dir.absolute()
    move = (
        "name the right one with --data-dir or PAWSONALIZE_DATA_DIR, or fill a new one with"
        " `pawsonalize import` or `pawsonalize demo`"
    )
    with data_folder.folder_errors(folder):
        if settings.database_url:
            data_folder.check_data_folder(folder)
        elif not folder.is_dir():
            raise NotFound(f"there is no data folder {folder}: {move}")
        _refuse_emptied(settings)
    try:
        return _database(settings, must_exist=True)
    except NotFound as error:
        where = "" if settings.database_url else f" (the data folder is {folder})"
        raise NotFound(f"{error.message}{where}: {move}") from error


def outcome_tables(database: Database, event_types: EventTypes) -> "OutcomeSources":
    """Return the tables of outcomes reports."""
    # Few commands report, and this takes long to import.
    from pawsonalize.reports.outcomes_report import OutcomeSources  # noqa: PLC0415

    return OutcomeSources(
        Impressions(database), Animals(database), EventLog(database, event_types=event_types)
    )


@contextmanager
def opened_outcome_tables(settings: Settings) -> Iterator["OutcomeSources"]:
    """Open the tables of outcomes reports, in a database that exists, while the block runs."""
    database = _database(settings, must_exist=True)
    try:
        yield outcome_tables(database, EventTypes.with_added(settings.event_types))
    finally:
        database.close()


def open_artefacts(settings: Settings, database: Database) -> ArtefactStore:
    """Open the store of models: one that machines share, or a folder of this machine."""
    shared = ARTEFACTS(settings, database)
    if shared is None and settings.artefact_url:
        raise InvalidInput(
            "artefact_url names a place that machines share, and this installation has no plugin"
            " fleet: leave it out, or install one that has",
            field="artefact_url",
        )
    return FolderArtefacts(settings.models_dir) if shared is None else shared


def root_key_source(settings: Settings) -> Callable[[bool], bytes]:
    """Return the source of the root key of access keys; called with True, it may make one."""
    given = settings.access_key_root
    if not given and settings.artefact_url:
        return partial(_refuse, settings)
    if not given:
        return RootKeyFile(root_key_file(settings))
    try:
        root = bytes.fromhex(given)
    except ValueError:
        root = b""
    if len(root) != ROOT_KEY_BYTES:
        raise InvalidInput("access_key_root must be 64 hexadecimal digits")
    return lambda _make: root


def check_shared(settings: Settings) -> None:
    """Raise InvalidInput if machines share models, and the root key would lie on one alone."""
    if settings.artefact_url and settings.requires_keys and not settings.access_key_root:
        _refuse(settings, True)


def find_local_data(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what would be lost with this machine's data folder, each with the next move."""
    if not settings.database_url:
        move = "set database_url to a PostgreSQL that every machine reaches"
        yield "the database is a file of this machine", move
    if not settings.access_key_root and root_key_file(settings).exists():
        move = f"set access_key_root to what {root_key_file(settings).absolute()} has"
        yield "the root key of the access keys is a file of this machine", move
    archive = Path(settings.archive)
    if archive.is_absolute() and archive.is_relative_to(settings.data_dir.absolute()):
        yield f"the archive is {archive}", "set archive_url to a bucket, or leave it out"


def _refuse(settings: Settings, _make: bool) -> bytes:
    file = root_key_file(settings)
    wanted = (
        f"what {file.absolute()} has" if file.exists() else "what `openssl rand -hex 32` prints"
    )
    raise InvalidInput(
        "with artefact_url the root key of the access keys must not lie in a data folder: set"
        f" PAWSONALIZE_ACCESS_KEY_ROOT to {wanted}, the same on every machine",
        field="access_key_root",
    )


def root_key_file(settings: Settings) -> Path:
    """Return the file of the root key of access keys, used if it is no setting."""
    return settings.data_dir / data_folder.ROOT_KEY_FILE


def load_postcodes(settings: Settings) -> "Postcodes":
    """Return the operator's postcode table; empty without one."""
    from pawsonalize.recommend.animals.postcodes import read_postcodes  # noqa: PLC0415

    if not settings.postcode_table:
        return {}
    try:
        table = Path(settings.postcode_table).read_bytes()
        return read_postcodes(table, settings.postcode_countries)
    except (OSError, UnicodeDecodeError, BadZipFile) as error:
        raise InvalidInput(f"cannot read the postcode table: {error}") from error


def read_reference(settings: Settings, text: str) -> tuple[type[Resource], str] | None:
    """Return kind and name of a resource by its ARN; None if the text is no ARN."""
    if not text.startswith("arn:"):
        return None
    from pawsonalize.aws.arn import Arns  # noqa: PLC0415

    return Arns(settings.aws_region, settings.aws_account_id).resource(text)

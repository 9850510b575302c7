"""The database that settings name: opened, and made where it may be."""

from pawsonalize.domain.errors import NotFound, StorageUnavailable
from pawsonalize.settings import Settings
from pawsonalize.storage.data_folder import (
    DATABASE_FILE,
    check_data_folder,
    folder_errors,
    make_data_folder,
)
from pawsonalize.storage.database import Database


def made_database(settings: Settings) -> Database:
    """Open the database; data folder and database are made if need be."""
    make_data_folder(settings.data_dir.absolute(), settings.data_access)
    _refuse_emptied(settings)
    return _database(settings)


def _database(settings: Settings, *, must_exist: bool = False) -> Database:
    return Database(
        settings.database,
        must_exist=must_exist,
        connections=settings.database_connections,
        read_url=settings.database_read_url,
    )


def _refuse_emptied(settings: Settings) -> None:
    """A database file without a byte, beside models that were trained on it, has lost its data.

    To make tables in it would look like a new, healthy service.
    """
    file = settings.data_dir.absolute() / DATABASE_FILE
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
    with folder_errors(folder):
        if settings.database_url:
            check_data_folder(folder)
        elif not folder.is_dir():
            raise NotFound(f"there is no data folder {folder}: {move}")
        _refuse_emptied(settings)
    try:
        return _database(settings, must_exist=True)
    except NotFound as error:
        where = "" if settings.database_url else f" (the data folder is {folder})"
        raise NotFound(f"{error.message}{where}: {move}") from error

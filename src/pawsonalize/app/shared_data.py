"""What machines share beside the database, so that a data folder holds only what may be lost."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pawsonalize.archive.objects import open_objects
from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.artefacts.folder import FolderArtefacts
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import Settings
from pawsonalize.storage.data_folder import ROOT_KEY_BYTES, ROOT_KEY_FILE, RootKeyFile
from pawsonalize.storage.database import Database
from pawsonalize.wing import offered


def open_artefacts(settings: Settings, database: Database) -> ArtefactStore:
    """Open the place of models: what machines share, or a folder of this machine."""
    shared: ArtefactStore | None = offered("artefacts", settings, database)
    if shared is None and settings.artefact_url:
        raise InvalidInput(
            "artefact_url names a place that machines share, and this installation has no wing"
            " fleet: leave it out, or install one that has",
            field="artefact_url",
        )
    return FolderArtefacts(settings.models_dir) if shared is None else shared


def root_key_of(settings: Settings) -> Callable[[bool], bytes]:
    """What gives the root key of access keys; it is told whether it may make one."""
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


def share_reports(settings: Settings, folder: Path) -> str:
    """Copy the reports in a folder to where machines share them; their URL, empty without one."""
    url = settings.shared_url("evaluation")
    if url:
        objects = open_objects(url)
        for file in sorted(folder.iterdir()):
            objects.replace(file.name, file)
    return url


def check_shared(settings: Settings) -> None:
    """InvalidInput that names a setting without which a machine would keep what is needed."""
    if settings.artefact_url and settings.requires_keys and not settings.access_key_root:
        _refuse(settings, True)


def kept_here(settings: Settings) -> Iterator[tuple[str, str]]:
    """What would be lost with this machine's data folder, and the next move."""
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
    """Where the root key of access keys lies if it is no setting."""
    return settings.data_dir / ROOT_KEY_FILE

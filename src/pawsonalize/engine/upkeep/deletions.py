"""Data deletion jobs: they erase users from the tables, the archive and the next model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.ingest.importing.csv_rows import CsvRow, CsvTable
from pawsonalize.engine.ingest.job_files import CSV, JSON_LINES, Sources
from pawsonalize.engine.resources.datasets import actions_of
from pawsonalize.engine.resources.defaults import DATASET_GROUP
from pawsonalize.engine.resources.jobs import DataDeletionJob
from pawsonalize.engine.resources.names import new_resource_name
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.upkeep.erasures import Erasure, Erasures, erase_archived
from pawsonalize.storage.archive_ledger import ArchiveLedger
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.storage.event_log import EventLog
from pawsonalize.storage.impressions import Impressions

_USERS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Deletions:
    """Erases users, and the answers to them.

    Models know them until they are trained again, in mode FULL; so do counts that a live model has
    taken in since its training.
    """

    registry: Registry
    sources: Sources
    log: EventLog
    catalogue: Catalogue
    impressions: Impressions
    objects: ObjectStore
    ledger: ArchiveLedger
    now: Callable[[], int]

    def erase_user(self, user_id: str, *, dataset_group: str = DATASET_GROUP) -> DataDeletionJob:
        """Store a job that erases the user; CREATE PENDING."""
        job = DataDeletionJob(
            name=new_resource_name("erase-user", self.now()),
            dataset_group=dataset_group,
            user_ids=(user_id,),
        )
        return self.registry.create(job, self.now())

    def check(self, job: DataDeletionJob) -> None:
        """InvalidInput for a location out of reach."""
        if job.source is not None:
            self.sources.files(job.source, CSV + JSON_LINES)

    def perform(self, job: DataDeletionJob) -> dict[str, Any]:
        """Erase the users; returns the changes of the job. A second call erases nothing more."""
        through = self.log.head()
        erasures = []
        deleted = 0
        for place, users in enumerate(self._users(job)):
            for of, group in enumerate((job.dataset_group, actions_of(job.dataset_group))):
                sessions = self.log.of(group).sessions_of(users)
                erasure = Erasure.of(group, through, users, sessions)
                name = f"{job.name}-{job.created_at}-{place:06d}-{of}"
                Erasures(self.objects).add(name, erasure)
                erasures.append(erasure)
                deleted += self.log.of(group).erase_users(users)
                deleted += self.catalogue.of(group).forget_users(users)
                self.impressions.of(group).erase_visitors(users, sessions)
        # Again and again: another server may be writing an object that it read before.
        while erase_archived(self.objects, self.ledger, erasures):
            pass
        return {"deleted": deleted, "user_ids": ()}

    def _users(self, job: DataDeletionJob) -> Iterator[list[str]]:
        if job.user_ids:
            yield list(job.user_ids)
        for file in self.sources.files(job.source, CSV + JSON_LINES) if job.source else ():
            users: list[str] = []
            with file.open() as stream:
                reading = _of_csv if file.name.lower().endswith(CSV) else _of_json_lines
                for user in reading(file.name, stream):
                    users.append(user)
                    if len(users) == _USERS_AT_ONCE:
                        yield users
                        users = []
            yield users


def _of_csv(name: str, stream: BinaryIO) -> Iterator[str]:
    table = CsvTable(stream)
    if "USER_ID" not in table.header:
        raise InvalidInput(f"{name} lacks the column USER_ID", field="USER_ID")
    place = table.header.index("USER_ID")
    for row in table.rows():
        if not isinstance(row, CsvRow):
            raise InvalidInput(f"{name}, line {row.line}: {row.reason}")
        yield parse_id(row.values[place].strip(), f"{name}, line {row.line}: USER_ID")


def _of_json_lines(name: str, stream: BinaryIO) -> Iterator[str]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        where = f"{name}, line {line}"
        try:
            given = msgspec.json.decode(text, type=Mapping[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{where}: must be a JSON object with a userId") from error
        yield parse_id(given.get("userId", given.get("USER_ID")), f"{where}: userId")

"""Solution versions, and the pointer each campaign has to one of them."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from pawsonalize.domain.errors import Conflict
from pawsonalize.storage.base import Campaign, SolutionVersion
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import campaigns, solution_versions
from pawsonalize.storage.sql.upsert import insert_new


class SqlCampaigns:
    """`Campaigns` on the solution_versions and campaigns tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_version(self, version: SolutionVersion) -> None:
        """See `Campaigns.add_version`."""
        with self._database.writing() as connection:
            if insert_new(connection, solution_versions, [asdict(version)]) == 0:
                raise Conflict(f"solution version {version.solution_version} exists already")

    def version(self, solution_version: str) -> SolutionVersion | None:
        """See `Campaigns.version`."""
        table = solution_versions
        wanted = select(table).where(table.c.solution_version == solution_version)
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else _version(row)

    def versions(self) -> list[SolutionVersion]:
        """See `Campaigns.versions`."""
        newest_first = select(solution_versions).order_by(
            solution_versions.c.created_at.desc(), solution_versions.c.solution_version.desc()
        )
        with self._database.reading() as connection:
            return [_version(row) for row in connection.execute(newest_first)]

    def campaign(self, name: str) -> Campaign | None:
        """See `Campaigns.campaign`."""
        with self._database.reading() as connection:
            row = connection.execute(select(campaigns).where(campaigns.c.name == name)).first()
        return None if row is None else Campaign(**row._mapping)

    def activate(self, campaign: Campaign, *, expected_revision: int) -> bool:
        """See `Campaigns.activate`."""
        row = asdict(campaign)
        with self._database.writing() as connection:
            if expected_revision == 0:
                return insert_new(connection, campaigns, [row]) == 1
            changed = (
                update(campaigns)
                .where(campaigns.c.name == campaign.name, campaigns.c.revision == expected_revision)
                .values(row)
            )
            return connection.execute(changed).rowcount == 1


def _version(row: Row[Any]) -> SolutionVersion:
    return SolutionVersion(**row._mapping)

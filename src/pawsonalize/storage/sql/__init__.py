"""The tables on SQLAlchemy Core: SQLite and PostgreSQL through one code path."""

from pawsonalize.storage.sql.animals import SqlAnimals
from pawsonalize.storage.sql.archive_ledger import SqlArchiveLedger
from pawsonalize.storage.sql.campaigns import SqlCampaigns
from pawsonalize.storage.sql.catalogue import SqlCatalogue
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.deliveries import SqlDeliveries
from pawsonalize.storage.sql.event_log import SqlEventLog
from pawsonalize.storage.sql.impressions import SqlImpressions

__all__ = [
    "Database",
    "SqlAnimals",
    "SqlArchiveLedger",
    "SqlCampaigns",
    "SqlCatalogue",
    "SqlDeliveries",
    "SqlEventLog",
    "SqlImpressions",
]

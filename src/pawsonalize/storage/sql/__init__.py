"""The tables on SQLAlchemy Core: SQLite and PostgreSQL through one code path."""

from pawsonalize.storage.sql.animal_exposures import SqlAnimalExposures
from pawsonalize.storage.sql.animals import SqlAnimals
from pawsonalize.storage.sql.archive_ledger import SqlArchiveLedger
from pawsonalize.storage.sql.catalogue import SqlCatalogue
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.deliveries import SqlDeliveries
from pawsonalize.storage.sql.event_log import SqlEventLog
from pawsonalize.storage.sql.impressions import SqlImpressions
from pawsonalize.storage.sql.outcomes import SqlOutcomes
from pawsonalize.storage.sql.problems import SqlProblems
from pawsonalize.storage.sql.resources import SqlResources
from pawsonalize.storage.sql.supply import SqlSupply
from pawsonalize.storage.sql.workflow_runs import SqlWorkflowRuns

__all__ = [
    "Database",
    "SqlAnimalExposures",
    "SqlAnimals",
    "SqlArchiveLedger",
    "SqlCatalogue",
    "SqlDeliveries",
    "SqlEventLog",
    "SqlImpressions",
    "SqlOutcomes",
    "SqlProblems",
    "SqlResources",
    "SqlSupply",
    "SqlWorkflowRuns",
]

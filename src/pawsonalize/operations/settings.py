"""Settings of retention: for how long stored data is kept."""

from typing import Annotated

from msgspec import Meta

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.limits import ConnectionLimits

Days = Annotated[int, Meta(ge=0, le=36_500)]


class IngestSettings(ConnectionLimits, frozen=True):
    """A part of the settings, see `app.settings`."""

    dead_letter_notice: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Notify when more than this share of what comes in cannot be taken; 1: never."""
    archive_raw: bool = True
    """True if the archive keeps each event also as it came in, with fields we do not know."""
    archive_kms_key: str = ""
    """The KMS key that encrypts the archive's objects in S3; empty: as the bucket says."""


class RetentionSettings(IngestSettings, frozen=True):
    """A part of the settings, see `app.settings`; each is a number of days or of versions."""

    event_days: Days = 0
    """Events are in the table for so many days, and longer in the archive alone; 0: for ever."""
    archive_days: Days = 0
    """Archived events are kept for so many days, at least as many as `event_days`; 0: for ever."""
    impression_days: Days = 180
    """Answers are kept for so many days, to learn what was shown and chosen; 0: for ever."""
    keep_versions: Annotated[int, Meta(ge=0)] = 14
    """So many of a solution's newest versions are kept, and those that are needed; 0: all."""
    job_days: Days = 90
    """Records of jobs are deleted so many days after they ended; 0: never."""
    run_retention_days: Annotated[int, Meta(ge=1)] = 365
    """Records of older retrainings are deleted."""
    export_days: Days = 0
    """Files in `exports` of the data folder are deleted after so many days; 0: never."""
    usage_days: Annotated[int, Meta(ge=1)] = 400
    """Days for which the usage of each dataset group is kept."""
    import_days: Days = 0
    """Files in `imports` of the data folder are deleted after so many days; 0: never."""

    def __post_init__(self) -> None:
        """Refuse an archive that is to be gone before the events it is to keep."""
        ConnectionLimits.__post_init__(self)
        if self.archive_days and not 0 < self.event_days <= self.archive_days:
            raise InvalidInput(
                f"archive_days is {self.archive_days}, and event_days {self.event_days}:"
                " archive_days must be at least event_days, which must not be 0: the archive keeps"
                " what the table has",
                field="archive_days",
            )

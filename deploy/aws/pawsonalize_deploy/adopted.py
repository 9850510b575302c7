"""What exists already, and is used instead of made."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields

from pawsonalize_deploy.settings import DeploySettings


@dataclass(frozen=True, slots=True)
class Adopted:
    """Values of Parameter Store entries that exist and are not the stack's own; None: made here."""

    key_arn: str | None = None
    archive_bucket: str | None = None
    seed_bucket: str | None = None
    logs_bucket: str | None = None
    stream: str | None = None

    def listed(self) -> list[str]:
        """Each as a line for people."""
        return [
            f"{one.name.replace('_', ' ')}: {value}"
            for one in fields(self)
            if (value := getattr(self, one.name)) is not None
        ]


NOTHING = Adopted()
"""A first deployment."""


def paths(settings: DeploySettings) -> dict[str, str]:
    """The parameter of each thing that may exist."""
    return {
        "key_arn": settings.key_arn_path,
        "archive_bucket": settings.s3_name_ssm_path,
        "seed_bucket": settings.s3_seed_name_ssm_path,
        "logs_bucket": settings.logs_name_ssm_path,
        "stream": settings.kinesis_stream_name_ssm_path,
    }


def find_adopted(
    settings: DeploySettings, parameter: Callable[[str], str | None], own: Collection[str]
) -> Adopted:
    """What the parameters name that is not among `own`, the physical ids of the stack's resources.

    `parameter` answers an entry's value, None without one.
    """
    found = {name: parameter(path) for name, path in paths(settings).items()}
    return Adopted(
        **{
            name: value
            for name, value in found.items()
            # A key's physical id is the end of its ARN.
            if value is not None and value.rpartition("/")[2] not in own
        }
    )

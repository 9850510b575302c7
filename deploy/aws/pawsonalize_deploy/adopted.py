"""What exists already, and is used instead of made."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Adopted:
    """Values of Parameter Store entries that exist and are not the stack's own; None: made here."""

    key_arn: str | None = None
    archive_bucket: str | None = None
    seed_bucket: str | None = None
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

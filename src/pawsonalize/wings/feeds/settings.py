"""Settings of feeds."""

import msgspec


class FeedSettings(msgspec.Struct, frozen=True):
    """The feeds that the service fetches."""

    feeds_file: str = ""
    """A YAML file of feeds that are fetched from their addresses on a schedule; empty: none."""

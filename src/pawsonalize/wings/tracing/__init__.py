"""Spans of requests, by OpenTelemetry."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.wing import Wing


class TracingSettings(msgspec.Struct, frozen=True):
    """Where traces are sent."""

    traces_url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Where OpenTelemetry traces go, such as `http://127.0.0.1:4318/v1/traces`; empty: nowhere."""


WING = Wing(
    "tracing",
    settings=":TracingSettings",
    middleware="tracing:MIDDLEWARE",
    started="tracing:tracing",
    usable="tracing:USABLE",
)

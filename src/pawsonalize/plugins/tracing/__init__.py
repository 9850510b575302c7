"""Spans of requests, by OpenTelemetry."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core.plugin import Plugin


class TracingSettings(msgspec.Struct, frozen=True):
    """Settings of tracing."""

    traces_url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    """Address for OpenTelemetry traces, such as `http://127.0.0.1:4318/v1/traces`; empty: none."""


PLUGIN = Plugin(
    "tracing",
    settings=":TracingSettings",
    middleware="tracing:MIDDLEWARE",
    started="tracing:tracing",
    usable="tracing:USABLE",
)

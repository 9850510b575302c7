"""Retrainings over HTTP; nobody works on them here, so they stay as they begin."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pawsonalize.app import build_app
from pawsonalize.http.services import Services
from tests.service_data import make_service


class Nobody:
    """A server's worker processes, of which it has none."""

    def look(self, now: int) -> None: ...

    def stop(self) -> None: ...



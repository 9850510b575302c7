"""Log lines for people and for machines."""

import json
from collections.abc import Iterator

import pytest
import structlog

from pawsonalize.core.logs import configure_logs
from pawsonalize.plugins.notifications.notifiers import LogNotifier
from tests.plugins.notifications.receivers import NEWS


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    log = structlog.get_logger()
    log.debug("looked")
    log.info("step done", step="evaluate")
    LogNotifier().send(NEWS)
    log.warning("impressions lost", count=2)
    return capsys.readouterr().err.splitlines()


def test_people_read_a_notification_in_words_and_machines_with_its_details(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("console", "info")
    _, news, _ = said(capsys)
    assert NEWS.subject in news
    assert "details" not in news
    configure_logs("json", "info")
    _, news, _ = said(capsys)
    assert json.loads(news)["details"] == NEWS.details


def test_a_quiet_log_has_news_and_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "info", only_news=True)
    news, warning = said(capsys)
    assert NEWS.subject in news
    assert "impressions lost" in warning


def test_whoever_debugs_gets_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "debug", only_news=True)
    assert len(said(capsys)) == 4

"""Settings of the engine that contradict each other are refused in one clear line."""

from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.configuration import unusable
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize_remote_amazon.groups import AmazonNames, fitting


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"recipe": "trending-now"}, "does not train for us"),
        (
            {"amazon_recommender_solution": "one", "amazon_reranker_solution": "one"},
            "one solution cannot do both",
        ),
        (
            {"amazon_recommender_campaign": "one", "amazon_reranker_campaign": "one"},
            "one campaign cannot do both",
        ),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Settings.of(engine="amazon-personalize", **given)
    Settings.of(**given)  # with our own engine they mean nothing


def test_a_service_that_would_ask_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PERSONALIZE", "http://localhost:8080/aws")
    settings = Settings.of(engine="amazon-personalize", amazon_region="eu-west-1")
    assert any("this very service" in line for line in unusable(settings))


def test_an_unknown_region_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = Settings.of(engine="amazon-personalize")
    assert any("set amazon_region" in line for line in unusable(settings))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert list(unusable(settings)) == []


def test_what_is_not_named_is_called_after_ours() -> None:
    names = AmazonNames("arn:aws:personalize:eu-west-1:1:dataset-group/pets", solutions={"a": "x"})
    assert names.solution("a") == "x"
    assert names.campaign("a") == "pets-a"


def test_names_that_are_too_long_there_stay_different() -> None:
    one, other = fitting("v" * 80 + "1"), fitting("v" * 80 + "2")
    assert len(one) == len(other) == 63
    assert one != other
    assert fitting("short") == "short"

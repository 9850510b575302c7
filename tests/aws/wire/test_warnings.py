"""What is taken without effect is said in headers, and in a list of what describes it."""

from typing import Any

import httpx
import pytest

from tests.aws.wire.made import RECIPE
from tests.aws.wire.server import GROUP, Wire

_RANGE = {"name": "hidden_dimension", "minValue": 32.0, "maxValue": 64.0}
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({"performAutoTraining": False}, []),
    "hyperparameter": (
        {"solutionConfig": {"algorithmHyperParameters": {"bptt": "29", "half_life_days": "7"}}},
        ["bptt: no model"],
    ),
    "range": (
        {
            "performHPO": True,
            "solutionConfig": {
                "hpoConfig": {
                    "algorithmHyperParameterRanges": {"continuousHyperParameterRanges": [_RANGE]}
                }
            },
        },
        ["hidden_dimension: its range"],
    ),
}


def _said(answer: dict[str, Any]) -> str:
    headers: dict[str, str] = answer["ResponseMetadata"]["HTTPHeaders"]
    return headers.get("x-pawsonalize-warning", "")


@pytest.mark.parametrize("case", CASES)
def test_a_solution_is_answered_with_what_does_nothing(wire: Wire, case: str) -> None:
    members, words = CASES[case]
    made = wire.personalize.create_solution(
        name=case, datasetGroupArn=GROUP, recipeArn=f"{RECIPE}aws-popularity-count", **members
    )
    shown = wire.personalize.describe_solution(solutionArn=made["solutionArn"])
    raw = httpx.post(
        wire.url,
        json={"solutionArn": made["solutionArn"]},
        headers={"x-amz-target": "AmazonPersonalize.DescribeSolution"},
    ).json()
    assert raw.get("warnings", []) == [one for one in _said(shown).split(", ") if one]
    for answer in (made, shown):
        said = [one for one in _said(answer).split(", ") if one]
        assert len(said) == len(words)
        assert all(one.startswith(word) for one, word in zip(said, words, strict=True))


def test_a_key_of_kms_does_nothing(wire: Wire) -> None:
    made = wire.personalize.create_dataset_group(
        name="locked", kmsKeyArn="arn:aws:kms:eu-central-1:123456789012:key/a"
    )
    assert _said(made).startswith("kmsKeyArn")

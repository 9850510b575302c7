"""Lists by boto3: what callers made, without what every installation has."""

from pathlib import Path
from typing import Any

import pytest

from tests.aws.wire import made
from tests.aws.wire.server import GROUP, served

LISTS = {
    "list_dataset_groups": "datasetGroups",
    "list_datasets": "datasets",
    "list_schemas": "schemas",
    "list_event_trackers": "eventTrackers",
    "list_solutions": "solutions",
    "list_solution_versions": "solutionVersions",
    "list_campaigns": "campaigns",
}


def listed(personalize: Any, **parent: str) -> dict[str, list[str]]:
    return {
        member: [one["name"] for one in getattr(personalize, call)(**parent)[member]]
        for call, member in LISTS.items()
        if not parent or call in {"list_datasets", "list_event_trackers", "list_solutions"}
    }


@pytest.mark.parametrize("shown", [False, True])
def test_lists_have_what_every_installation_has_only_if_they_shall(
    tmp_path: Path, shown: bool
) -> None:
    with served(tmp_path, aws_lists_defaults=shown) as wire:
        personalize = wire.personalize
        made.shop(wire)
        found = listed(personalize)
        assert ("pawsonalize" in found["datasetGroups"]) is shown
        assert ("recommender" in found["campaigns"]) is shown
        assert sorted(found["schemas"])[-2:] == ["shop-Interactions", "shop-Items"]
        if not shown:
            assert found["datasetGroups"] == ["shop"]
            assert len(found["datasets"]) == len(found["schemas"]) == 2
            assert found["solutions"] == found["campaigns"] == found["eventTrackers"] == []
        inside = listed(personalize, datasetGroupArn=GROUP)
        assert len(inside["datasets"]) == 3
        assert sorted(inside["solutions"]) == ["recommender", "reranker"]
        campaign = GROUP.replace("dataset-group/pawsonalize", "campaign/recommender")
        assert personalize.describe_campaign(campaignArn=campaign)["campaign"]

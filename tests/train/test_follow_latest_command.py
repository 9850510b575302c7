"""What the process does that asks the gate for campaigns that follow their solution."""

from pathlib import Path

import msgspec
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.train.commands.processes import follow_latest
from tests.event_data import T0
from tests.service_data import make_service

LENIENT = {"GATE_PROFILE": "reference", "PROMOTION_THRESHOLD": "0"}


@pytest.mark.parametrize(
    ("gate", "asked_for"), [({}, None), (LENIENT, "v1")], ids=["too few test cases", "good enough"]
)
def test_where_the_gate_is_asked_a_campaign_follows_only_what_it_promotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: dict[str, str], asked_for: str | None
) -> None:
    settings = make_service(tmp_path / "data", train=False)
    with opened(settings) as adapters:
        follows = msgspec.structs.replace(
            adapters.campaigns.get("recommender"), follows_latest=True
        )
        adapters.registry.update(follows, T0)
        adapters.versions.create("recommender", as_of=T0 + 1000, now=T0, name="v1")
        adapters.trainer.train("v1")
    told = {"DATA_DIR": str(settings.data_dir), "CAMPAIGN_SYNC_GATED": "true", **gate}
    for name, value in told.items():
        monkeypatch.setenv(f"PAWSONALIZE_{name}", value)
    with opened(settings) as adapters, adapters.leases.for_child("follow-latest") as lease:
        assert lease is not None
        follow_latest(lease.token)
    with opened(settings) as adapters:
        campaign = adapters.registry.get(Campaign, "recommender")
    assert campaign.followed == "v1"
    update = campaign.latest_update
    assert (None if update is None else update.solution_version) == asked_for

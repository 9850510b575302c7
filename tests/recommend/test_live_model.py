"""What a campaign serves, before, during and after an update."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import CorruptArtefact, NotReady, StorageUnavailable
from pawsonalize.core.work.tasks import attempt
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.contract import Context
from pawsonalize.recommend.campaigns import follow_campaign
from pawsonalize.recommend.exploration import Exposure
from pawsonalize.recommend.live_model import LiveModel, Loader, ServingSettings
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from tests.event_data import T0
from tests.releases import Release


@pytest.fixture
def other(registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore) -> LiveModel:
    """Another worker."""
    return LiveModel("recommender", campaigns, Loader(registry, artefacts), ServingSettings())


def serves(live: LiveModel) -> tuple[str, tuple[str, ...]]:
    return live.current.version.name, live.current.model.item_ids


def update_of(campaigns: Campaigns) -> tuple[Status, str | None]:
    update = campaigns.get("recommender").latest_update
    assert update is not None
    return update.status, update.failure_reason


def test_without_a_campaign_nothing_is_live(live: LiveModel) -> None:
    assert not live.refresh(T0)
    assert not live.is_ready
    with pytest.raises(NotReady, match="pawsonalize train"):
        _ = live.current


def test_a_campaigns_version_is_loaded_once(live: LiveModel, release: Release) -> None:
    release("v1", "a")
    assert live.refresh(T0)
    assert serves(live) == ("v1", ("a",))
    served = live.current
    assert not live.refresh(T0)
    assert live.current is served


def test_an_update_swaps_the_model_and_who_holds_the_old_one_keeps_it(
    live: LiveModel, release: Release
) -> None:
    release("v1", "a")
    live.refresh(T0)
    held = live.current
    release("v2", "b")
    assert live.refresh(T0)
    assert serves(live) == ("v2", ("b",))
    assert held.model.score(Context((), T0), ["a"])[0] > 0


def test_workers_follow_the_one_that_settled_the_update(
    live: LiveModel, other: LiveModel, release: Release, campaigns: Campaigns
) -> None:
    release("v1", "a")
    assert live.refresh(T0)
    settled = campaigns.get("recommender")
    assert other.refresh(T0 + 1)
    assert serves(other) == serves(live)
    assert campaigns.get("recommender") == settled, "the follower has nothing to say"


def test_a_rollback_loads_nothing_not_even_in_a_worker_that_came_later(
    live: LiveModel,
    other: LiveModel,
    release: Release,
    campaigns: Campaigns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
    other.refresh(T0)
    campaigns.rollback("recommender", T0)
    monkeypatch.delattr(FolderArtefacts, "load")
    for worker in (live, other):
        assert worker.refresh(T0)
        assert serves(worker) == ("v1", ("v1",))


def damage(folder: Path, version: str) -> bytes:
    """Break a model's card; returns what was in it."""
    card = folder / "models" / version / "card.json"
    whole = card.read_bytes()
    card.write_bytes(b"broken")
    return whole


def test_a_worker_that_starts_with_a_damaged_model_serves_the_version_before_until_it_is_whole(
    live: LiveModel, other: LiveModel, release: Release, tmp_path: Path
) -> None:
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
    whole = damage(tmp_path, "v2")
    assert other.refresh(T0), "it serves another version than before: none"
    assert serves(other) == ("v1", ("v1",))
    assert other.fault is not None
    assert "the model of v2 cannot be used" in other.fault
    assert "v1 serves instead" in other.fault
    assert "pawsonalize train" in other.fault
    assert serves(live) == ("v2", ("v2",)), "who has it in memory goes on"
    assert live.fault is None
    (tmp_path / "models" / "v2" / "card.json").write_bytes(whole)
    assert not other.refresh(T0 + 9_999), "it is not read again all the time"
    assert other.refresh(T0 + 10_000)
    assert serves(other) == ("v2", ("v2",))
    assert other.fault is None


def test_a_newer_version_takes_the_place_of_a_damaged_one(
    live: LiveModel, other: LiveModel, release: Release, tmp_path: Path
) -> None:
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
    damage(tmp_path, "v2")
    other.refresh(T0)
    release("v3", "v3")
    assert other.refresh(T0 + 1)
    assert serves(other) == ("v3", ("v3",))
    assert other.fault is None


def test_where_the_version_before_is_damaged_too_the_reason_of_the_live_one_is_raised(
    live: LiveModel, other: LiveModel, release: Release, tmp_path: Path
) -> None:
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
        damage(tmp_path, name)
    with pytest.raises(CorruptArtefact, match="v2"):
        other.refresh(T0)
    assert other.fault is not None
    assert "nothing is served" in other.fault


def test_an_update_that_failed_is_a_fault_until_another_is_asked_for(
    live: LiveModel, other: LiveModel, release: Release, tmp_path: Path
) -> None:
    release("v1", "a")
    live.refresh(T0)
    release("v2", "b")
    damage(tmp_path, "v2")
    with pytest.raises(CorruptArtefact):
        live.refresh(T0)
    for worker in (live, other):
        worker.refresh(T0)
        assert worker.fault is not None
        assert "the update to v2 failed" in worker.fault
        assert "v1 goes on" in worker.fault
    release.ask_for("v1")
    for worker in (live, other):
        worker.refresh(T0)
        assert worker.fault is None


def test_counts_that_cannot_be_used_are_a_fault_and_the_older_ones_serve(
    live: LiveModel, release: Release, tmp_path: Path
) -> None:
    release("v1", "a")
    live.refresh(T0)
    (tmp_path / "models" / f"v1.counts-{5:020}-{T0}").mkdir()
    live.refresh(T0 + 1)
    assert serves(live) == ("v1", ("a",))
    assert live.fault is not None
    assert "the newest counts of v1 cannot be used" in live.fault
    release("v2", "b")
    live.refresh(T0 + 2)
    assert live.fault is None


def test_an_update_that_was_called_off_is_no_fault(
    live: LiveModel, release: Release, campaigns: Campaigns
) -> None:
    release("v1", "a")
    live.refresh(T0)
    release("v2", "b")
    campaigns.rollback("recommender", T0)
    live.refresh(T0)
    assert live.fault is None


@pytest.mark.parametrize("file", ["card.json", "SHA256SUMS", "*.npy"])
def test_a_corrupt_new_artefact_keeps_the_old_one_serving_and_the_update_says_why(
    live: LiveModel,
    other: LiveModel,
    release: Release,
    campaigns: Campaigns,
    tmp_path: Path,
    file: str,
) -> None:
    release("v1", "a")
    live.refresh(T0)
    release("v2", "b")
    next((tmp_path / "models" / "v2").glob(file)).write_bytes(b"\x93NUMPY")
    with pytest.raises(CorruptArtefact):
        live.refresh(T0)
    status, reason = update_of(campaigns)
    assert status is Status.CREATE_FAILED
    assert reason is not None
    assert "v2" in reason
    for worker in (live, other):
        worker.refresh(T0)
        assert serves(worker) == ("v1", ("a",))
    release("v3", "c")
    assert live.refresh(T0), "a good one is taken again"


def test_a_model_that_is_not_what_its_version_says_is_not_served(
    live: LiveModel, release: Release, campaigns: Campaigns
) -> None:
    release("v1", "a", recipe="user-personalization")
    with pytest.raises(CorruptArtefact):
        live.refresh(T0)
    release("v2", "a", recipe="from the future")
    with pytest.raises(CorruptArtefact, match="no recipe from the future"):
        live.refresh(T0)
    assert update_of(campaigns)[0] is Status.CREATE_FAILED
    assert not live.is_ready


def test_a_model_whose_scores_are_no_numbers_is_not_served(
    live: LiveModel, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pawsonalize.models.recipes.popularity_count import PopularityCountModel

    release("v1", "a")
    monkeypatch.setattr(
        PopularityCountModel, "score_catalogue", lambda self, context: np.array([np.nan])
    )
    with pytest.raises(CorruptArtefact, match="no finite numbers"):
        live.refresh(T0)


def test_the_server_follows_on_whatever_a_refresh_runs_into(
    live: LiveModel, release: Release, campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, location: str) -> None:
        raise RuntimeError("nobody foresaw this")

    release("v1", "a")
    with monkeypatch.context() as patch:
        patch.setattr(FolderArtefacts, "load", fail)
        attempt("follow", partial(follow_campaign, live))
    assert update_of(campaigns) == (Status.CREATE_FAILED, "nobody foresaw this")
    release.ask_for("v1")
    attempt("follow", partial(follow_campaign, live))
    assert serves(live) == ("v1", ("a",))


def test_tables_that_do_not_answer_decide_nothing(
    live: LiveModel, release: Release, campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, *arguments: object) -> None:
        raise StorageUnavailable("not now")

    release("v1", "a")
    with monkeypatch.context() as patch:
        patch.setattr(FolderArtefacts, "load", fail)
        attempt("follow", partial(follow_campaign, live))
    assert update_of(campaigns) == (Status.CREATE_PENDING, None)
    assert live.refresh(T0)


def test_a_campaign_that_names_a_lost_version_is_a_corrupt_one(
    live: LiveModel, registry: Registry
) -> None:
    campaign = registry.get(Campaign, "recommender")
    registry.update(msgspec.structs.replace(campaign, solution_version="v1"), T0)
    with pytest.raises(CorruptArtefact, match="v1 is not recorded"):
        live.refresh(T0)


def test_a_wish_that_changed_while_the_model_was_tried_is_followed_at_the_next_look(
    live: LiveModel, release: Release, campaigns: Campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    release("v1", "a")
    release.train("v2", ["b"])
    load = FolderArtefacts.load

    def overtaken(self: FolderArtefacts, location: str) -> object:
        if location == "v1":
            release.ask_for("v2")
        return load(self, location)

    monkeypatch.setattr(FolderArtefacts, "load", overtaken)
    live.refresh(T0)
    assert live.refresh(T0)
    assert serves(live) == ("v2", ("b",))
    assert campaigns.get("recommender").solution_version == "v2"


def test_what_the_machine_sustains_is_written_down_and_too_little_is_a_warning(
    live: LiveModel, release: Release, campaigns: Campaigns, registry: Registry
) -> None:
    release("v1", "a")
    live.refresh(T0)
    served = campaigns.get("recommender")
    assert served.sustained_tps is not None
    assert served.sustained_tps > 0
    assert served.latest_update is not None
    assert served.latest_update.warning is None
    registry.update(msgspec.structs.replace(served, min_provisioned_tps=10**9), T0)
    release("v2", "b")
    live.refresh(T0)
    update = campaigns.get("recommender").latest_update
    assert update is not None
    assert update.status is Status.ACTIVE
    assert update.warning is not None
    assert "1000000000 are wanted" in update.warning


def test_exploration_is_the_campaigns_own_or_else_the_settings(
    registry: Registry,
    campaigns: Campaigns,
    artefacts: ArtefactStore,
    release: Release,
    log: EventLog,
    catalogue: Catalogue,
    shown: Impressions,
) -> None:
    loader = Loader(registry, artefacts, Exposure(log, catalogue, shown))
    live = LiveModel("recommender", campaigns, loader, ServingSettings(0.3))
    release("v1", "a", fitted="user-personalization")
    live.refresh(T0)
    assert live.current.settings.exploration_weight == 0.3
    assert live.current.novelty is not None
    assert live.current.novelty.weights.shape == (1,)
    assert live.current.novelty.total > 0
    changed = msgspec.structs.replace(campaigns.get("recommender"), exploration_weight=0.0)
    registry.update(changed, T0)
    assert not live.refresh(T0), "the version is the same"
    assert live.current.settings.exploration_weight == 0
    assert live.current.novelty is None


@pytest.mark.parametrize("recipe", ["popularity-count", "trending-now"])
def test_what_was_only_counted_is_not_explored(
    recipe: str,
    campaigns: Campaigns,
    registry: Registry,
    artefacts: ArtefactStore,
    release: Release,
    log: EventLog,
    catalogue: Catalogue,
    shown: Impressions,
) -> None:
    loader = Loader(registry, artefacts, Exposure(log, catalogue, shown))
    live = LiveModel("recommender", campaigns, loader, ServingSettings(0.3))
    release("v1", "a", fitted=recipe)
    live.refresh(T0)
    assert live.current.novelty is None


def test_what_is_shown_is_explored_less_within_seconds_by_every_worker(
    registry: Registry,
    campaigns: Campaigns,
    artefacts: ArtefactStore,
    release: Release,
    log: EventLog,
    catalogue: Catalogue,
    shown: Impressions,
) -> None:
    def worker() -> LiveModel:
        loader = Loader(registry, artefacts, Exposure(log, catalogue, shown))
        return LiveModel("recommender", campaigns, loader, ServingSettings(0.3))

    def share(live: LiveModel, now: int) -> int:
        live.refresh(now)
        live.refresh(now)
        assert live.current.novelty is not None
        return 2**20 // int(live.current.novelty.weights[0])

    release("v1", "a", fitted="user-personalization")
    workers = [worker(), worker()]
    before = share(workers[0], T0)
    answers = [_shown(f"RID-{n}", "a") for n in range(40)]
    shown.append(answers)
    assert share(workers[0], T0 + 9_999) == before, "counting costs little, but not nothing"
    assert [share(live, T0 + 10_000) for live in workers] == [41, 41]


def _shown(name: str, item: str) -> Impression:
    return Impression(name, "recommendation", "ann", None, T0, T0, "v1", (item,))


class Turns:
    """Says whether it is this process's turn, and how often that was asked."""

    def __init__(self) -> None:
        self.mine, self.asked = True, 0

    @contextmanager
    def __call__(self) -> Iterator[bool]:
        self.asked += 1
        yield self.mine


def test_a_process_whose_turn_it_is_not_serves_on_and_loads_later(
    registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore, release: Release
) -> None:
    turns = Turns()
    loader = Loader(registry, artefacts)
    live = LiveModel("recommender", campaigns, loader, ServingSettings(), turn=turns)
    release("v1", "a")
    turns.mine = False
    assert live.refresh(T0), "it has nothing else to serve"
    release("v2", "b")
    assert not live.refresh(T0)
    assert serves(live) == ("v1", ("a",))
    assert campaigns.get("recommender").pending is not None
    turns.mine = True
    assert live.refresh(T0)
    assert serves(live) == ("v2", ("b",))


def test_a_rollback_waits_for_no_turn(
    registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore, release: Release
) -> None:
    turns = Turns()
    loader = Loader(registry, artefacts)
    live = LiveModel("recommender", campaigns, loader, ServingSettings(), turn=turns)
    for name in ("v1", "v2"):
        release(name, name)
        live.refresh(T0)
    turns.mine, turns.asked = False, 0
    release.ask_for("v1")
    assert live.refresh(T0)
    assert serves(live)[0] == "v1"
    assert turns.asked == 0

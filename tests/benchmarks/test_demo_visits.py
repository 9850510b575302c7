"""What the demo world's benchmark lets a recommender know."""

import numpy as np
import pytest
from benchmarks.demo_visits import KINDS, cut_of, sample_moments, training_data
from benchmarks.demo_world import candidates, shares

from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import EVENT_TYPES, VIEW, World, generate


@pytest.fixture(scope="module")
def world() -> World:
    settings = WorldSettings(animals=80, adopters=150, events=3_000, days=60)
    return generate(settings, 3, 1_767_225_600_000)


def test_training_knows_bound_sessions_and_nothing_after_the_cut(world: World) -> None:
    cut = cut_of(world, 0.8)
    data = training_data(world, cut)
    told = world.events.columns
    assert len(data) == np.count_nonzero(told.moment < cut)
    assert data.time.max() < cut
    assert (np.diff(data.time)[data.user[1:] == data.user[:-1]] >= 0).all()
    earlier = [event for event in world.events if event.sent_at < cut]
    bound = {event.session_id: event.user_id for event in earlier if event.user_id}
    keys = {event.user_id or bound.get(event.session_id, event.session_id) for event in earlier}
    assert data.n_users == len(keys)


def test_a_context_is_what_the_service_would_know(world: World) -> None:
    cut = cut_of(world, 0.8)
    moments = sample_moments(world, cut, 40, seed=1)
    assert tuple(moments) == KINDS
    assert all(moments.values())
    events = list(world.events)
    for kind, asked in moments.items():
        assert len({moment.visitor for moment in asked}) == len(asked)
        for moment in asked:
            now = events[moment.row]
            assert (now.event_type, now.sent_at) == (EVENT_TYPES[VIEW], moment.at)
            assert cut <= moment.at
            before = [event for event in events if event.sent_at < moment.at]
            bound = {
                event.session_id
                for event in before
                if now.user_id and event.user_id == now.user_id and event.session_id
            }
            known = [
                (event.item_id, event.event_type, event.sent_at)
                for event in before
                if event.session_id == now.session_id
                or (now.user_id and event.user_id == now.user_id)
                or event.session_id in bound
            ]
            seen = [(event.item, event.event_type, event.time) for event in moment.context.events]
            assert seen == known[-50:][::-1]
            assert kind != "warm" or len(seen) >= 5
            assert kind != "first click" or len(seen) == 1
            assert kind != "anonymous" or now.user_id is None


def test_a_list_to_rerank_holds_the_target_among_available_animals(world: World) -> None:
    moment = sample_moments(world, cut_of(world, 0.8), 1, seed=1)["warm"][0]
    available = set(world.oracle.available(moment.at).tolist())
    listed = candidates(world, moment, "rerank", np.random.default_rng(0)).tolist()
    assert moment.target in listed
    assert len(set(listed)) == len(listed) == 50
    assert set(listed) <= available


def test_shares_are_of_the_oracles_mean() -> None:
    gained = np.tile([0.25, 0.2, 0.1, 0.3, 0.5], (40, 1))
    result = shares(gained)
    assert result["ours_share"] == [0.5, 0.5, 0.5]
    assert result["ndcg_at_10"]["oracle"] == 0.5

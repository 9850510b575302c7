"""A campaign's configuration is a whole: what it leaves out is taken back."""

from pawsonalize.aws.campaigns import exploration_of, influence_of


def test_what_a_configuration_leaves_out_is_as_the_service_says() -> None:
    weight = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
    assert exploration_of(weight) == {
        "exploration_weight": 0.3,
        "exploration_item_age_cut_off": None,
    }
    assert set(exploration_of({}).values()) == {None}
    assert influence_of({"rankingInfluence": {"POPULARITY": 0.5}}) == {
        "popularity_influence": 0.5,
        "freshness_influence": None,
    }

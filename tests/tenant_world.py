"""An installation with several shelters, each a dataset group with keys, limits and use."""

from pathlib import Path
from typing import Any

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import DayCounts, GroupDays
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.solutions import DatasetGroups
from tests.service_data import make_service

SHELTERS: dict[str, dict[str, Any]] = {
    "orchard-park": {"events_per_day": 20_000, "trainings_per_day": 4, "requests_per_minute": 600},
    "river-road": {"events_per_day": 5_000, "stored_events": 100_000, "event_days": 90},
    "st-bernard-rescue-of-the-far-north": {"retrain_schedule": "0 4 * * *", "weight": 3},
}


def make_shelters(folder: Path, **more: Any) -> Settings:
    """The data folder of an installation whose shelters were at work for two weeks."""
    settings = make_service(folder, max_dataset_groups=10, **more)
    now = clock.now()
    with opened(settings) as adapters:
        days = GroupDays(adapters.database)
        keys = adapters.access_keys
        for place, (name, limits) in enumerate(SHELTERS.items(), 1):
            DatasetGroups(adapters.registry).create(name, now, limits)
            solution = Solution(name=name, dataset_group=name, recipe="user-personalization")
            adapters.registry.create(solution, now)
            adapters.registry.create(Campaign(name=name, solution=name), now)
            keys.create([Scope.SITE], f"the server of {name}", now, dataset_group=name)
            days.add(
                [
                    DayCounts(
                        name,
                        now // DAY - back,
                        requests=place * (4_000 + 517 * (back * 7 % 5)),
                        refused=3 if back == 0 and place == 2 else 0,
                        answer_ms=place * (9_000 + 911 * (back * 3 % 7)),
                        events=1_650 * place + 211 * (back * 5 % 6) * place,
                        events_refused=120 if back == 0 and place == 2 else 0,
                        trainings=1,
                        training_ms=place * 31_000 + back * 500,
                    )
                    for back in range(14)
                ]
            )
        keys.create([Scope.BROWSER], "its pages", now, dataset_group="orchard-park")
        adapters.group_sizing.count(now)
    return settings

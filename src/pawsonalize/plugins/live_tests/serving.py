"""Keeps the arms of running live tests in memory, for the answers of this process."""

import dataclasses
import secrets
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pawsonalize.core import clock
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.times import SECOND
from pawsonalize.plugins.live_tests.stored import RUNNING, Arm, LiveTest, LiveTests
from pawsonalize.recommend.live_tests import AS_SENT, ArmAnswers, RunningTest, no_answers

if TYPE_CHECKING:
    from pawsonalize.app.app import App
    from pawsonalize.recommend.live_model import LiveModel, LoadedModel

_FRESH = 10 * SECOND  # novelty and counts of the arms are followed so often


@dataclass(eq=False)
class FollowedTests:
    """Loads the arms of tests that begin, and drops those that end: all servers within a second."""

    app: "App"
    _loaded: dict[str, tuple[RunningTest, int]] = field(default_factory=dict)
    """By name, with the moment of the last look for newer counts."""
    _answers: defaultdict[str, tuple[ArmAnswers, ArmAnswers]] = field(
        default_factory=lambda: defaultdict(no_answers)
    )
    """By name, what the arms answered since this process began; stored at each such look."""
    _server: str = field(default_factory=lambda: secrets.token_hex(8))

    def look(self) -> None:
        """Answer by the tests that run now; raises why a test cannot, after all others do."""
        going_on = LiveTests(self.app.database).going_on()
        tests = [one for one in going_on if one.state == RUNNING]
        kept: dict[str, tuple[RunningTest, int]] = {}
        error: PawsonalizeError | None = None
        for test in tests:
            try:
                if (found := self._arms(test, clock.now())) is not None:
                    kept[test.name] = found
            except PawsonalizeError as why:  # its campaign answers meanwhile
                error = type(why)(f"live test {test.name} is not served: {why.message}")
        self._loaded = kept
        by_campaign = {one.campaign: kept[one.name][0] for one in tests if one.name in kept}
        self.app.running_tests.current = by_campaign
        if error is not None:
            raise error

    def _arms(self, test: LiveTest, now: int) -> tuple[RunningTest, int] | None:
        """The test with its models; None while another process of the machine loads one."""
        before = self._loaded.get(test.name)
        if before is not None and now - before[1] < _FRESH:
            return before
        answers = self._answers[test.name]
        if before is not None:
            LiveTests(self.app.database).put_answers(test, self._server, answers)
        live = self.app.live_model(test.campaign)
        arms = (None, None) if before is None else before[0].arms
        with live.turn() if before is None else nullcontext(True) as is_mine:
            if not is_mine:
                return None
            first, second = (
                None if arm.solution_version == AS_SENT else self._model(live, arm, test, one, now)
                for arm, one in zip(test.arms, arms, strict=True)
            )
        assert second is not None, "only the first arm may be as sent"
        first = None if first is None else self._shared(first)
        second = self._shared(second, first)
        fixed = (test.name, test.design, test.salt, test.share)
        return RunningTest(*fixed, (first, second), answers), now

    def _shared(self, loaded: "LoadedModel", other: "LoadedModel | None" = None) -> "LoadedModel":
        """The version with the model that `other` or a campaign has of it in memory, if any has."""
        # Else what answers cache by version would be made anew each time they take turns.
        lives = (*self.app.live.values(), *self.app.campaign_models.live_models())
        served = [one.current for one in lives if one.is_ready]
        for one in (*served, *([] if other is None else [other])):
            weight = loaded.settings.exploration_weight
            settings = replace(one.settings, exploration_weight=weight)  # no part of the model
            same = one.version.artefact == loaded.version.artefact and settings == loaded.settings
            if same:
                return dataclasses.replace(
                    loaded, model=one.model, choices=one.choices, counts=one.counts
                )
        return loaded

    def _model(
        self, live: "LiveModel", arm: Arm, test: LiveTest, loaded: "LoadedModel | None", now: int
    ) -> "LoadedModel":
        stored = self.app.versions.get(arm.solution_version)
        # After an erasure a version has another artefact, without the visitor.
        if loaded is None or loaded.version.artefact != stored.artefact:
            settings = live.settings.of(self.app.campaigns.get(test.campaign))
            return live.loader.newest(arm.solution_version, replace(settings, **arm.settings), now)
        if (counts := live.loader.newer_counts(loaded)) is not None:
            return live.loader.refreshed(loaded, counts, now)
        return live.loader.weighed(loaded, now)

"""The steps of a retraining, each with its work."""

from collections.abc import Mapping

from pawsonalize.engine.training.retraining.checking import Checking
from pawsonalize.engine.training.retraining.news import News
from pawsonalize.engine.training.retraining.promotion import Judging, PromotionSteps
from pawsonalize.engine.training.retraining.record import RunRecord, Step
from pawsonalize.engine.training.retraining.training import Training
from pawsonalize.engine.training.retraining.worker import StepWork


def steps(
    checking: Checking, training: Training, judging: Judging, promotion: PromotionSteps, news: News
) -> Mapping[Step, StepWork]:
    """The work of every step."""

    def create(record: RunRecord, now: int) -> RunRecord:
        created = training.create(record, now)
        news.training_started(created, now)
        return created

    return {
        Step.CHECK_DATA: checking.check,
        Step.CREATE_VERSIONS: create,
        Step.AWAIT_VERSIONS: training.await_all,
        Step.EVALUATE: judging.judge_next,
        Step.UPDATE_CAMPAIGNS: promotion.update,
        Step.AWAIT_CAMPAIGNS: promotion.await_all,
        Step.STOP_TRAINING: training.stop,
        Step.NOTIFY: news.how_it_ended,
    }

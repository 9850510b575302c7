"""Which work belongs to which step."""

from collections.abc import Mapping

from pawsonalize.workflow.checking import Checking
from pawsonalize.workflow.judging import Judging
from pawsonalize.workflow.news import News
from pawsonalize.workflow.promotion import Promotion
from pawsonalize.workflow.record import Record, Step
from pawsonalize.workflow.training import Training
from pawsonalize.workflow.worker import StepWork


def steps(
    checking: Checking, training: Training, judging: Judging, promotion: Promotion, news: News
) -> Mapping[Step, StepWork]:
    """The work of every step."""

    def create(record: Record, now: int) -> Record:
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

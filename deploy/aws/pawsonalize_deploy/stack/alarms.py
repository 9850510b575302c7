"""What wakes somebody up, and the dashboard to look at then."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_elasticloadbalancingv2 as elb
from constructs import Construct

from pawsonalize_deploy.stack.database import Tables
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.functions import Functions
from pawsonalize_deploy.stack.machine import Retraining
from pawsonalize_deploy.stack.service import Service
from pawsonalize_deploy.stack.stream import EventStream

NAMESPACE = "Pawsonalize"
"""Of the metrics that `pawsonalize_functions.watch` puts."""
_LAG = Duration.minutes(10)
_DELIVERY_LAG = Duration.minutes(30)
_MISSING = cloudwatch.TreatMissingData


class Alarms(Construct):
    """Every alarm goes to the topic, and so does its end."""

    def __init__(
        self,
        scope: Construct,
        base: Foundation,
        *,
        events: EventStream,
        functions: Functions,
        retraining: Retraining,
        service: Service | None,
        tables: Tables | None,
    ) -> None:
        super().__init__(scope, "Alarms")
        self._base = base
        self._notify = actions.SnsAction(base.topic)
        self.graphs: list[tuple[str, list[cloudwatch.IMetric]]] = []
        self._of_events(events, functions)
        self._of_models(retraining)
        if service is not None and tables is not None:
            self._of_service(service, tables)
        self._dashboard()

    def _of_events(self, events: EventStream, functions: Functions) -> None:
        lag = functions.of["put_events"].metric("IteratorAge", statistic="Maximum")
        self._alarm("StreamLag", lag, _LAG.to_milliseconds(), "Events wait for ten minutes.")
        letters = functions.dead_letters.metric_approximate_number_of_messages_visible()
        self._alarm("DeadLetters", letters, 0, "Events could not be taken; look at the queue.")
        freshness = cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name="DeliveryToS3.DataFreshness",
            dimensions_map={"DeliveryStreamName": events.delivery.ref},
            statistic="Maximum",
        )
        self._alarm("ArchiveLag", freshness, _DELIVERY_LAG.to_seconds(), "The archive is behind.")
        errors: list[cloudwatch.IMetric] = []
        for name, function in functions.of.items():
            failed = function.metric_errors(label=name)
            errors.append(failed)
            self._alarm(f"Errors-{name}", failed, 0, f"The function {name} fails.")
        self.graphs += [
            ("Stream lag, ms", [lag]),
            ("Archive lag, s", [freshness]),
            ("Dead letters", [letters]),
            ("Errors of functions", errors),
            ("Calls", [one.metric_invocations(label=n) for n, one in functions.of.items()]),
            ("Duration, ms", [one.metric_duration(label=n) for n, one in functions.of.items()]),
        ]

    def _of_models(self, retraining: Retraining) -> None:
        settings = self._base.settings
        machine = retraining.machine
        failed = machine.metric_failed()
        self._alarm("RetrainingFailed", failed, 0, "A retraining failed.")
        ages: list[cloudwatch.IMetric] = []
        promotions: list[cloudwatch.IMetric] = []
        models = ["recommender"] + (["reranker"] if settings.reranking_enabled else [])
        for model in models:
            age = self._measured("ModelAgeDays", model)
            since = self._measured("DaysSincePromotion", model)
            ages.append(age)
            promotions.append(since)
            self._alarm(
                f"ModelAge-{model}",
                age,
                settings.model_age_days,
                f"The {model} that serves was trained more than {settings.model_age_days} days"
                " ago.",
                missing=_MISSING.BREACHING,
            )
            self._alarm(
                f"NoPromotion-{model}",
                since,
                settings.no_promotion_days,
                f"No new {model} went live for {settings.no_promotion_days} days.",
                missing=_MISSING.BREACHING,
            )
        self.graphs += [
            ("Retrainings", [machine.metric_started(), machine.metric_succeeded(), failed]),
            ("Age of models, days", ages),
            ("Days since a promotion", promotions),
        ]

    def _measured(self, name: str, model: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"Environment": self._base.names.env, "Model": model},
            statistic="Maximum",
            # Measured each hour: two hours without a number are a broken watch, not an old model.
            period=Duration.hours(2),
            label=model,
        )

    def _of_service(self, service: Service, tables: Tables) -> None:
        balancer, database = service.balancer, tables.instance
        wrong = balancer.metrics.http_code_target(
            elb.HttpCodeTarget.TARGET_5XX_COUNT, statistic="Sum"
        )
        away = service.targets.metrics.unhealthy_host_count(statistic="Maximum")
        space = database.metric_free_storage_space(statistic="Minimum")
        busy = database.metric_cpu_utilization()
        self._alarm("ServiceErrors", wrong, 5, "The service answers with errors.")
        self._alarm("ServiceAway", away, 0, "A task of the service does not answer.")
        self._alarm("DatabaseBusy", busy, 80, "The database's CPU is busy.")
        self._alarm(
            "DatabaseFull",
            space,
            2 * 1024**3,
            "The database has less than 2 GiB left.",
            operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        )
        self.graphs += [
            ("Requests", [balancer.metrics.request_count()]),
            ("Answer time, s", [service.targets.metrics.target_response_time(statistic="p99")]),
            ("Errors of the service", [wrong]),
            (
                "CPU of tasks, %",
                [
                    service.answering.metric_cpu_utilization(label="answering"),
                    service.working.metric_cpu_utilization(label="working"),
                ],
            ),
            ("CPU of the database, %", [busy]),
            ("Free disk of the database, bytes", [space]),
        ]

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        above: float,
        says: str,
        *,
        missing: cloudwatch.TreatMissingData = _MISSING.NOT_BREACHING,
        operator: cloudwatch.ComparisonOperator = (
            cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        ),
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{self._base.names.env}: {says}",
            metric=metric,
            threshold=above,
            comparison_operator=operator,
            evaluation_periods=1,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._notify)
        alarm.add_ok_action(self._notify)

    def _dashboard(self) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._base.names.stack)
        for start in range(0, len(self.graphs), 3):
            dashboard.add_widgets(
                *(
                    cloudwatch.GraphWidget(title=title, left=metrics, width=8)
                    for title, metrics in self.graphs[start : start + 3]
                )
            )

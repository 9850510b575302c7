"""The daily state machine, what starts it, and what tells of executions that did not finish."""

import json

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from pawsonalize_deploy import retraining
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.functions import SECONDS, Functions
from pawsonalize_deploy.stack.grants import invoke, meant, publish, use_key

WATCHED = Duration.hours(1)
"""How often the age of the models is measured."""


class Retraining(Construct):
    """Step Functions runs what `pawsonalize_deploy.retraining` writes."""

    def __init__(self, scope: Construct, base: Foundation, functions: Functions) -> None:
        super().__init__(scope, "Retraining")
        settings, steps = base.settings, functions.of["steps"]
        choices = retraining.RetrainingSettings(
            reranking_enabled=settings.reranking_enabled, step_seconds=SECONDS["steps"]
        )
        document = retraining.definition(choices, steps.function_arn, base.topic.topic_arn)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        invoke(role, steps)
        publish(role, base.topic)
        use_key(role, base.key)
        self.machine = stepfunctions.StateMachine(
            self,
            "Machine",
            definition_body=stepfunctions.DefinitionBody.from_string(json.dumps(document)),
            role=role,
            tracing_enabled=True,
            encryption_configuration=(
                stepfunctions.CustomerManagedEncryptionConfiguration(base.key)
            ),
            logs=stepfunctions.LogOptions(
                # Step Functions writes to groups of this prefix without a policy that outgrows.
                destination=base.log_group(
                    self, "Logs", f"/aws/vendedlogs/states/{base.names.stack}"
                ),
                level=stepfunctions.LogLevel.ALL,
                include_execution_data=True,
            ),
        )
        meant(
            role,
            "AwsSolutions-IAM5[Resource::*]",
            "Traces and the delivery of logs have no resources to name",
        )
        events.Rule(
            self,
            "Daily",
            schedule=events.Schedule.expression(settings.retraining_schedule),
            targets=[targets.SfnStateMachine(self.machine, retry_attempts=3)],
        )
        events.Rule(
            self,
            "Watch",
            schedule=events.Schedule.rate(WATCHED),
            targets=[targets.LambdaFunction(functions.of["watch"], retry_attempts=2)],
        )
        self._tell_unfinished(base)

    def _tell_unfinished(self, base: Foundation) -> None:
        pattern = retraining.unfinished_pattern(self.machine.state_machine_arn)
        rule = events.CfnRule(
            self,
            "Unfinished",
            event_pattern=pattern,
            targets=[
                {
                    "id": "topic",
                    "arn": base.topic.topic_arn,
                    "inputTransformer": {
                        "inputPathsMap": dict(retraining.UNFINISHED_PATHS),
                        "inputTemplate": retraining.UNFINISHED_TEMPLATE,
                    },
                }
            ],
        )
        self.unfinished = rule

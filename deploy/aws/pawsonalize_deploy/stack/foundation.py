"""What everything else stands on: key, topic, parameters, log groups."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pawsonalize_deploy.adopted import Adopted
from pawsonalize_deploy.names import Names
from pawsonalize_deploy.settings import DeploySettings

_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
}
# Who writes into an encrypted topic or reads encrypted data without a role of ours.
_SERVICES = ("cloudwatch", "events", "personalize")


class Foundation(Construct):
    """The key, the topic, and what every part is made with."""

    def __init__(
        self, scope: Construct, settings: DeploySettings, names: Names, adopted: Adopted
    ) -> None:
        super().__init__(scope, "Foundation")
        self.settings = settings
        self.names = names
        self.adopted = adopted
        self.key = self._key(adopted)
        self.topic = sns.Topic(self, "Topic", master_key=self.key, enforce_ssl=True)
        # What alarms and rules publish comes from the services, not from a role.
        for service in ("cloudwatch", "events"):
            self.topic.grant_publish(iam.ServicePrincipal(f"{service}.amazonaws.com"))
        if settings.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))

    def _key(self, adopted: Adopted) -> kms.IKey:
        if adopted.key_arn is not None:
            return kms.Key.from_key_arn(self, "Key", adopted.key_arn)
        key = kms.Key(
            self,
            "Key",
            description=f"Encrypts what {self.names.stack} stores",
            enable_key_rotation=True,
            # Without it nobody could read the archive that stays.
            removal_policy=RemovalPolicy.RETAIN,
        )
        key.grant_encrypt_decrypt(
            iam.ServicePrincipal(
                f"logs.{self.settings.region}.amazonaws.com",
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": (
                            f"arn:{Aws.PARTITION}:logs:{self.settings.region}:{Aws.ACCOUNT_ID}:*"
                        )
                    }
                },
            )
        )
        for service in _SERVICES:
            # EventBridge and CloudWatch do not say for which account they act.
            key.grant_encrypt_decrypt(iam.ServicePrincipal(f"{service}.amazonaws.com"))
        self.parameter("KeyArn", self.settings.key_arn_path, key.key_arn, stays=True)
        return key

    def parameter(self, name: str, path: str, value: str, *, stays: bool = False) -> None:
        """A Parameter Store entry; one that stays names what stays when the stack is deleted."""
        made = ssm.StringParameter(
            self, f"{name}Parameter", parameter_name=path, string_value=value
        )
        if stays:
            made.apply_removal_policy(RemovalPolicy.RETAIN)

    def log_group(self, scope: Construct, name: str, path: str | None = None) -> logs.LogGroup:
        """An encrypted log group that forgets in time."""
        return logs.LogGroup(
            scope,
            name,
            log_group_name=path,
            encryption_key=self.key,
            retention=_RETENTION[self.settings.log_retention_days],
            removal_policy=RemovalPolicy.DESTROY,
        )

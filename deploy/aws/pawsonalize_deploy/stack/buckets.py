"""The buckets: archive, seed data, and the access logs of both."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pawsonalize_deploy.stack.foundation import Foundation


class Buckets(Construct):
    """Buckets outlive the stack: CloudFormation deletes none that holds something.

    `down` deletes those that it says.
    """

    def __init__(self, scope: Construct, base: Foundation) -> None:
        super().__init__(scope, "Buckets")
        self._base = base
        settings, adopted = base.settings, base.adopted
        self.logs = self._logs()
        self.archive = self._found_or_made(
            "Archive", adopted.archive_bucket, settings.s3_name_ssm_path
        )
        self.seed = self._found_or_made("Seed", adopted.seed_bucket, settings.s3_seed_name_ssm_path)

    def _logs(self) -> s3.IBucket:
        """Where S3 and the load balancer log who reads and writes."""
        base = self._base
        if base.adopted.logs_bucket is not None:
            return s3.Bucket.from_bucket_name(self, "Logs", base.adopted.logs_bucket)
        bucket = s3.Bucket(
            self,
            "Logs",
            # Load balancers write their logs with S3's own encryption alone.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(base.settings.log_retention_days),
                    noncurrent_version_expiration=Duration.days(1),
                )
            ],
        )
        # For any bucket of the account: one that a later stack makes logs here, too.
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        _keep_policy(bucket)
        base.parameter(
            "LogsBucket", base.settings.logs_name_ssm_path, bucket.bucket_name, stays=True
        )
        return bucket

    def _found_or_made(self, name: str, existing: str | None, parameter: str) -> s3.IBucket:
        if existing is not None:
            return s3.Bucket.from_bucket_attributes(
                self, name, bucket_name=existing, encryption_key=self._base.key
            )
        bucket = self.bucket(name)
        self._base.parameter(f"{name}Bucket", parameter, bucket.bucket_name, stays=True)
        # Amazon Personalize reads seed data itself, beside the role that it is given.
        if name == "Seed":
            bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("personalize.amazonaws.com")],
                    actions=["s3:GetObject", "s3:ListBucket"],
                    resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
                    conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
                )
            )
        return bucket

    def bucket(self, name: str) -> s3.Bucket:
        """A private, encrypted, versioned bucket that TLS alone reaches, with access logs."""
        days = self._base.settings.archive_retention_days if name == "Archive" else 0
        bucket = s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._base.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix=f"{name.lower()}/",
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(days) if days else None,
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
        )
        _keep_policy(bucket)
        return bucket


def _keep_policy(bucket: s3.Bucket) -> None:
    """A bucket that stays is reached by TLS alone for as long as it stays."""
    bucket.policy.apply_removal_policy(RemovalPolicy.RETAIN)

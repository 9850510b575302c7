"""The stream of events, and its way into the archive."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from pawsonalize_deploy.stack.buckets import Buckets
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.grants import meant, write_bucket

_HOURLY = "!{timestamp:yyyy/MM/dd/HH}/"
_ERRORS = "error/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"


class EventStream(Construct):
    """Kinesis on demand, which keeps events for 48 hours; Firehose writes each hour to S3."""

    def __init__(self, scope: Construct, base: Foundation, buckets: Buckets) -> None:
        super().__init__(scope, "Events")
        self.stream = self._stream(base)
        self.delivery = self._delivery(base, buckets)

    def _stream(self, base: Foundation) -> kinesis.IStream:
        if base.adopted.stream is not None:
            return kinesis.Stream.from_stream_attributes(
                self,
                "Stream",
                stream_arn=_arn_of(self, base.adopted.stream),
                encryption_key=base.key,
            )
        stream = kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=Duration.hours(48),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=base.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        meant(stream, "AwsSolutions-KDS3", "The key is ours, as it is for everything else")
        base.parameter("StreamName", base.settings.kinesis_stream_name_ssm_path, stream.stream_name)
        return stream

    def _delivery(self, base: Foundation, buckets: Buckets) -> firehose.CfnDeliveryStream:
        role = iam.Role(
            self, "DeliveryRole", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com")
        )
        group = base.log_group(self, "DeliveryLogs")
        log_stream = logs.LogStream(
            self, "DeliveryLog", log_group=group, removal_policy=RemovalPolicy.DESTROY
        )
        self.stream.grant_read(role)
        write_bucket(role, buckets.archive)
        group.grant_write(role)
        delivery = firehose.CfnDeliveryStream(
            self,
            "Delivery",
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration={
                "kinesisStreamArn": self.stream.stream_arn,
                "roleArn": role.role_arn,
            },
            extended_s3_destination_configuration={
                "bucketArn": buckets.archive.bucket_arn,
                "roleArn": role.role_arn,
                "prefix": _HOURLY,
                "errorOutputPrefix": _ERRORS,
                "compressionFormat": "GZIP",
                "bufferingHints": {"intervalInSeconds": 300, "sizeInMBs": 50},
                "encryptionConfiguration": {
                    "kmsEncryptionConfig": {"awskmsKeyArn": base.key.key_arn}
                },
                "cloudWatchLoggingOptions": {
                    "enabled": True,
                    "logGroupName": group.log_group_name,
                    "logStreamName": log_stream.log_stream_name,
                },
            },
        )
        delivery.node.add_dependency(role)  # with its policy: Firehose tries the stream at once
        meant(
            delivery,
            "AwsSolutions-KDF1",
            "Its source is a stream, and the stream is encrypted",
        )
        return delivery


def _arn_of(scope: Construct, stream: str) -> str:
    return str(
        Stack.of(scope).format_arn(service="kinesis", resource="stream", resource_name=stream)
    )

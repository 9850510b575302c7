"""The service on Fargate, behind a load balancer."""

import re

from aws_cdk import Aws, Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct

from pawsonalize_deploy.settings import DeploySettings
from pawsonalize_deploy.stack.buckets import Buckets
from pawsonalize_deploy.stack.database import Tables
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.grants import meant, read_bucket, write_bucket
from pawsonalize_deploy.stack.network import Network
from pawsonalize_deploy.stack.secrets import Secrets

PORT = 8080
_USER = "10001:10001"
_DATA = "/var/lib/pawsonalize"
"""The user and the volume of deploy/container/Dockerfile."""
_PRIVATE = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16"
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<name>[^:@]+)[:@](?P<version>.+)"
)


def environment(
    settings: DeploySettings, *, role: str, database: str, models: str, archive: str
) -> dict[str, str]:
    """The service's settings that are no secret, as environment variables."""
    return {
        "AWS_REGION": settings.region,
        "TMPDIR": _DATA,  # the only folder that can be written
        "PAWSONALIZE_HOST": "0.0.0.0",  # noqa: S104 - the security group says who reaches it
        "PAWSONALIZE_PORT": str(PORT),
        "PAWSONALIZE_DATA_DIR": f"{_DATA}/data",
        "PAWSONALIZE_LOG_FORMAT": "json",
        "PAWSONALIZE_ROLES": role,
        "PAWSONALIZE_DATABASE_URL": database,
        "PAWSONALIZE_ARTEFACT_URL": models,
        "PAWSONALIZE_ARCHIVE_URL": archive,
        "PAWSONALIZE_AWS_REGION": settings.region,
        "PAWSONALIZE_AWS_ACCOUNT_ID": Aws.ACCOUNT_ID,
        "PAWSONALIZE_ACCESS_KEYS": "required",
        # The load balancer alone reaches the tasks. If it faces the internet, callers have public
        # addresses; inside a network anybody could pass for a proxy.
        "PAWSONALIZE_TRUSTED_PROXIES": _PRIVATE if settings.internet_facing else "",
        # The state machine retrains, in both forms the same way: docs/adr/0045.
        "PAWSONALIZE_RETRAIN_SCHEDULE": "",
        "PAWSONALIZE_PROMOTION_THRESHOLD": str(settings.promotion_threshold),
        "PAWSONALIZE_EXPLORATION_WEIGHT": str(settings.exploration_weight),
        "PAWSONALIZE_EXPLORATION_ITEM_AGE_CUT_OFF": str(settings.exploration_item_age_cut_off),
        "PAWSONALIZE_MIN_PROVISIONED_TPS": str(settings.min_provisioned_tps),
        "PAWSONALIZE_RERANKING_ENABLED": str(settings.reranking_enabled).lower(),
        "PAWSONALIZE_RERANK_MIN_PROVISIONED_TPS": str(settings.rerank_min_provisioned_tps),
    }


class Service(Construct):
    """Tasks that answer, as many as are needed, and one that works."""

    def __init__(
        self,
        scope: Construct,
        base: Foundation,
        *,
        network: Network,
        buckets: Buckets,
        tables: Tables,
        secrets: Secrets,
    ) -> None:
        super().__init__(scope, "Service")
        self._base, self._network = base, network
        self._buckets, self._tables, self._secrets = buckets, tables, secrets
        settings = base.settings
        self.models = buckets.bucket("Models")
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        self.answering = self._tasks(
            "Answering",
            role="serve",
            cpu=settings.service_cpu,
            memory=settings.service_memory,
            count=settings.service_min_tasks,
        )
        self.working = self._tasks(
            "Working",
            role="work",
            cpu=settings.worker_cpu,
            memory=settings.worker_memory,
            count=1,
        )
        self.balancer, self.targets, self.url = self._balanced()
        self._scale()

    def _tasks(
        self, name: str, *, role: str, cpu: int, memory: int, count: int
    ) -> ecs.FargateService:
        base, scope = self._base, Construct(self, name)
        task = ecs.FargateTaskDefinition(
            scope,
            "Task",
            cpu=cpu,
            memory_limit_mib=memory,
            volumes=[ecs.Volume(name="data")],
        )
        container = self._container(task, role, base)
        # Fargate gives a volume to the user that owns the folder in the image, as here.
        container.add_mount_points(
            ecs.MountPoint(source_volume="data", container_path=_DATA, read_only=False)
        )
        self._allow(task.task_role)
        meant(
            task,
            "AwsSolutions-ECS2",
            "What is secret comes from Secrets Manager; the variables are no secrets",
        )
        return ecs.FargateService(
            scope,
            "Tasks",
            cluster=self.cluster,
            task_definition=task,
            desired_count=count,
            min_healthy_percent=100 if role == "serve" else 0,
            max_healthy_percent=200 if role == "serve" else 100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            health_check_grace_period=Duration.minutes(3) if role == "serve" else None,
            assign_public_ip=False,
            security_groups=[self._network.service],
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        )

    def _container(
        self, task: ecs.FargateTaskDefinition, role: str, base: Foundation
    ) -> ecs.ContainerDefinition:
        database = self._tables.instance.secret
        return task.add_container(
            "pawsonalize",
            image=_image(task, base.settings.image),
            command=["serve"],
            user=_USER,
            readonly_root_filesystem=True,
            port_mappings=[ecs.PortMapping(container_port=PORT)],
            environment=environment(
                base.settings,
                role=role,
                database=self._tables.url,
                models=self.models.s3_url_for_object("service"),
                archive=self._buckets.archive.s3_url_for_object("service"),
            )
            | {"PAWSONALIZE_FIRST_ACCESS_KEYS": self._secrets.first_access_keys},
            secrets={
                "PGPASSWORD": ecs.Secret.from_secrets_manager(database, "password"),
                "PAWSONALIZE_ACCESS_KEY_ROOT": ecs.Secret.from_secrets_manager(self._secrets.root),
            },
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix=role, log_group=base.log_group(task, "Logs")
            ),
            health_check=ecs.HealthCheck(
                command=["CMD", "pawsonalize", "health"],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(10),
                retries=3,
                start_period=Duration.seconds(120),
            ),
            linux_parameters=_without_rights(task),
            stop_timeout=Duration.seconds(60),
        )

    def _allow(self, role: iam.IRole) -> None:
        """What the program itself may do at AWS: read and write its objects, read seed data."""
        write_bucket(role, self.models)
        write_bucket(role, self._buckets.archive, "service/*")
        read_bucket(role, self._buckets.seed)

    def _balanced(
        self,
    ) -> tuple[elb.ApplicationLoadBalancer, elb.ApplicationTargetGroup, str]:
        settings, network = self._base.settings, self._network
        kind = (
            ec2.SubnetType.PUBLIC
            if settings.internet_facing
            else ec2.SubnetType.PRIVATE_WITH_EGRESS
        )
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=kind),
            internet_facing=settings.internet_facing,
            security_group=network.balancer,
            drop_invalid_header_fields=True,
            deletion_protection=settings.deletion_protection,
        )
        balancer.log_access_logs(self._buckets.logs, "balancer")
        certificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", settings.certificate_arn)
            if settings.certificate_arn
            else None
        )
        listener = balancer.add_listener(
            "Listener",
            port=443 if certificate else 80,
            protocol=elb.ApplicationProtocol.HTTPS if certificate else elb.ApplicationProtocol.HTTP,
            certificates=[certificate] if certificate else None,
            ssl_policy=elb.SslPolicy.RECOMMENDED_TLS if certificate else None,
            open=settings.internet_facing,
        )
        if settings.internet_facing:
            meant(network.balancer, "AwsSolutions-EC23", "internetFacing is true in this config")
        targets = listener.add_targets(
            "Answering",
            port=PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            targets=[self.answering],
            deregistration_delay=Duration.seconds(30),
            # A new service has no model before `up` has reached it through this load balancer.
            health_check=elb.HealthCheck(
                path="/readyz?without=models",
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
            ),
        )
        port = ec2.Port.tcp(443 if certificate else 80)
        network.balancer.add_ingress_rule(network.functions, port, "the functions")
        scheme, host = (
            ("https", settings.domain_name)
            if certificate
            else ("http", balancer.load_balancer_dns_name)
        )
        return balancer, targets, f"{scheme}://{host}"

    def _scale(self) -> None:
        settings = self._base.settings
        scaling = self.answering.auto_scale_task_count(
            min_capacity=settings.service_min_tasks, max_capacity=settings.service_max_tasks
        )
        scaling.scale_on_cpu_utilization(
            "Cpu",
            target_utilization_percent=60,
            scale_in_cooldown=Duration.minutes(5),
            scale_out_cooldown=Duration.minutes(1),
        )


def _image(task: ecs.FargateTaskDefinition, image: str) -> ecs.ContainerImage:
    """An image of ECR, which the task may then pull, or of any registry that needs no login."""
    found = _ECR.fullmatch(image)
    if not found:
        return ecs.ContainerImage.from_registry(image)
    repository = ecr.Repository.from_repository_attributes(
        task,
        "Repository",
        repository_arn=(
            f"arn:{Aws.PARTITION}:ecr:{found['region']}:{found['account']}:repository/"
            f"{found['name']}"
        ),
        repository_name=found["name"],
    )
    meant(
        task.obtain_execution_role(),
        "AwsSolutions-IAM5[Resource::*]",
        "To log in to ECR is a call without a resource; pulling is of this one repository",
    )
    return ecs.ContainerImage.from_ecr_repository(repository, found["version"])


def _without_rights(task: ecs.FargateTaskDefinition) -> ecs.LinuxParameters:
    parameters = ecs.LinuxParameters(task, "Linux", init_process_enabled=True)
    parameters.drop_capabilities(ecs.Capability.ALL)
    return parameters

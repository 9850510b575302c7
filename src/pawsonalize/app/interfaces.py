"""The services that each interface gets: the JSON API, the Personalize API, the site."""

import os
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pawsonalize.animals.inventory import AnimalNames, Inventory
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.doctor import checks
from pawsonalize.app.engine import Engine
from pawsonalize.app.ports import DEMO_SITE, SITE_ALERTS, SITE_BOARDS, SITE_INQUIRIES
from pawsonalize.app.tenants import group_of
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.services import AwsServices
from pawsonalize.aws.signatures import Signatures
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.servers import Servers
from pawsonalize.operations.limits import HeavyReads
from pawsonalize.operations.services import Services
from pawsonalize.recommend.groups import ActionRecommending
from pawsonalize.reports.exposure_report import available_exposure
from pawsonalize.reports.service_figures import FigureSources, RunFigures, ServiceFigures
from pawsonalize.resources.access_keys import ADOPTION_SITE
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.site.storefront import Storefront
from pawsonalize.train.retraining.runs import Fate, Runs

_NEWEST_RUNS = 200  # more than a run a day is rare, and older ones are deleted


def make_services(
    adapters: Adapters, engine: Engine, sources: Mapping[str, str] | None = None
) -> Services:
    """Return what the JSON API needs; `sources` has the place where each setting was written."""
    settings = adapters.settings
    figures = FigureSources(
        adapters.registry,
        partial(_run_figures, adapters.runs),
        adapters.animals,
        adapters.deliveries,
        adapters.log,
        adapters.ledger,
    )
    # The tables are read every ten seconds at most, however often servers are scraped.
    recent = CachedLookup[None, ServiceFigures](lambda _: figures.read(), clock.passed, 10 * SECOND)
    # prometheus_client itself reads this variable when it is imported.
    metrics_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Services(
        log=adapters.log,
        inventory=Inventory(adapters.animals),
        catalogue=adapters.catalogue,
        ingest=engine.ingest,
        group_recommender=engine.serving.group_recommender,
        animal_recommender=engine.serving.animal_recommender,
        directory=adapters.directory,
        campaign_models=engine.serving.campaign_models,
        runs=engine.training.runs,
        outcomes=engine.outcomes,
        reports=HeavyReads(settings.reports_at_once, waiting=2),
        exposure=partial(available_exposure, *adapters.exposed),
        page_reads=engine.page_reads,
        registry=adapters.registry,
        datasets=adapters.datasets,
        dataset_groups=adapters.dataset_groups,
        solutions=adapters.solutions,
        versions=adapters.versions,
        trainings=adapters.trainings,
        queue=engine.training.queue,
        campaigns=adapters.campaigns,
        jobs=engine.upkeep.jobs,
        filters=adapters.filters,
        filterings=engine.serving.filterings,
        erasing=engine.upkeep.erasing,
        problems=engine.problems,
        servers=engine.servers,
        roles=settings.own_roles,
        audit=adapters.audit,
        figures=partial(recent.find, None),
        refusals=engine.refusals,
        intake=engine.intake,
        why_not_writable=adapters.database.why_not_writable,
        why_not_ready=partial(_why_not_ready, adapters, engine.servers),
        now=clock.now,
        reads_are_local=adapters.answers_at_once,
        max_body_bytes=settings.max_body_bytes,
        sources=sources or {},
        metrics_dir=Path(metrics_dir) if metrics_dir else None,
    )


def _why_not_ready(adapters: Adapters, servers: Servers) -> str | None:
    service = CheckedService(adapters, clock.now(), servers)
    found = needing_attention(examine(checks(), service, CheckPlace.READYZ))
    return f"{found[0].message}. {found[0].next_move}" if found else None


def make_aws_services(adapters: Adapters, engine: Engine, services: Services) -> AwsServices:
    """Return what operations of the Personalize API need: `services`, and more."""
    settings, serving, signatures = adapters.settings, engine.serving, None
    if settings.requires_signatures:
        count_use = engine.admission.count_use
        signatures = Signatures(
            adapters.access_keys, settings.aws_region, clock.real_now, count_use
        )
    return AwsServices(
        **{name: getattr(services, name) for name in Services.__struct_fields__},
        arns=Arns(settings.aws_region, settings.aws_account_id),
        recommenders=engine.training.recommenders,
        attributions=engine.upkeep.attributions,
        action_recommending=ActionRecommending(serving.filterings, serving.impressions),
        animal_names=AnimalNames(adapters.animals, adapters.catalogue),
        signatures=signatures,
        trackers=CachedLookup(adapters.datasets.tracker, clock.passed),
        groups=CachedLookup(partial(group_of, adapters.registry), clock.passed),
        schemas=CachedLookup(adapters.datasets.schema_of, clock.passed),
        lists_defaults=settings.aws_lists_defaults,
        is_strict=settings.aws_strict,
    )


def make_storefront(adapters: Adapters, engine: Engine) -> Storefront:
    """Return what the adoption site's pages need."""
    settings = adapters.settings
    found = adapters.access_keys.noted(ADOPTION_SITE) if settings.requires_keys else None
    return Storefront(
        group_recommender=engine.serving.group_recommender,
        animal_recommender=engine.serving.animal_recommender,
        ingest=engine.ingest,
        log=adapters.log,
        animals=adapters.animals,
        live=engine.serving.live[RECOMMENDER],
        now=clock.now,
        demo=DEMO_SITE(adapters, engine),
        boards=SITE_BOARDS(engine),
        alerts=SITE_ALERTS(adapters),
        inquiry_form=SITE_INQUIRIES(settings),
        name="Pawsonalize" if settings.is_demo else settings.site_name,
        page_key=f"{found[0].name}.{found[1]}" if found else None,
        erasing=engine.upkeep.erasing,
    )


def _run_figures(runs: Runs) -> RunFigures:
    records = runs.newest(_NEWEST_RUNS)
    newest_end: dict[str, int] = {}
    verdicts: dict[tuple[str, str], str] = {}
    for record in records:
        if record.ended_at is not None:
            newest_end.setdefault(record.status, record.ended_at)
        for half in record.halves:
            if half.fate is not Fate.OPEN:
                verdicts.setdefault((half.dataset_group, half.campaign), half.fate.value)
    return RunFigures(
        by_status=Counter(record.status for record in records),
        newest_end=newest_end,
        verdicts=verdicts,
    )

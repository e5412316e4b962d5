"""The services, wired: what routes and pages work with, for each workspace."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.catalog import Catalog, load_catalog
from app.services.access import AccessService, Principal
from app.services.accuracy import AccuracyService, measured_accuracy
from app.services.catalog_documents import CatalogDocuments
from app.services.claims import JudgedClaims, published_claims
from app.services.clock import Clock, utc_now
from app.services.configuring import Configurer
from app.services.estimating import Estimator
from app.services.evidence import Evidence, measured_evidence
from app.services.exploring import Explorer
from app.services.fetching import ConfigFetcher
from app.services.freezing import Freezer
from app.services.hardware_profiles import HardwareProfiles
from app.services.model_profiles import ModelProfiles
from app.services.planning import Planner
from app.services.plans import PlanService
from app.services.profile_source import SavedProfiles
from app.services.profile_transfer import ProfileTransfer
from app.services.recent_plans import RecentPlans
from app.services.recommending import Recommender
from app.services.resolving import Resolver
from app.services.run_comparing import RunComparer
from app.services.shares import ShareService
from app.services.system_search import SystemFinder
from app.services.tally import Tally
from app.settings import Settings
from app.storage.database import Database
from app.storage.workspaces import DEFAULT_WORKSPACE, NO_WORKSPACE


@dataclass(frozen=True)
class Shared:
    """What is the same for everybody: it reads no object that somebody saved."""

    settings: Settings
    clock: Clock
    catalog: Catalog
    catalog_documents: CatalogDocuments
    evidence: Evidence
    estimates: Tally
    claims: JudgedClaims
    accuracy: AccuracyService
    access: AccessService
    recent_plans: RecentPlans


@dataclass(frozen=True)
class Services:
    """One of each for one workspace; shared by all requests, so none keeps state of a request."""

    workspace: str
    settings: Settings
    catalog: Catalog
    catalog_documents: CatalogDocuments
    database: Database
    model_profiles: ModelProfiles
    hardware_profiles: HardwareProfiles
    profiles: SavedProfiles
    profile_transfer: ProfileTransfer
    resolver: Resolver
    estimator: Estimator
    planner: Planner
    recent_plans: RecentPlans
    recommender: Recommender
    explorer: Explorer
    configurer: Configurer
    systems: SystemFinder
    claims: JudgedClaims
    accuracy: AccuracyService
    runs: RunComparer
    plans: PlanService
    shares: ShareService
    access: AccessService


class Workspaces:
    """The services of each workspace: whoever holds them reaches nothing of another one."""

    def __init__(self, shared: Shared, database: Database) -> None:
        self._shared = shared
        self._database = database
        self._made = lru_cache(maxsize=1_000)(self._make)

    def services(self, workspace: str = DEFAULT_WORKSPACE) -> Services:
        """The services of a workspace, by its id."""
        return self._made(workspace)

    def of(self, principal: Principal | None) -> Services:
        """The services for whoever asks; where a key is needed, those of nowhere without one."""
        if principal is not None:
            return self.services(principal.workspace)
        is_open = self._shared.settings.access == "open"
        return self.services(DEFAULT_WORKSPACE if is_open else NO_WORKSPACE)

    def _make(self, workspace: str) -> Services:
        shared, database = self._shared, self._database.within(workspace)
        catalog, clock = shared.catalog, shared.clock
        fetcher = ConfigFetcher(shared.settings.fetch_models)
        model_profiles = ModelProfiles(database, clock, catalog, fetcher)
        hardware_profiles = HardwareProfiles(database, clock, catalog)
        profiles = SavedProfiles(model_profiles, hardware_profiles)
        resolver = Resolver(catalog, profiles)
        estimator = Estimator(resolver, catalog.version, shared.evidence, shared.estimates)
        planner = Planner(estimator, [entry.gpu for entry in catalog.gpus.values()])
        return Services(
            workspace=workspace,
            settings=shared.settings,
            catalog=catalog,
            catalog_documents=shared.catalog_documents,
            database=database,
            model_profiles=model_profiles,
            hardware_profiles=hardware_profiles,
            profiles=profiles,
            profile_transfer=ProfileTransfer(
                database, clock, model_profiles, hardware_profiles, catalog.version
            ),
            resolver=resolver,
            estimator=estimator,
            planner=planner,
            recent_plans=shared.recent_plans,
            recommender=Recommender(planner, catalog.version),
            explorer=Explorer(estimator),
            configurer=Configurer(estimator),
            systems=SystemFinder(catalog, resolver, estimator, hardware_profiles),
            claims=shared.claims,
            accuracy=shared.accuracy,
            runs=RunComparer(catalog.version, shared.evidence, resolver),
            plans=PlanService(database, clock, Freezer(resolver, planner, catalog)),
            shares=ShareService(database, clock),
            access=shared.access,
        )


def build_workspaces(settings: Settings, clock: Clock = utc_now) -> Workspaces:
    """Wires the services. The database is opened later, when the server starts."""
    database = Database(settings.database_url)
    catalog = load_catalog()
    evidence = measured_evidence(catalog)
    shared = Shared(
        settings=settings,
        clock=clock,
        catalog=catalog,
        catalog_documents=CatalogDocuments(catalog),
        evidence=evidence,
        estimates=Tally(),
        claims=published_claims(catalog),
        accuracy=measured_accuracy(catalog),
        access=AccessService(database, clock),
        recent_plans=RecentPlans(),
    )
    return Workspaces(shared, database)


def build_services(settings: Settings, clock: Clock = utc_now) -> Services:
    """The services of the default workspace alone."""
    return build_workspaces(settings, clock).services()

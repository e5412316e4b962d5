"""The services, wired: what routes and pages work with."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalog import Catalog, load_catalog
from app.catalog.claims import load_claims
from app.services.accuracy import AccuracyService
from app.services.catalog_documents import CatalogDocuments
from app.services.claims import JudgedClaims
from app.services.clock import Clock, utc_now
from app.services.configuring import Configurer
from app.services.estimating import Estimator
from app.services.evidence import measured_evidence
from app.services.hardware_profiles import HardwareProfiles
from app.services.model_profiles import ModelProfiles
from app.services.planning import Planner
from app.services.plans import PlanService
from app.services.profile_source import SavedProfiles
from app.services.recommending import Recommender
from app.services.resolving import Resolver
from app.services.shares import ShareService
from app.services.system_search import SystemFinder
from app.settings import Settings
from app.storage.database import Database


@dataclass(frozen=True)
class Services:
    """One of each; shared by all requests, so none keeps state of a request."""

    settings: Settings
    catalog: Catalog
    catalog_documents: CatalogDocuments
    database: Database
    model_profiles: ModelProfiles
    hardware_profiles: HardwareProfiles
    profiles: SavedProfiles
    resolver: Resolver
    estimator: Estimator
    planner: Planner
    recommender: Recommender
    configurer: Configurer
    systems: SystemFinder
    claims: JudgedClaims
    accuracy: AccuracyService
    plans: PlanService
    shares: ShareService


def build_services(settings: Settings, clock: Clock = utc_now) -> Services:
    """Wires the services. The database is opened later, when the server starts."""
    catalog = load_catalog()
    database = Database(settings.database_url)
    model_profiles = ModelProfiles(database, clock, catalog)
    hardware_profiles = HardwareProfiles(database, clock, catalog)
    profiles = SavedProfiles(model_profiles, hardware_profiles)
    resolver = Resolver(catalog, profiles)
    evidence = measured_evidence(catalog)
    estimator = Estimator(resolver, catalog.version, evidence)
    planner = Planner(estimator, [entry.gpu for entry in catalog.gpus.values()])
    return Services(
        settings=settings,
        catalog=catalog,
        catalog_documents=CatalogDocuments(catalog),
        database=database,
        model_profiles=model_profiles,
        hardware_profiles=hardware_profiles,
        profiles=profiles,
        resolver=resolver,
        estimator=estimator,
        planner=planner,
        recommender=Recommender(planner, catalog.version),
        configurer=Configurer(estimator),
        systems=SystemFinder(catalog, resolver, estimator, hardware_profiles),
        claims=JudgedClaims(load_claims(), estimator, catalog.version),
        accuracy=AccuracyService(catalog, evidence, resolver),
        plans=PlanService(database, clock, resolver, planner),
        shares=ShareService(database, clock),
    )

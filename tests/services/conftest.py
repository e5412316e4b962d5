"""The services that compute, wired to the real catalogue and no database."""

from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.catalog.huggingface import spec_from_config
from app.catalog.huggingface.towers import Towers
from app.catalog.measured import measured_runs
from app.domain.architecture import ModelSpec
from app.domain.errors import FieldError, InvalidInput
from app.domain.hardware import Hardware
from app.domain.units import GIB
from app.services.estimating import Estimator
from app.services.evidence import Evidence, compare
from app.services.planning import Planner
from app.services.resolving import Resolver
from tests.factories import LLAMA_CONFIG


class OneProfile:
    """A saved model and a saved machine, both called `mine`."""

    def model_spec(self, profile_id: str, towers: Towers | None = None) -> ModelSpec:
        if profile_id != "mine":
            raise InvalidInput(FieldError("/model/profile", "No such profile."))
        return spec_from_config(LLAMA_CONFIG, "Our model")

    def hardware(self, profile_id: str) -> Hardware:
        if profile_id != "mine":
            raise InvalidInput(FieldError("/hardware/profile", "No such profile."))
        return Hardware(load_catalog().gpu("a100-80-sxm").gpu, 2, 3, 64 * GIB, 0)


@pytest.fixture(scope="session")
def resolver() -> Resolver:
    return Resolver(load_catalog(), OneProfile())


@pytest.fixture(scope="session")
def evidence(resolver: Resolver) -> Evidence:
    return Evidence(lambda: compare(measured_runs(), resolver))


@pytest.fixture(scope="session")
def estimator(resolver: Resolver, evidence: Evidence) -> Estimator:
    return Estimator(resolver, "2026.11", evidence)


@pytest.fixture(scope="session")
def planner(estimator: Estimator) -> Planner:
    return Planner(estimator, [entry.gpu for entry in load_catalog().gpus.values()])

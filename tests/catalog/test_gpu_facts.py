"""Every fact of every GPU says what it rests on and how sure that is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.catalog import GpuEntry, load_catalog, read_catalog
from app.catalog.gpu_facts import FACTS
from app.catalog.loading import DATA
from app.schemas.profiles import GpuFacts

GPUS = [pytest.param(entry, id=id_) for id_, entry in load_catalog().gpus.items()]
FACT = {fact.key: fact for fact in FACTS}


@pytest.mark.parametrize("entry", GPUS)
def test_every_fact_has_a_basis_a_confidence_and_a_source(entry: GpuEntry) -> None:
    for fact in FACTS:
        known = fact.known(entry)
        assert known.source.strip()
        assert known.basis in ("measured", "vendor", "third_party", "derived", "assumed")
        assert known.confidence in ("high", "medium", "low")


@pytest.mark.parametrize("entry", GPUS)
def test_what_was_seen_is_called_measured_and_what_was_estimated_is_not(entry: GpuEntry) -> None:
    torch = FACT["torch_bytes"].known(entry)
    assert (torch.basis == "measured") == entry.plan_basis.startswith("seen")
    driver = FACT["driver_bytes"].known(entry)
    unseen = entry.driver_evidence.startswith(("assumed", "inferred", "as "))
    assert not (unseen and driver.basis == "measured")
    if driver.basis == "assumed" and torch.basis == "derived":
        assert torch.confidence == "low"


@pytest.mark.parametrize("entry", GPUS)
def test_inline_error_correction_takes_a_sixteenth_where_it_is_on(entry: GpuEntry) -> None:
    whole = entry.memory_gb * 1024
    if entry.ecc == "inline_on":
        assert entry.plan_mib_per_rank <= whole * 15 // 16
    else:
        assert entry.driver_mib > whole * 15 // 16 or entry.vendor == "nvidia"
    if entry.memory_type.startswith("HBM"):
        assert entry.ecc == "built_in"


def test_a_package_whose_dies_are_devices_differs_from_one_that_shows_as_one() -> None:
    catalog = load_catalog()
    assert FACT["compute_dies"].note(catalog.gpu("mi250x")) == "each is a device of its own"
    for one in ("b200-180-sxm", "gb200-186", "mi300x"):
        entry = catalog.gpu(one)
        assert entry.compute_dies > 1
        assert entry.devices_per_package == 1
        assert FACT["compute_dies"].note(entry) == "together one device to software"


def test_the_facts_that_a_profile_may_replace_are_those_of_its_schema() -> None:
    own = {fact.key for fact in FACTS if fact.own}
    assert own == set(GpuFacts.model_fields) - {"usable_memory_bytes"}


def test_a_system_names_a_gpu_of_the_catalogue_and_says_where_it_comes_from() -> None:
    catalog = load_catalog()
    assert len(catalog.systems) >= 10
    for system in catalog.systems.values():
        assert system.gpu in catalog.gpus
        assert system.evidence.source
        assert (system.evidence.source_url or "").startswith("https://")


def test_a_system_of_an_unknown_gpu_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "systems.json"
    systems = json.loads(file.read_text())
    systems[0]["gpu"] = "h100"
    file.write_text(json.dumps(systems))
    with pytest.raises(ValueError, match="h100"):
        read_catalog(tmp_path)

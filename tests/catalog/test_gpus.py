"""Every GPU says what it has, what of it can be used, and how that is known."""

from __future__ import annotations

import pytest

from app.catalog import GpuEntry, load_catalog
from app.domain.units import GIB, MIB

GPUS = [pytest.param(entry, id=id_) for id_, entry in load_catalog().gpus.items()]


def test_the_catalogue_holds_49_gpus() -> None:
    assert len(GPUS) == 49


@pytest.mark.parametrize("entry", GPUS)
def test_pytorch_has_no_more_than_the_driver_and_the_driver_no_more_than_the_box(
    entry: GpuEntry,
) -> None:
    gpu = entry.gpu
    assert 0 < gpu.torch_bytes <= gpu.driver_bytes
    assert gpu.driver_bytes * gpu.devices_per_package <= gpu.memory_gb * GIB


@pytest.mark.parametrize("entry", GPUS)
def test_a_record_says_where_it_comes_from(entry: GpuEntry) -> None:
    assert entry.source
    assert entry.driver_evidence
    assert entry.plan_basis
    for price in entry.prices:
        assert price.source
        assert 0 < price.low_cents <= price.high_cents


@pytest.mark.parametrize("entry", GPUS)
def test_dense_throughput_rises_as_precision_falls(entry: GpuEntry) -> None:
    if entry.bf16_tflops and entry.tf32_tflops:
        assert entry.bf16_tflops > entry.tf32_tflops
    if entry.bf16_tflops and entry.fp8_tflops:
        assert entry.fp8_tflops >= entry.bf16_tflops


def test_bf16_is_not_native_before_ampere() -> None:
    without = {entry.id for entry in load_catalog().gpus.values() if not entry.bf16_native}
    assert without == {"v100-16-sxm", "v100-32-sxm", "v100-32-pcie", "t4"}


def test_what_it_sells_for_goes_before_its_list_price() -> None:
    catalog = load_catalog()
    workstation = catalog.gpu("rtxpro6000-ws")
    assert workstation.price
    assert workstation.price.kind == "street"
    assert (workstation.gpu.price_low_cents, workstation.gpu.price_high_cents) == (800_000, 920_000)
    assert workstation.price_source == "newgearhub.com (Apr 2026), 2026-04"
    assert catalog.gpu("h200-141-sxm").gpu.price_low_cents == 3_200_000


def test_cloud_rates_are_not_prices() -> None:
    rented = load_catalog().gpu("l4")
    assert rented.cloud
    assert rented.price is None
    assert rented.gpu.price_low_cents is None
    assert rented.price_source == ""


def test_a_package_of_two_dies_counts_one_die() -> None:
    gpu = load_catalog().gpu("mi250x").gpu
    assert gpu.devices_per_package == 2
    assert gpu.torch_bytes == gpu.driver_bytes == 65_520 * MIB

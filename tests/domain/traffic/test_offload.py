"""What crosses PCIe and what NVMe takes: bytes from the job, and a floor of the time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.quantities import quantities_of
from app.domain.strategies import STRATEGIES
from app.domain.traffic import Flow, offload_flows, time_floor
from app.domain.traffic.offload import NVME_GB_S, PARAMETERS_KEPT_IN_HOST
from tests.jobs import deepspeed
from tests.jobs import job as a_job

LLAMA = "meta-llama/Llama-3.1-8B"
SHARE = 8_030_261_248 // 8
OFFLOADING = [s.id for s in STRATEGIES.values() if s.offload != "none"]


def flows(strategy: str, **facts: Any) -> tuple[Flow, ...]:
    job = a_job(LLAMA, **facts)
    quantities = quantities_of(job.spec, job.training.method, job.training.lora)
    return offload_flows(job, STRATEGIES[strategy], quantities)


def over(route: str, strategy: str, **facts: Any) -> int:
    return sum(int(f.bytes) for f in flows(strategy, **facts) if f.route == route)


@pytest.mark.parametrize("strategy", [s.id for s in STRATEGIES.values() if s.offload == "none"])
def test_without_offload_nothing_leaves_the_gpus(strategy: str) -> None:
    assert flows(strategy) == ()
    assert time_floor(a_job().hardware.gpu, ()) is None


@pytest.mark.parametrize(
    ("strategy", "up", "down"),
    [
        ("zero2_offload", 2, 4),  # 16-bit parameters up, fp32 gradients down
        ("zero3_offload_optimizer", 2 + 2, 2 + 4),  # the gradient's round trip besides
        ("fsdp2_offload", 2 * 4, 4),  # fp32 shards up for each gather
    ],
)
def test_each_parameter_of_a_share_costs_so_many_bytes_each_way(
    strategy: str, up: int, down: int
) -> None:
    assert over("pcie_to_gpu", strategy) == up * SHARE
    assert over("pcie_to_host", strategy) == down * SHARE


def test_parameters_on_the_host_come_up_for_every_gather_that_is_not_kept() -> None:
    never_kept = deepspeed(stage3_max_live_parameters=0)
    assert over("pcie_to_gpu", "zero3_offload", options=never_kept) == (2 * 2 + 2) * SHARE
    kept = over("pcie_to_gpu", "zero3_offload")
    assert kept == (2 * 2 + 2) * SHARE - 2 * 1_000_000_000 // 8


def test_accumulation_repeats_the_gradients_but_not_the_updated_parameters() -> None:
    assert over("pcie_to_host", "zero2_offload", gradient_accumulation_steps=4) == 12 * SHARE
    assert over("pcie_to_gpu", "zero2_offload", gradient_accumulation_steps=4) == 8 * SHARE
    assert over("pcie_to_gpu", "fsdp2_offload", gradient_accumulation_steps=4) == 32 * SHARE


def test_nvme_reads_and_writes_master_weights_both_moments_and_gradients_in_fp32() -> None:
    """16 bytes a parameter each way, and 16-bit parameters beyond what the host keeps."""
    beyond = SHARE - PARAMETERS_KEPT_IN_HOST
    gathered = 2 * SHARE - 1_000_000_000 // 8 - 2 * PARAMETERS_KEPT_IN_HOST
    assert gathered < 0 < beyond
    assert over("nvme_read", "zero_infinity") == 8 * 16 * SHARE
    assert over("nvme_write", "zero_infinity") == 8 * (16 * SHARE + 2 * beyond)


def test_parameters_that_the_host_cannot_keep_are_read_for_every_gather() -> None:
    few = over("nvme_read", "zero_infinity", gpus=2)
    share = 4 * SHARE
    gathered = 2 * share - 1_000_000_000 // 2 - 2 * PARAMETERS_KEPT_IN_HOST
    assert few == 2 * (16 * share + 2 * gathered)


def test_only_adapters_have_gradients_to_move() -> None:
    job = a_job(LLAMA, method="lora")
    trained = quantities_of(job.spec, "lora", job.training.lora).trained
    assert over("pcie_to_host", "zero2_offload", method="lora") == 4 * trained // 8


def test_the_floor_is_the_busier_direction_over_the_links_own_bandwidth() -> None:
    gpu = a_job().hardware.gpu
    floor = time_floor(gpu, flows("fsdp2_offload"))
    assert floor is not None
    assert gpu.pcie_gb_s is not None
    assert floor.seconds == pytest.approx(8 * SHARE / (gpu.pcie_gb_s * 1e9))
    assert "63 GB/s" in floor.link


def test_where_the_drive_is_slower_than_pcie_it_sets_the_floor_and_is_called_assumed() -> None:
    floor = time_floor(a_job().hardware.gpu, flows("zero_infinity"))
    assert floor is not None
    written = over("nvme_write", "zero_infinity")
    assert floor.seconds == pytest.approx(written / (NVME_GB_S * 1e9))
    assert "assumed" in floor.link


def test_a_superchip_reaches_its_host_faster_than_pcie() -> None:
    superchip = a_job(gpu="gh200-96").hardware.gpu
    moving = flows("fsdp2_offload")
    fast, slow = time_floor(superchip, moving), time_floor(a_job().hardware.gpu, moving)
    assert fast is not None
    assert slow is not None
    assert fast.seconds < slow.seconds / 5


def test_without_a_known_link_there_is_no_floor() -> None:
    gpu = replace(a_job().hardware.gpu, pcie="", pcie_gb_s=None)
    assert time_floor(gpu, flows("fsdp2_offload")) is None


@pytest.mark.parametrize("strategy", OFFLOADING)
def test_every_flow_is_positive_and_cites_its_source(strategy: str) -> None:
    found = flows(strategy, gpus=2)
    assert found
    for flow in found:
        assert flow.bytes > 0
        assert flow.source
        assert flow.source_url.startswith("https://")
        assert flow.values

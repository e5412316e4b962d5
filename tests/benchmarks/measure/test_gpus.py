"""Which GPU of the catalogue a driver's name and memory mean."""

from __future__ import annotations

import pytest

from app.catalog import load_catalog
from app.domain.errors import InvalidInput
from benchmarks.measure.gpus import gpu_id

MIB = 2**20


def found(name: str, mib: int) -> str:
    return gpu_id(name, mib * MIB, (entry.gpu for entry in load_catalog().gpus.values()))


@pytest.mark.parametrize(
    ("name", "mib", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", 81559, "h100-80-sxm"),
        ("NVIDIA H100 PCIe", 81559, "h100-80-pcie"),
        ("NVIDIA H100 NVL", 95830, "h100-94-nvl"),
        ("NVIDIA H200", 143771, "h200-141-sxm"),
        ("NVIDIA H200 NVL", 143771, "h200-141-nvl"),
        ("NVIDIA A100-SXM4-80GB", 81920, "a100-80-sxm"),
        ("NVIDIA A100-SXM4-40GB", 40960, "a100-40-sxm"),
        ("NVIDIA A100 80GB PCIe", 81920, "a100-80-pcie"),
        ("NVIDIA L40S", 46068, "l40s"),
        ("NVIDIA L4", 23034, "l4"),
        ("NVIDIA GeForce RTX 4090", 24564, "rtx4090"),
        ("NVIDIA GeForce RTX 3090", 24576, "rtx3090"),
        ("NVIDIA RTX 6000 Ada Generation", 49140, "rtx6000ada"),
        ("NVIDIA RTX A6000", 49140, "a6000"),
        ("Tesla T4", 15360, "t4"),
    ],
)
def test_a_known_gpu_is_found_by_its_name_and_memory(name: str, mib: int, expected: str) -> None:
    assert found(name, mib) == expected


@pytest.mark.parametrize(("name", "mib"), [("NVIDIA H200", 81559), ("NVIDIA TITAN Xp", 12288)])
def test_a_gpu_that_the_catalogue_does_not_know_must_be_named(name: str, mib: int) -> None:
    with pytest.raises(InvalidInput, match="--gpu"):
        found(name, mib)

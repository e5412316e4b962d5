"""The facts of a GPU in one list: what each is called, its unit, and how it is known.

Pages, the API and the profile form are made from this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.catalog.records import Basis, Confidence, Ecc, Evidence, GpuEntry

Value = str | int | float | bool | None
Group = Literal["memory", "compute", "links", "body"]
Unit = Literal["", "bytes", "GB", "GB/s", "TFLOPS", "W"]

ECC_WORDS: dict[Ecc, str] = {
    "none": "None",
    "built_in": "Built in: takes none of the memory",
    "inline_on": "Inline, on in the figure to plan with: it takes a sixteenth of the memory",
    "inline_off": "Inline, off in the figure to plan with: switched on it takes a sixteenth",
}
CUDA_LIST = "https://developer.nvidia.com/cuda-gpus"
ROCM_LIST = "https://rocm.docs.amd.com/en/latest/reference/gpu-specs.html"

_SHARED = "memory is of one device, everything else of the package"

# What is known in the same way of every GPU, unless its record says otherwise.
_PCIE_RATE = Evidence(
    basis="derived",
    source="lanes × rate × encoding of the PCI Express generation, one direction",
    confidence="high",
)
_HBM_ECC = Evidence(
    basis="vendor",
    source="HBM keeps its check bits beside the data: ECC does not change what the driver reports",
    confidence="high",
)
_NATIVE = Evidence(
    basis="derived", source="from the architecture's matrix units", confidence="high"
)


@dataclass(frozen=True)
class Known:
    """A fact's evidence in full."""

    basis: Basis
    source: str
    source_url: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Fact:
    """One fact of every GPU. `key` is its name in the API and, if `own`, in a hardware profile."""

    key: str
    label: str
    group: Group
    value: Callable[[GpuEntry], Value]
    unit: Unit = ""
    own: bool = False
    evidence: Callable[[GpuEntry], Evidence | None] = lambda _entry: None
    note: Callable[[GpuEntry], str | None] = lambda _entry: None

    def known(self, entry: GpuEntry) -> Known:
        """How the fact is known of a GPU."""
        found = self.evidence(entry) or entry.evidence.default
        default = entry.evidence.default
        return Known(
            found.basis,
            found.source or default.source or entry.source,
            found.source_url,
            found.confidence or default.confidence or entry.confidence,
        )


def _with_text(evidence: Evidence, text: str) -> Evidence:
    return evidence if evidence.source else evidence.model_copy(update={"source": text})


def _target(entry: GpuEntry) -> Evidence:
    cuda = entry.vendor == "nvidia"
    return Evidence(
        basis="vendor",
        source="NVIDIA's list of CUDA GPUs" if cuda else "AMD GPU specifications, LLVM target",
        source_url=CUDA_LIST if cuda else ROCM_LIST,
        confidence="high",
    )


def _dies(entry: GpuEntry) -> str | None:
    dies, devices = entry.compute_dies, entry.devices_per_package
    if dies == 1:
        return None
    return "each is a device of its own" if devices == dies else "together one device to software"


def _seen(entry: GpuEntry) -> str | None:
    return f"seen, in MiB: {entry.torch_mib_seen}" if entry.torch_mib_seen else None


FACTS: tuple[Fact, ...] = (
    Fact(
        "torch_bytes", "Memory that PyTorch sees, per device", "memory",
        lambda e: e.gpu.torch_bytes, "bytes", own=True,
        evidence=lambda e: _with_text(e.evidence.torch, e.plan_basis), note=_seen,
    ),
    Fact(
        "driver_bytes", "Memory that the driver reports, per device", "memory",
        lambda e: e.gpu.driver_bytes, "bytes", own=True,
        evidence=lambda e: _with_text(e.evidence.driver, e.driver_evidence),
        note=lambda e: f"{e.driver_mib // e.devices_per_package:,} MiB",
    ),
    Fact(
        "memory_gb", "Memory as sold, per package", "memory", lambda e: e.memory_gb, "GB",
        own=True, evidence=lambda e: e.evidence.memory_gb, note=lambda e: e.memory_note,
    ),
    Fact("memory_type", "Memory type", "memory", lambda e: e.memory_type),
    Fact(
        "ecc", "Error correction", "memory", lambda e: ECC_WORDS[e.ecc],
        evidence=lambda e: e.evidence.ecc or (_HBM_ECC if e.ecc == "built_in" else None),
    ),
    Fact(
        "memory_bandwidth_gb_s", "Memory bandwidth", "memory",
        lambda e: e.memory_bandwidth_gb_s, "GB/s", own=True,
    ),
    Fact(
        "devices_per_package", "Devices per package", "memory", lambda e: e.devices_per_package,
        evidence=lambda e: e.evidence.compute_dies,
        note=lambda e: _SHARED if e.devices_per_package > 1 else None,
    ),
    Fact(
        "compute_dies", "Compute dies", "memory", lambda e: e.compute_dies,
        evidence=lambda e: e.evidence.compute_dies, note=_dies,
    ),
    Fact(
        "compute_capability", "Compute capability", "compute",
        lambda e: e.compute_capability or None, own=True, evidence=_target,
    ),
    Fact(
        "bf16_native", "bf16 training", "compute", lambda e: e.bf16_native, own=True,
        evidence=lambda e: e.evidence.bf16_native or _NATIVE,
    ),
    Fact(
        "bf16_tflops", "bf16, dense", "compute", lambda e: e.bf16_tflops, "TFLOPS", own=True,
        evidence=lambda e: e.evidence.bf16_tflops, note=lambda e: e.compute_note,
    ),
    Fact("fp8_tflops", "fp8, dense", "compute", lambda e: e.fp8_tflops, "TFLOPS"),
    Fact("tf32_tflops", "TF32, dense", "compute", lambda e: e.tf32_tflops, "TFLOPS"),
    Fact("fp32_tflops", "fp32", "compute", lambda e: e.fp32_tflops, "TFLOPS"),
    Fact("interconnect", "Link between GPUs", "links", lambda e: e.interconnect, own=True),
    Fact(
        "interconnect_gb_s", "Link bandwidth, both directions", "links",
        lambda e: e.interconnect_gb_s or None, "GB/s", own=True,
    ),
    Fact("pcie", "Link to the host", "links", lambda e: e.pcie, own=True),
    Fact(
        "pcie_gb_s", "PCI Express bandwidth, one direction", "links",
        lambda e: e.pcie_gb_s, "GB/s", own=True,
        evidence=lambda e: e.evidence.pcie_gb_s or _PCIE_RATE,
    ),
    Fact("power_w", "Power", "body", lambda e: e.power_w, "W", own=True),
    Fact("form_factor", "Form factor", "body", lambda e: e.form_factor),
    Fact("launch_year", "Launched", "body", lambda e: e.launch_year),
)  # fmt: skip

BASIS_WORDS: dict[Basis, str] = {
    "measured": "Measured",
    "vendor": "Published by the vendor",
    "third_party": "Third-party tables",
    "derived": "Derived",
    "assumed": "Assumed",
}

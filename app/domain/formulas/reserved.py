"""What the caching allocator holds at its highest. All of it is fitted, on every measured run.

Beyond the peak it keeps segments that no later tensor fills: pieces of the logits that the next,
larger piece cannot use, what each stream's pool keeps to itself, and what was freed once training
had been set up. So the terms are these sizes, and the factors are fitted for each engine.

Symbols, in bytes: p the peak, r what is resident between steps, s what the optimizer's step adds to
that, l the 16-bit logits; in elements: R parameters outside the layers, w those of one layer, E the
embedding, T trained parameters, m the reduction bucket. Measured on H200 with PyTorch 2.11.
"""

from __future__ import annotations

from app.domain.units import Integer


def reserved_replicated(p: Integer, l: Integer, r: Integer) -> Integer:
    """p + 1.27 × l + 0.14 × r. Fitted on the DDP and single-GPU runs."""
    return p + (127 * l + 14 * r) // 100


def reserved_fsdp2(p: Integer, R: Integer, s: Integer) -> Integer:
    """1.15 × p + 4.56 × R + 0.16 × s. Fitted on the FSDP2 runs: pools per stream share nothing."""
    return p + (15 * p + 456 * R + 16 * s) // 100


def reserved_fsdp1(p: Integer, l: Integer, T: Integer, E: Integer) -> Integer:
    """p + 1.51 × l + 0.52 × T + 14 × E. Fitted on the FSDP1 runs."""
    return p + (151 * l + 52 * T) // 100 + 14 * E


def reserved_zero12(p: Integer, r: Integer, T: Integer, s: Integer) -> Integer:
    """p + 0.18 × r + 2.18 × T + 0.27 × s. Fitted on ZeRO-1 and 2: the parameters once unflattened.

    With the optimizer offloaded other buffers count, see `reserved_zero2_offload`.
    """
    return p + (18 * r + 218 * T + 27 * s) // 100


def reserved_zero2_offload(p: Integer, r: Integer, E: Integer, m: Integer) -> Integer:
    """p + 0.53 × r + 6.7 × E + 7 × m. Fitted on the ZeRO-Offload runs."""
    return p + (53 * r + 670 * E) // 100 + 7 * m


def reserved_zero3(p: Integer, w: Integer, s: Integer) -> Integer:
    """1.22 × p + 4.94 × w + 0.54 × s. Fitted on the ZeRO-3 runs."""
    return p + (22 * p + 494 * w + 54 * s) // 100


def reserved_zero3_offload(p: Integer, r: Integer, m: Integer) -> Integer:
    """1.22 × p + 0.71 × r + 1.86 × m. Fitted on the ZeRO-3 runs with offload."""
    return p + (22 * p + 71 * r + 186 * m) // 100

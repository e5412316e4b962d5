"""Bytes are integers. GiB is 2^30, GB is 10^9, and the two are never mixed up.

Formulas are integer arithmetic, so that one plan (Python's int) and a sweep (NumPy's int64 arrays)
run through the same functions and agree to the byte.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeAlias

import numpy as np

KIB = 2**10
MIB = 2**20
GIB = 2**30
GB = 10**9

# A Python int, or an int64 array of them: every formula takes and returns either.
Integer: TypeAlias = Any


def ceil_div(numerator: Integer, denominator: Integer) -> Integer:
    """The quotient rounded up: how much the largest of `denominator` shards holds."""
    return -(-numerator // denominator)


def largest(*values: Integer) -> Integer:
    """The element-wise maximum of ints or arrays."""
    for value in values:
        if isinstance(value, np.ndarray):
            return reduce(np.maximum, values)
    return max(values)


def smallest(*values: Integer) -> Integer:
    """The element-wise minimum of ints or arrays."""
    for value in values:
        if isinstance(value, np.ndarray):
            return reduce(np.minimum, values)
    return min(values)


def power_of_two_above(value: Integer) -> Integer:
    """The smallest power of two that is not below `value`; 0 stays 0."""
    if not isinstance(value, np.ndarray):
        return 1 << (value - 1).bit_length() if value > 0 else 0
    bits = value - 1
    for places in (1, 2, 4, 8, 16, 32):
        bits = bits | bits >> places
    return bits + 1

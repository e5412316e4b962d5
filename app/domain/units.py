"""Bytes are integers. GiB is 2^30, GB is 10^9, and the two are never mixed up."""

from __future__ import annotations

KIB = 2**10
MIB = 2**20
GIB = 2**30
GB = 10**9

"""Addresses that a form or a query names to go back to: pages of ours and nothing else."""

from __future__ import annotations


def own_page(address: str) -> str:
    """The address when it is a path of ours, else the planner."""
    path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if path and address.isprintable() else "/"

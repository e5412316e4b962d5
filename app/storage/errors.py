"""What storage says when it cannot serve."""

from __future__ import annotations


class StorageUnavailable(Exception):
    """The database cannot be reached, is full, or stays locked by somebody else."""


class SchemaTooNew(Exception):
    """The database was migrated by a newer version of the product than this one."""

"""The catalogue: models and GPUs as data files, and the importer for everything outside it."""

from app.catalog.loading import Catalog, load_catalog, no_such, read_catalog
from app.catalog.records import CloudRate, GpuEntry, ModelEntry, Price, SystemEntry

__all__ = [
    "Catalog",
    "CloudRate",
    "GpuEntry",
    "ModelEntry",
    "Price",
    "SystemEntry",
    "load_catalog",
    "no_such",
    "read_catalog",
]

"""A saved model or system in the planner: one line that stands for the fields it replaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidInput
from app.domain.units import GIB
from app.services.container import Services
from app.services.errors import NotFound
from app.web import forms
from app.web.forms import EXAMPLE, Submission
from app.web.numbers import integer
from app.web.scenario import hardware_name


@dataclass(frozen=True)
class Saved:
    """A chosen profile. `change` is the address of the same job with fields in its place.

    `has_towers`: whether it is a model with encoders that can be trained or left out.
    """

    id: str
    name: str
    facts: str
    change: str
    has_towers: bool = False


def saved_model(services: Services, submission: Submission, shown: Submission) -> Saved | None:
    """The saved model that a form plans with, None where it has a model field."""
    profile = _chosen(submission, "model_profile")
    if not profile:
        return None
    try:
        found = services.model_profiles.get(profile)
        towers = services.model_profiles.has_towers(profile)
    except NotFound:
        return None
    name, base = found.name, found.base
    fields = {"model": {"profile": None, "id": base or EXAMPLE.model.id, "towers": None}}
    change = _without(submission, shown, fields)
    return Saved(profile, name, base or "from a config.json", change, towers)


def saved_hardware(services: Services, submission: Submission, shown: Submission) -> Saved | None:
    """The saved system that a form plans with, None where it has hardware fields."""
    profile = _chosen(submission, "hardware_profile")
    if not profile:
        return None
    try:
        name = services.hardware_profiles.get(profile).name
        machine = services.profiles.hardware(profile)
    except (InvalidInput, NotFound):  # InvalidInput: the catalogue no longer has its GPU
        return None
    host, nvme = machine.host_memory_bytes // GIB, machine.nvme_bytes // GIB
    fields = {
        "profile": None,
        "gpu": machine.gpu.id,
        "gpus_per_node": machine.gpus_per_node,
        "nodes": machine.nodes,
        "host_memory_gib": host,
        "nvme_gib": nvme,
        "usable_memory_bytes": machine.usable_memory_bytes,
    }
    facts = f"{hardware_name(machine)}, {integer(host)} GiB host, {integer(nvme)} GiB NVMe"
    return Saved(profile, name, facts, _without(submission, shown, {"hardware": fields}))


def _chosen(submission: Submission, name: str) -> str:
    return "" if name in submission.errors else submission.values[name]


def _without(submission: Submission, shown: Submission, fields: dict[str, Any]) -> str:
    """The planner's address with fields instead of a profile."""
    job = submission if submission.request is not None else shown
    if job.request is None:
        return "/"
    request, preferences = forms.patched(job.request, job.preferences, fields)
    return "/?" + forms.query(request, preferences, job.view)

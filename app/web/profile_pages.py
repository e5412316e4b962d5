"""Saved models and systems: a page of each to read, edit, duplicate and delete it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.catalog.gpu_facts import BASIS_WORDS
from app.domain.errors import InvalidInput
from app.http.dependencies import ServicesDep, VersionField
from app.schemas.profiles import NewProfileCopy
from app.services.concurrency import IfMatch
from app.services.container import Services
from app.services.errors import PreconditionFailed
from app.services.profiles import Document, New, ProfileService
from app.web import profile_forms
from app.web.options import options_of
from app.web.rendering import render
from app.web.sent import FormDep, messages, texts_of

router = APIRouter(include_in_schema=False)

Texts = Mapping[str, str]
ALL_FACTS = "all"


@dataclass(frozen=True)
class Kind(Generic[New, Document]):
    """A kind of profile: its address, its words, its form, and what its page shows beside.

    `start` fills a new form from the address, `more` is what the template needs of the texts.
    """

    path: str
    thing: str
    listed: str
    planner: str
    template: str
    service: Callable[[Services], ProfileService[New, Document]]
    read: Callable[[Texts], New]
    texts: Callable[[New], dict[str, str]]
    start: Callable[[Services, Texts], dict[str, str]]
    more: Callable[[Services, Texts], dict[str, Any]]


def _start_model(services: Services, query: Texts) -> dict[str, str]:
    base = query.get("base", "")
    entry = services.catalog.models.get(base)
    if entry is None:
        return {}
    if query.get("with") == "config":
        config = profile_forms.config_text(entry.config)
        return {"name": f"{entry.name}, changed", "config": config}
    return {"name": entry.name, "base": entry.id}


def _start_hardware(services: Services, query: Texts) -> dict[str, str]:
    system = services.catalog.systems.get(query.get("system", ""))
    if system is not None:
        document = services.catalog_documents.system(system.id)
        return profile_forms.blank_hardware() | profile_forms.system_texts(document)
    given = query.get("gpu", "")
    gpu = given if given in services.catalog.gpus else next(iter(services.catalog.gpus))
    return profile_forms.blank_hardware() | {"gpu": gpu}


def _more_model(services: Services, _texts: Texts) -> dict[str, Any]:
    return {"model_ids": list(services.catalog.models)}


def _more_hardware(services: Services, texts: Texts) -> dict[str, Any]:
    gpu = texts.get("gpu", "")
    known = gpu in services.catalog.gpus
    facts = services.catalog_documents.gpu(gpu).facts if known else []
    return {
        "gpu_groups": options_of(services).gpus,
        "overrides": profile_forms.overrides_of(facts, texts),
        "gpu_entry": services.catalog.gpus.get(gpu),
        "basis_words": BASIS_WORDS,
    }


MODELS = Kind(
    "model-profiles", "model", "/models", "model_profile", "profiles/model.html",
    lambda services: services.model_profiles, profile_forms.read_model, profile_forms.model_texts,
    _start_model, _more_model,
)  # fmt: skip
HARDWARE = Kind(
    "hardware-profiles", "system", "/gpus", "hardware_profile", "profiles/hardware.html",
    lambda services: services.hardware_profiles, profile_forms.read_hardware,
    profile_forms.hardware_texts, _start_hardware, _more_hardware,
)  # fmt: skip


class Pages(Generic[New, Document]):
    """The pages of one kind of profile."""

    def __init__(self, kind: Kind[New, Document]) -> None:
        self._kind = kind
        self._of = kind.service

    def add_to(self, router: APIRouter) -> None:
        """Serves them below the kind's address."""
        path, name = f"/{self._kind.path}", self._kind.planner
        one = f"{path}/{{profile_id}}"
        for address, method, endpoint in (
            (f"{path}/new", "GET", self.new),
            (path, "POST", self.create),
            (one, "GET", self.read),
            (one, "POST", self.change),
            (f"{one}/duplicate", "POST", self.duplicate),
            (f"{one}/delete", "GET", self.ask),
            (f"{one}/delete", "POST", self.delete),
        ):
            router.add_api_route(
                address, endpoint, methods=[method], name=f"{endpoint.__name__}_{name}"
            )

    def new(self, request: Request, services: ServicesDep) -> Response:
        """The form of a profile that is not saved yet."""
        return self._page(request, services, self._kind.start(services, request.query_params))

    def create(self, request: Request, services: ServicesDep, form: FormDep) -> Response:
        """Saves a profile; with `look` the form is drawn again for another GPU."""
        texts = texts_of(form)
        if "look" in texts:
            return self._page(request, services, texts)
        try:
            created = self._of(services).create(self._kind.read(texts))
        except InvalidInput as error:
            return self._page(request, services, texts, None, messages(error), 422)
        return RedirectResponse(f"/{self._kind.path}/{created.id}?saved=created", status_code=303)

    def read(self, request: Request, services: ServicesDep, profile_id: str) -> Response:
        """A profile, to read and to edit."""
        service = self._of(services)
        row = service.row(profile_id)
        texts = self._kind.texts(service.source(row))
        notice = _NOTICES.get(request.query_params.get("saved", ""), "")
        return self._page(request, services, texts, service.show(row), notice=notice)

    def change(
        self,
        request: Request,
        services: ServicesDep,
        profile_id: str,
        version: VersionField,
        form: FormDep,
    ) -> Response:
        """Saves a profile's new contents; `reset` names a fact that is the catalogue's again."""
        service = self._of(services)
        texts = _without_resets(texts_of(form))
        if "look" in texts:
            return self._page(request, services, texts, service.get(profile_id))
        try:
            new = self._kind.read(texts)
            service.replace(profile_id, new, IfMatch(frozenset({version})))
        except InvalidInput as error:
            told = messages(error)
            return self._page(request, services, texts, service.get(profile_id), told, 422)
        except PreconditionFailed:
            told = {"": _CHANGED}
            return self._page(request, services, texts, service.get(profile_id), told, 412)
        return RedirectResponse(f"/{self._kind.path}/{profile_id}?saved=changed", status_code=303)

    def duplicate(self, services: ServicesDep, profile_id: str) -> Response:
        """Saves a profile again, as a copy to edit."""
        created = self._of(services).copy(profile_id, NewProfileCopy())
        return RedirectResponse(f"/{self._kind.path}/{created.id}?saved=copied", status_code=303)

    def ask(self, request: Request, services: ServicesDep, profile_id: str) -> Response:
        """What would be deleted, and which plans were made with it."""
        profile = self._of(services).get(profile_id)
        used_by = services.plans.using(profile_id)
        context = {"kind": self._kind, "profile": profile, "used_by": used_by}
        return render(request, "profiles/delete.html", context)

    def delete(self, services: ServicesDep, profile_id: str, version: VersionField) -> Response:
        """Deletes a profile; plans made with it keep their results."""
        self._of(services).delete(profile_id, IfMatch(frozenset({version})))
        return RedirectResponse("/profiles?saved=deleted", status_code=303)

    def _page(
        self,
        request: Request,
        services: Services,
        texts: Texts,
        profile: Any = None,
        errors: Texts | None = None,
        status: int = 200,
        notice: str = "",
    ) -> Response:
        context = {
            "kind": self._kind,
            "profile": profile,
            "values": texts,
            "errors": errors or {},
            "used_by": [] if profile is None else services.plans.using(profile.id),
            "notice": notice,
            **self._kind.more(services, texts),
        }
        return render(request, self._kind.template, context, status=status)


_NOTICES = {
    "created": "Saved. It stands in the planner’s menu now.",
    "changed": "Saved. Plans made with it before keep what it was.",
    "copied": "This is a copy. Give it a name of its own.",
}
_CHANGED = (
    "Somebody else has changed this since you opened it. Your text is below; save again to keep it."
)


def _without_resets(texts: dict[str, str]) -> dict[str, str]:
    """The form's texts without the facts that go back to the catalogue's."""
    reset = texts.pop("reset", "")
    if not reset:
        return texts
    gone = profile_forms.FACT_NAMES if reset == ALL_FACTS else {reset}
    return {name: text for name, text in texts.items() if name not in gone}


Pages(MODELS).add_to(router)
Pages(HARDWARE).add_to(router)

"""What routes ask for: the services, and the headers that change how a request is done."""

from __future__ import annotations

import re
from typing import Annotated, cast

from fastapi import Depends, Form, Header, Path, Request

from app.domain.errors import FieldError, InvalidInput
from app.http.access import principal_of
from app.services.concurrency import IfMatch
from app.services.container import Services, Workspaces
from app.services.errors import PreconditionRequired

_ENTITY_TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def services_of(request: Request) -> Services:
    """The services of the workspace that whoever asks belongs to."""
    workspaces = cast(Workspaces, request.app.state.workspaces)
    return workspaces.of(principal_of(request))


def etag(version: int) -> str:
    """The strong entity tag of an object's version."""
    return f'"{version}"'


def parse_if_match(value: str | None) -> IfMatch:
    """`If-Match` as the versions that it allows. Weak and foreign tags match nothing.

    Raises:
        PreconditionRequired: there is no such header.
    """
    if value is None:
        raise PreconditionRequired(
            "Send If-Match with the ETag that you read, so that nobody's change is lost."
        )
    if value.strip() == "*":
        return IfMatch(None)
    tags = (_ENTITY_TAG.fullmatch(tag) for tag in value.split(","))
    strong = {tag[2] for tag in tags if tag is not None and not tag[1]}
    return IfMatch(frozenset(int(tag) for tag in strong if re.fullmatch(r"[1-9]\d{0,17}", tag)))


def _if_match(
    if_match: Annotated[
        str | None,
        Header(description="The ETag of the version to change.", examples=['"1"']),
    ] = None,
) -> IfMatch:
    return parse_if_match(if_match)


def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Makes a repeat safe: the same key and body get the first answer again.",
            examples=["7f1e4f0c-quote-1042"],
        ),
    ] = None,
) -> str | None:
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise InvalidInput(
            FieldError(
                "/header/idempotency-key", "Use 1 to 255 visible ASCII characters without spaces."
            )
        )
    return idempotency_key


# The version that a page was drawn from, in its form. The bound is what databases can compare.
VersionPath = Annotated[int, Path(ge=1, le=2**31 - 1)]
VersionField = Annotated[int, Form(ge=1, le=2**31 - 1)]

ServicesDep = Annotated[Services, Depends(services_of)]
IfMatchDep = Annotated[IfMatch, Depends(_if_match)]
IdempotencyKeyDep = Annotated[str | None, Depends(_idempotency_key)]

"""What a form sent: files and JSON as documents, bodies as schemas, errors beside their fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from app.domain.errors import FieldError, InvalidInput
from app.schemas.json_text import NotJson, read_json
from app.services.pointers import moved_pointers

Body = TypeVar("Body", bound=BaseModel)


async def _form(request: Request) -> AsyncIterator[FormData]:
    async with request.form() as form:
        yield form


FormDep = Annotated[FormData, Depends(_form)]


def texts_of(form: FormData) -> dict[str, str]:
    """The fields of a form that are text, each by its name; of several values the last."""
    return {name: value for name, value in form.items() if isinstance(value, str)}


def file_text(form: FormData, name: str, pointer: str) -> str:
    """The text of a chosen file, "" where none was chosen.

    Raises:
        InvalidInput: it is no text; at `pointer`.
    """
    file = form.get(name)
    if not isinstance(file, UploadFile) or not file.size:
        return ""
    try:
        return file.file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(FieldError(pointer, "This file is not UTF-8 text.")) from None


def json_object(text: str, pointer: str) -> dict[str, Any]:
    """A pasted JSON object. Raises InvalidInput at `pointer`, or below it."""
    try:
        with moved_pointers({"": pointer}):
            parsed = read_json(text)
    except NotJson as error:
        raise InvalidInput(FieldError(pointer, f"This is not JSON: {error}.")) from None
    if not isinstance(parsed, dict):
        raise InvalidInput(FieldError(pointer, "Paste the whole file, from { to }."))
    return parsed


def checked(kind: type[Body], body: Mapping[str, Any]) -> Body:
    """The body as the schema has it. Raises InvalidInput with a pointer per bad field."""
    try:
        return kind.model_validate(dict(body))
    except ValidationError as error:
        raise InvalidInput(
            *(
                FieldError(
                    "/" + "/".join(map(str, detail["loc"])),
                    f"{detail['msg'].removeprefix('Value error, ')}.",
                )
                for detail in error.errors()
            )
        ) from None


def messages(error: InvalidInput) -> dict[str, str]:
    """Messages by form field: what lies deep in a document belongs beside the document."""
    told: dict[str, str] = {}
    for pointer, detail in error.errors:
        field = pointer.strip("/").split("/")[0]
        where = pointer.removeprefix(f"/{field}").strip("/")
        named = where.rsplit("/", 1)[-1] in detail
        text = detail if named else f"{where}: {detail}"
        told[field] = f"{told[field]} {text}" if field in told else text
    return told

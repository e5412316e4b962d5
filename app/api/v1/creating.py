"""The answer to a POST that creates: 201 with Location and, where the object has one, an ETag."""

from __future__ import annotations

from fastapi import Request, Response

from app.http.dependencies import etag
from app.services.creating import FIRST_VERSION, Created


def created_response(request: Request, created: Created, collection: str | None = None) -> Response:
    """A new object of a collection, by default the one that was posted to.

    A repeat looks like the first time.
    """
    headers = {
        "Location": f"{collection or request.scope['path']}/{created.id}",
        "ETag": etag(FIRST_VERSION),
    }
    return Response(created.document, 201, headers=headers, media_type="application/json")

"""Plotly from the installed Python package, for pages that cannot reach the CDN."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse

from app.web.assets import PLOTLY_ROUTE, plotly_package_file

router = APIRouter(include_in_schema=False)


@router.get(PLOTLY_ROUTE)
def plotly() -> FileResponse:
    """The package's own plotly.js."""
    file = plotly_package_file()
    if file is None:
        raise HTTPException(404)
    return FileResponse(
        file, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"}
    )

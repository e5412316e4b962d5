"""From a template and a context to an answer: a whole page, or some of its blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2_fragments.fastapi import Jinja2Blocks
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from app.http.access import principal_of
from app.http.cookies import cookie
from app.http.static import STYLESHEET, static_url
from app.web import assets, navigation, numbers
from app.web.options import vendor_name

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
THEMES = ("light", "dark")

_AMOUNT = re.compile(r"(\d[\d,.]* GiB)")


def emphasised(text: str) -> Markup:
    """A sentence with its memory amounts in bold; everything else is escaped."""
    pieces = _AMOUNT.split(text)
    return Markup("").join(
        Markup("<strong>{}</strong>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )


def theme_of(request: Request) -> str:
    """The theme that the visitor chose, "" where the browser's preference decides."""
    chosen = cookie(request, "theme")
    return chosen if chosen in THEMES else ""


def _shared_context(request: Request) -> dict[str, Any]:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return {
        "theme": theme_of(request),
        "here": here,
        "path": request.url.path,
        "principal": principal_of(request),
    }


_templates = Jinja2Blocks(directory=TEMPLATES, context_processors=[_shared_context])
_templates.env.autoescape = True
_templates.env.trim_blocks = True
_templates.env.lstrip_blocks = True
_templates.env.globals.update(
    static=static_url,
    stylesheet=STYLESHEET,
    assets=assets,
    navigation=navigation,
    local_copy=assets.local_copy,
    fonts=assets.fonts_installed,
)
_templates.env.filters.update(
    gib=numbers.gib,
    gb=numbers.gb,
    signed_gib=numbers.signed_gib,
    signed_mib=numbers.signed_mib,
    whole_gib=numbers.whole_gib,
    integer=numbers.integer,
    parameters=numbers.parameters,
    percent=numbers.percent,
    signed_percent=numbers.signed_percent,
    error=numbers.error,
    error_size=numbers.error_size,
    emphasised=emphasised,
    vendor=vendor_name,
    card_price=lambda price: numbers.dollars(price.low_cents, price.high_cents),
    day=lambda moment: f"{moment:%-d %B %Y}",
    moment=lambda moment: f"{moment:%-d %b %Y, %H:%M} UTC",
)


def is_fragment_request(request: Request) -> bool:
    """Whether htmx asks for a part of the page. Going back in history needs all of it."""
    headers = request.headers
    return "HX-Request" in headers and "HX-History-Restore-Request" not in headers


def target_of(request: Request) -> str:
    """The id of the element that htmx will put the answer in."""
    return request.headers.get("HX-Target", "").rpartition("#")[2]


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    *,
    blocks: Sequence[str] = (),
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page, or only `blocks` of it. Caches keep the two apart by `Vary`."""
    return _templates.TemplateResponse(
        request,
        template,
        dict(context),
        status_code=status,
        headers={"Vary": "HX-Request, HX-Target, Cookie", **(headers or {})},
        block_names=list(blocks),
    )

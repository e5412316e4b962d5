"""The documents of docs/ as pages: written once, read in the repository and in the product."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.web.rendering import render

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"
INDEX = "README"

router = APIRouter(include_in_schema=False)


class Heading(NamedTuple):
    """A second-level heading of a document, for its table of contents."""

    anchor: str
    text: str


class Guide(NamedTuple):
    """A document as its page shows it: title, text without the title, headings."""

    title: str
    body: Markup
    contents: tuple[Heading, ...]


@router.get("/guides")
def index(request: Request) -> Response:
    """What there is to read, in the order of docs/README.md."""
    return render(request, "guides/page.html", {"guide": guide(INDEX), "index": True})


@router.get("/guides/{name}")
def document(request: Request, name: str) -> Response:
    """One document."""
    if name not in names():
        raise HTTPException(404, f"There is no guide {name!r}; /guides lists them all.")
    return render(request, "guides/page.html", {"guide": guide(name), "index": False})


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """The documents that have a page of their own."""
    return frozenset(path.stem for path in DOCUMENTS.glob("*.md")) - {INDEX}


@lru_cache
def guide(name: str) -> Guide:
    """Read and render docs/<name>.md; raw HTML in it is shown as text."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = re.sub(r"<!--.*?-->\n*", "", (DOCUMENTS / f"{name}.md").read_text(), flags=re.DOTALL)
    tokens = markdown.parse(text)
    contents = _name_headings(tokens)
    for token in tokens:
        _lead_links_to_pages(token.children or ())
    title, rest = tokens[1].content, tokens[3:]
    body = markdown.renderer.render(rest, markdown.options, {})
    return Guide(title, _within_reach(body), contents)


def _name_headings(tokens: Sequence[Token]) -> tuple[Heading, ...]:
    """Give every heading its id, as code hosts make them; return those of the second level."""
    found = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            anchor = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
            opening.attrSet("id", anchor)
            if opening.tag == "h2":
                found.append(Heading(anchor, text))
    return tuple(found)


def _lead_links_to_pages(tokens: Sequence[Token]) -> None:
    """A document's link to another leads to its page; one to a file without a page to no place."""
    for token in tokens:
        if token.type == "link_open":
            address = page_address(str(token.attrGet("href")))
            if address is None:
                token.attrs.pop("href")
            else:
                token.attrSet("href", address)


def page_address(link: str) -> str | None:
    """Where a link of docs/ leads in the product: an address as it is, None where no page is."""
    if re.match(r"https?://|/|#", link):
        return link
    path, _, anchor = link.partition("#")
    suffix = f"#{anchor}" if anchor else ""
    if path.startswith("formulas/"):
        return "/formulas"
    if path == f"{INDEX}.md":
        return "/guides"
    return f"/guides/{path[:-3]}{suffix}" if path[:-3] in names() else None


def _within_reach(html: str) -> Markup:
    """What is wider than the page scrolls inside its own frame, also by keyboard."""
    frame = '<div class="scroll" tabindex="0" role="region" aria-label="Table">'
    framed = html.replace("<table>", f"{frame}<table>").replace("</table>", "</table></div>")
    framed = framed.replace("<pre>", '<pre tabindex="0" role="region" aria-label="Example">')
    return Markup(framed)  # noqa: S704 - rendered from our own documents, with raw HTML off

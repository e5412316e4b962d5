"""A link as a QR code, for paper: drawn in the page, without style attributes."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def qr_of(address: str) -> Markup:
    """The code as an SVG element that takes its size and colour from the style sheet."""
    target = io.BytesIO()
    segno.make(address, error="m").save(
        target, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=0, svgclass="qr",
        lineclass=None, dark="#000", title="QR code of this link", nl=False,
    )  # fmt: skip
    return Markup(target.getvalue().decode())  # noqa: S704  # segno's own; it holds no text of ours

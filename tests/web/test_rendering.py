from __future__ import annotations

from app.web.rendering import emphasised


def test_amounts_are_bold_and_everything_else_is_escaped() -> None:
    assert emphasised("<b> needs 1,277.3 GiB & more") == (
        "&lt;b&gt; needs <strong>1,277.3 GiB</strong> &amp; more"
    )

"""A check of our own for Schemathesis: whoever is refused is told where and why."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

PARAMETERS = {"query", "header", "path"}


@schemathesis.check
def a_refusal_names_a_place(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Each error of a 422 points to a parameter, or to a place in the body or just beside one."""
    if response.status_code != 422:
        return
    errors = response.json()["errors"]
    assert errors, "a 422 without errors"
    for error in errors:
        tokens = [
            token.replace("~1", "/").replace("~0", "~") for token in error["pointer"].split("/")[1:]
        ]
        place = tokens[:1] and tokens[0] in PARAMETERS
        assert place or is_near(case.body, tokens), f"{error['pointer']} leads nowhere"
        assert error["detail"].endswith((".", "?")), f"{error['detail']!r} is no sentence"


def is_near(document: object, tokens: list[str]) -> bool:
    """Whether all but the last token lead through a document."""
    for token in tokens[:-1]:
        if isinstance(document, dict) and token in document:
            document = document[token]
        elif isinstance(document, list) and token.isdigit() and int(token) < len(document):
            document = document[int(token)]
        else:
            return False
    return True

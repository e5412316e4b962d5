"""A cache that lives and dies with a model.

What follows from a model alone is computed once for each of the catalogue's, which live as long as
the process, and forgotten together with a model that came with a request.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Rest = ParamSpec("Rest")
Result = TypeVar("Result")

# Answers kept per model: more what-ifs than a person tries on one.
KEPT = 128


def per_model(
    function: Callable[Concatenate[Owner, Rest], Result],
) -> Callable[Concatenate[Owner, Rest], Result]:
    """Cache a function's answers on its first argument, by its other (hashable) arguments."""

    @wraps(function)
    def cached(owner: Owner, /, *rest: Rest.args, **named: Rest.kwargs) -> Result:
        answers: dict[Any, Result] = owner.__dict__.setdefault("_per_model", {})
        key = (function, *rest, *named.values())
        if key not in answers:
            if len(answers) >= KEPT:
                answers.clear()
            answers[key] = function(owner, *rest, **named)
        return answers[key]

    return cached

"""Objects merge, lists and scalars replace; what comes out is validated like any request."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.patching import Patch, apply, merge
from tests.factories import Json, estimate_request


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_objects_merge_and_everything_else_replaces(
    target: Patch, patch: Patch, merged: Patch
) -> None:
    assert merge(target, patch) == merged


def test_merging_changes_neither_side() -> None:
    target: Json = {"training": {"method": "full"}}
    patch: Json = {"training": {"method": "lora"}}
    merge(target, patch)["training"]["extra"] = True
    assert target == {"training": {"method": "full"}}
    assert patch == {"training": {"method": "lora"}}


def patched(patch: Patch) -> tuple[EstimateRequest, Preferences]:
    request = EstimateRequest.model_validate(estimate_request())
    return apply(request, Preferences(debugging_matters=True), patch)


def test_a_patch_changes_what_it_names_and_leaves_the_rest() -> None:
    request, preferences = patched(
        {"training": {"method": "lora"}, "preferences": {"offload": "cpu"}, "strategies": ["ddp"]}
    )
    expected = estimate_request(training={"method": "lora"}, strategies=["ddp"])
    assert request == EstimateRequest.model_validate(expected)
    assert preferences == Preferences(offload="cpu", debugging_matters=True)


def test_an_empty_patch_changes_nothing() -> None:
    request, preferences = patched({})
    assert request == EstimateRequest.model_validate(estimate_request())
    assert preferences == Preferences(debugging_matters=True)


@pytest.mark.parametrize(
    "patch", [{"training": {"method": "magic"}}, {"extra": 1}, {"preferences": {"offload": "tape"}}]
)
def test_a_patch_that_makes_no_valid_request_is_refused(patch: Patch) -> None:
    with pytest.raises(ValidationError):
        patched(patch)

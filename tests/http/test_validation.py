from __future__ import annotations

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from app.http.validation import field_errors
from app.schemas.estimates import EstimateRequest
from app.schemas.profiles import NewHardwareProfile, NewModelProfile
from tests.factories import estimate_request, merged, new_hardware_profile


def errors_of(model: type[BaseModel], body: Any) -> dict[str, str]:
    """What is said about a body that a route takes as `model`."""

    def endpoint(body: BaseModel) -> None: ...

    endpoint.__annotations__["body"] = model
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    raised = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    found = field_errors(RequestValidationError(raised, body=body), endpoint)
    return {error.pointer: error.detail for error in found}


def bad_estimate(**changes: Any) -> dict[str, str]:
    return errors_of(EstimateRequest, estimate_request(**changes))


def test_a_missing_field_is_asked_for() -> None:
    assert errors_of(EstimateRequest, {"model": {}}) == {"/hardware": "Add this field."}


def test_the_alternatives_of_a_union_are_one_sentence_at_the_real_place() -> None:
    assert bad_estimate(options={"deepspeed": {"reduce_bucket_size": -1}}) == {
        "/options/deepspeed/reduce_bucket_size": "Use a number that is at least 0 or use 'auto'."
    }
    assert bad_estimate(training={"lora": {"target_modules": 3}}) == {
        "/training/lora/target_modules": "Use text or use a list."
    }


def test_an_unknown_field_names_the_nearest_known_one() -> None:
    assert bad_estimate(training={"sequence_lenght": 1}) == {
        "/training/sequence_lenght": (
            "There is no field 'sequence_lenght': did you mean 'sequence_length'?"
        )
    }


def test_an_unknown_field_without_a_near_one_lists_the_known_ones() -> None:
    assert bad_estimate(options={"fsdp": {"qqq": 1}}) == {
        "/options/fsdp/qqq": "There is no field 'qqq': use reduce_dtype."
    }


def test_a_pointer_is_escaped() -> None:
    assert list(bad_estimate(**{"a/b~c": 1})) == ["/a~1b~0c"]


def test_a_place_in_a_list_is_its_index() -> None:
    assert bad_estimate(strategies=["zero3", 3]) == {"/strategies/1": "Use text."}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"training": {"fused_loss": "perhaps"}}, "Use true or false."),
        ({"training": {"micro_batch_size": 1.5}}, "Use a whole number."),
        ({"training": {"micro_batch_size": 10**30}}, "Use a number that is at most 65,536."),
        ({"hardware": {"nodes": None}}, "Use a whole number."),
        ({"hardware": []}, "Use an object."),
        ({"hardware": {"gpus_per_node": "4"}}, "Use a whole number."),
        ({"hardware": {"gpus_per_node": True}}, "Use a whole number."),
        ({"hardware": {"usable_memory_bytes": "1"}}, "Use a whole number."),
        ({"training": {"fused_loss": 1}}, "Use true or false."),
        ({"training": {"fused_loss": "true"}}, "Use true or false."),
        ({"options": {"deepspeed": {"sub_group_size": "5"}}}, "Use a whole number or use 'auto'."),
        ({"strategies": []}, "Give at least 1."),
        ({"strategies": "zero3"}, "Use a list."),
        ({"model": {"id": "x" * 300}}, "Use at most 200 characters."),
    ],
)
def test_each_kind_of_error_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert list(bad_estimate(**changes).values()) == [sentence]


@pytest.mark.parametrize(
    ("price", "sentence"),
    [
        (1.234, "Use at most 2 decimals."),
        (-1, "Use a number that is at least 0."),
        ("dear", "Use a number."),
        ("38000", "Use a number."),
        (True, "Use a number."),
        (1e13, "Use a number that is at most 1,000,000,000,000."),
    ],
)
def test_a_price_is_dollars_and_cents(price: object, sentence: str) -> None:
    body = new_hardware_profile(price_usd=price)
    assert errors_of(NewHardwareProfile, body) == {"/price_usd": sentence}


def test_a_whole_number_may_be_written_as_a_float() -> None:
    body = estimate_request(
        hardware={"usable_memory_bytes": 4e10},
        training={"sequence_length": 2048.0},
        options={"deepspeed": {"reduce_bucket_size": 5e8}},
    )
    read = EstimateRequest.model_validate(body)

    assert repr(read.training.sequence_length) == "2048"
    assert repr(read.hardware.usable_memory_bytes) == "40000000000"
    assert repr(read.options.deepspeed.reduce_bucket_size) == "500000000"


def test_numbers_of_a_machine_are_not_text() -> None:
    body = new_hardware_profile(pcie_gb_s="12.5", power_w="600", bf16_native="yes")
    assert errors_of(NewHardwareProfile, body) == {
        "/pcie_gb_s": "Use a number.",
        "/power_w": "Use a whole number.",
        "/bf16_native": "Use true or false.",
    }


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "\u202eabc", "a\u2028b"])
def test_a_name_has_no_control_characters(name: str) -> None:
    body = new_hardware_profile(name=name)
    assert "Remove the control character U+" in errors_of(NewHardwareProfile, body)["/name"]


@pytest.mark.parametrize(
    "name", ["\u200b", "\u00ad", "\ufeff", "\u3164", "\u2800", " \u200b\u3164 ", "\u0301"]
)
def test_a_name_can_be_seen(name: str) -> None:
    body = new_hardware_profile(name=name)
    told = {"/name": "Use at least one character that can be seen."}
    assert errors_of(NewHardwareProfile, body) == told


@pytest.mark.parametrize("name", ["7", "-", "日本", "\U0001f680", "a\u200bb"])
def test_whatever_can_be_seen_is_a_name(name: str) -> None:
    assert NewHardwareProfile.model_validate(new_hardware_profile(name=name)).name == name


def test_a_rule_about_the_whole_body_points_at_the_whole_body() -> None:
    assert errors_of(NewModelProfile, {"name": "x"}) == {
        "": "Give exactly one of config, base, dimensions or repository."
    }


def test_no_sentence_is_left_to_the_library() -> None:
    body = merged(
        new_hardware_profile(),
        {"compute_capability": "nine", "pcie_gb_s": 0, "nvme_gib": -1, "nodes": "1x"},
    )
    assert errors_of(NewHardwareProfile, body) == {
        "/compute_capability": "Use a version with one decimal, such as 9.0.",
        "/pcie_gb_s": "Use a number above 0.",
        "/nvme_gib": "Use a number that is at least 0.",
        "/nodes": "Use a whole number.",
    }

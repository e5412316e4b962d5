from __future__ import annotations

from typing import Any, get_args
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import FieldError
from app.domain.recipe import Trainer
from app.domain.training import (
    Allocator,
    AttentionKernel,
    Method,
    OptimizerId,
    OptimizerKernel,
    ReduceDtype,
)
from app.domain.training import PrecisionId as Precision
from app.schemas.estimates import DeepSpeedChoice, EstimateRequest
from app.schemas.planning import Preferences
from app.web import forms
from app.web.forms import View

ELEMENTS = st.integers(0, 2**50) | st.just("auto")
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


def chosen(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


DEEPSPEED = {
    name: st.none() | st.booleans()
    if name == "overlap_comm"
    else st.booleans()
    if name == "contiguous_gradients"
    else ELEMENTS
    for name in DeepSpeedChoice.model_fields
}
REQUESTS = st.fixed_dictionaries(
    {
        "model": st.fixed_dictionaries({"id": st.text(min_size=1, max_size=40).map(str.strip)})
        | st.fixed_dictionaries({"profile": NAMES}),
        "hardware": st.fixed_dictionaries(
            {
                "gpu": NAMES,
                "gpus_per_node": st.integers(1, 1024),
                "nodes": st.integers(1, 65_536),
                "host_memory_gib": st.integers(0, 1_048_576),
                "nvme_gib": st.integers(0, 134_217_728),
                "usable_memory_bytes": st.none() | st.integers(1, 2**50),
            }
        )
        | st.fixed_dictionaries({"profile": NAMES}),
        "training": st.fixed_dictionaries(
            {
                "method": chosen(Method),
                "precision": chosen(Precision),
                "optimizer": chosen(OptimizerId),
                "optimizer_kernel": chosen(OptimizerKernel),
                "sequence_length": st.integers(1, 16_777_216),
                "micro_batch_size": st.integers(1, 65_536),
                "gradient_accumulation_steps": st.integers(1, 1_000_000),
                "activation_checkpointing": st.booleans(),
                "attention": chosen(AttentionKernel),
                "fused_loss": st.booleans(),
                "lora": st.fixed_dictionaries(
                    {
                        "rank": st.integers(1, 65_536),
                        "target_modules": st.just("all-linear")
                        | st.lists(NAMES, min_size=1, max_size=4),
                    }
                ),
            }
        ),
        "strategies": st.none() | st.lists(NAMES, min_size=1, max_size=4),
        "options": st.fixed_dictionaries(
            {
                "deepspeed": st.fixed_dictionaries(DEEPSPEED),
                "fsdp": st.fixed_dictionaries({"reduce_dtype": chosen(ReduceDtype)}),
                "allocator": chosen(Allocator),
                "trainer": chosen(Trainer),
            }
        ),
    }
)
PREFERENCES = st.builds(
    Preferences,
    trainer=st.sampled_from(["hf_trainer", "pytorch", "megatron"]),
    offload=st.sampled_from(["none", "cpu", "nvme"]),
    team_knows_deepspeed=st.booleans(),
    debugging_matters=st.booleans(),
)
VIEWS = st.builds(View, strategy=st.none() | NAMES, full_scale=st.booleans(), fsdp1=st.booleans())


@given(document=REQUESTS, preferences=PREFERENCES, view=VIEWS)
def test_every_job_survives_its_address(
    document: dict[str, Any], preferences: Preferences, view: View
) -> None:
    if document["model"].get("id") == "":
        document["model"] = {"id": "x"}
    request = EstimateRequest.model_validate(document)
    pairs = parse_qsl(forms.query(request, preferences, view), keep_blank_values=True)
    read = forms.read(pairs)
    assert read.errors == {}
    assert read.request == request
    assert read.preferences == preferences
    assert read.view == view


@given(document=REQUESTS, preferences=PREFERENCES)
def test_what_the_fields_show_reads_back_as_the_same_job(
    document: dict[str, Any], preferences: Preferences
) -> None:
    if document["model"].get("id") == "":
        document["model"] = {"id": "x"}
    request = EstimateRequest.model_validate(document)
    query = parse_qsl(forms.query(request, preferences), keep_blank_values=True)
    shown = forms.read(query).values
    assert forms.read(shown.items()).request == request


@given(st.lists(st.tuples(st.sampled_from([p.name for p in forms.PARAMS]), st.text(max_size=40))))
def test_no_text_whatever_breaks_the_reading(pairs: list[tuple[str, str]]) -> None:
    read = forms.read(pairs)
    assert (read.request is None) == bool(read.errors)


def test_an_empty_query_is_the_worked_example() -> None:
    read = forms.read([])
    assert read.request == forms.EXAMPLE
    assert read.preferences == Preferences()
    assert read.advanced_changes == 0


@pytest.mark.parametrize(
    ("name", "text", "value", "shown"),
    [
        ("sequence_length", "2048", 2048, "2,048"),
        ("sequence_length", "2,048", 2048, "2,048"),
        ("sequence_length", " 2k ", 2048, "2,048"),
        ("sequence_length", "1.5K", 1536, "1,536"),
        ("host_memory_gib", "1.5k", 1536, "1,536"),
        ("micro_batch_size", "1k", 1000, "1,000"),
        ("reduce_bucket_size", "5e8", 500_000_000, "500,000,000"),
        ("reduce_bucket_size", "0.5b", 500_000_000, "500,000,000"),
        ("reduce_bucket_size", "auto", "auto", "auto"),
    ],
)
def test_numbers_are_read_as_people_write_them(
    name: str, text: str, value: object, shown: str
) -> None:
    read = forms.read([(name, text)])
    assert read.request is not None
    found: Any = read.request.model_dump()
    for key in forms.BY_NAME[name].path:
        found = found[key]
    assert found == value
    assert read.values[name] == shown


@pytest.mark.parametrize("text", ["", "many", "2,04", "1.5", "1e99", "9" * 40, "0x10", "२", "--1"])
def test_what_is_no_whole_number_is_told_with_the_remedy_and_kept_as_typed(text: str) -> None:
    read = forms.read([("micro_batch_size", text)])
    assert read.errors["micro_batch_size"]
    assert read.values["micro_batch_size"] == text


def test_bounds_and_choices_are_told_beside_their_fields() -> None:
    read = forms.read([("nodes", "0"), ("method", "fuller"), ("sequence_length", "17m")])
    assert read.errors["nodes"] == "Enter 1 or more."
    assert "lora" in read.errors["method"]
    assert "16,777,216" in read.errors["sequence_length"]


def test_an_unchecked_box_is_off_and_a_checked_one_wins_over_its_hidden_field() -> None:
    name = "activation_checkpointing"
    off = forms.read([(name, "false")]).request
    on = forms.read([(name, "false"), (name, "true")]).request
    assert off is not None
    assert on is not None
    assert not off.training.activation_checkpointing
    assert on.training.activation_checkpointing


def test_a_profile_stands_for_its_whole_group() -> None:
    read = forms.read([("hardware_profile", "hw_1"), ("gpu", "x"), ("nodes", "7")])
    assert read.request is not None
    assert read.request.hardware.model_dump(exclude_unset=True) == {"profile": "hw_1"}


def test_advanced_settings_that_differ_are_counted() -> None:
    read = forms.read([("fused_loss", "true"), ("reduce_dtype", "bf16"), ("nodes", "2")])
    assert read.advanced_changes == 2


@pytest.mark.parametrize(
    ("pointer", "name"),
    [
        ("/training/sequence_length", "sequence_length"),
        ("/training/lora/rank", "lora_rank"),
        ("/model/id", "model"),
        ("/model", "model"),
        ("/model/config/hidden_size", "model"),
        ("/model/profile", "model_profile"),
        ("/hardware", "gpu"),
        ("/hardware/profile", "hardware_profile"),
        ("/options/deepspeed/reduce_bucket_size/int", "reduce_bucket_size"),
        ("/strategies/0", "strategies"),
        ("/preferences/offload", "offload"),
        ("/elsewhere", ""),
    ],
)
def test_a_pointer_finds_its_field(pointer: str, name: str) -> None:
    assert forms.pointer_field(pointer) == name


def test_two_errors_of_one_field_are_both_told() -> None:
    errors = [FieldError("/model/config/a", "One."), FieldError("/model/config/b", "Two.")]
    assert forms.field_messages(errors) == {"model": "One. Two."}


def test_a_patch_merges_objects_and_replaces_the_rest() -> None:
    patch = {"training": {"lora": {"rank": 8}}, "preferences": {"offload": "cpu"}}
    request, preferences = forms.patched(forms.EXAMPLE, Preferences(), patch)
    assert request.training.lora.rank == 8
    assert request.training.sequence_length == forms.EXAMPLE.training.sequence_length
    assert preferences.offload == "cpu"


def test_every_parameter_is_named_like_the_contracts_field() -> None:
    own_names = {
        "model", "model_profile", "hardware_profile", "lora_rank", "lora_target_modules",
        "training_loop",
    }  # fmt: skip
    for param in forms.PARAMS:
        assert param.name in own_names or param.path[-1] == param.name

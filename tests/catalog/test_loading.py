"""The data files are read once, strictly, and an unknown id is answered with the nearest ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.catalog import load_catalog, read_catalog
from app.catalog.loading import DATA, nearest
from app.domain.errors import InvalidInput

Edit = Callable[[list[dict[str, Any]]], object]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def edit(path: Path, change: Edit) -> None:
    records = json.loads(path.read_text("utf-8"))
    change(records)
    path.write_text(json.dumps(records), "utf-8")


def test_the_catalogue_is_loaded_once() -> None:
    assert load_catalog() is load_catalog()
    assert load_catalog().version == "2026.11"


def test_a_copy_of_the_data_files_reads_the_same(copy: Path) -> None:
    assert list(read_catalog(copy).models) == list(load_catalog().models)


@pytest.mark.parametrize("name", ["models.json", "gpus.json"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r[0].update(colour="red"), id="an unknown key"),
        pytest.param(lambda r: r[0].pop("source"), id="no source"),
        pytest.param(lambda r: r[0].update(name=""), id="an empty name"),
        pytest.param(lambda r: r[0].update(id=7), id="a number for an id"),
    ],
)
def test_a_bad_record_is_refused(copy: Path, name: str, change: Edit) -> None:
    edit(copy / name, change)
    with pytest.raises(ValidationError):
        read_catalog(copy)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: r[0].update(plan_mib_per_rank="40632"), id="text for a number"),
        pytest.param(lambda r: r[0].update(plan_mib_per_rank=-1), id="negative memory"),
        pytest.param(lambda r: r[0].update(bf16_native=1), id="one for true"),
        pytest.param(lambda r: r[0].update(prices=[{"kind": "cloud"}]), id="a half price"),
    ],
)
def test_a_gpu_of_wrong_types_is_refused(copy: Path, change: Edit) -> None:
    edit(copy / "gpus.json", change)
    with pytest.raises(ValidationError):
        read_catalog(copy)


def test_two_records_of_one_id_are_refused(copy: Path) -> None:
    edit(copy / "gpus.json", lambda records: records.append(records[0]))
    with pytest.raises(ValueError, match="a100-40-pcie"):
        read_catalog(copy)


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        ("meta-llama/llama-3.1-70b", "meta-llama/Llama-3.1-70B"),
        ("Llama-3.1-70B", "meta-llama/Llama-3.1-70B"),
        ("meta-llama/Llama-3.1-80B", "meta-llama/Llama-3.1-8B"),
        ("qwen3-30b", "Qwen/Qwen3-30B-A3B"),
    ],
)
def test_an_unknown_model_names_the_nearest(wanted: str, first: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_catalog().model(wanted)
    (error,) = caught.value.errors
    assert error.pointer == "/model/id"
    assert f"such as {first}" in error.detail
    assert wanted in error.detail


@pytest.mark.parametrize(
    ("wanted", "first"),
    [("H100-80-SXM", "h100-80-sxm"), ("H100", "h100-80-pcie"), ("rtx-pro-6000", "rtxpro6000-ws")],
)
def test_an_unknown_gpu_names_the_nearest(wanted: str, first: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_catalog().gpu(wanted)
    (error,) = caught.value.errors
    assert error.pointer == "/hardware/gpu"
    assert f"such as {first}" in error.detail


@pytest.mark.parametrize("wanted", ["", "§§§", "x" * 5000, "\x00", "gibberish-xx", "x", "a"])
def test_nonsense_is_told_in_a_short_sentence_where_the_ids_are(wanted: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_catalog().model(wanted)
    assert "which /models and GET /api/v1/models list." in caught.value.errors[0].detail
    assert len(caught.value.errors[0].detail) < 400


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ("4090", ["rtx4090"]),
        ("t4", ["t4"]),
        ("3080", []),
        ("sxm h100", ["h100-80-sxm"]),
        ("nvidia-rtx4090-24gb", ["rtx4090"]),
        ("spaceship", []),
    ],
)
def test_the_nearest_gpus_hold_what_was_asked_for(wanted: str, near: list[str]) -> None:
    assert nearest(wanted, load_catalog().gpus) == near


def test_ids_that_differ_in_punctuation_come_before_similar_ones() -> None:
    assert nearest("b-200", ["gb200", "b200", "b2000"], 2) == ["b200", "gb200"]


def test_a_search_reads_the_license_of_models_and_the_vendor_of_gpus() -> None:
    catalog = load_catalog()
    assert {m.license for m in catalog.search_models("MIXTRAL Apache-2.0")} == {"apache-2.0"}
    assert {g.vendor for g in catalog.search_gpus("amd")} == {"amd"}


def test_search_finds_every_word_in_id_name_or_family() -> None:
    catalog = load_catalog()
    assert [m.id for m in catalog.search_models("QWEN3 30b")] == ["Qwen/Qwen3-30B-A3B"]
    assert [g.id for g in catalog.search_gpus("blackwell 96")] == [
        "rtxpro6000-ws",
        "rtxpro6000-maxq",
        "rtxpro6000-server",
    ]
    assert catalog.search_models("no such model") == []
    assert len(catalog.search_models("")) == len(catalog.models)


def test_a_catalogue_can_be_the_key_of_what_was_computed_from_it(copy: Path) -> None:
    assert {load_catalog(): "known"}.get(read_catalog(copy)) is None
    assert {load_catalog(): "known"}[load_catalog()] == "known"

"""The comparison's records: whole, cited, and refused when they are not."""

from __future__ import annotations

from app.catalog.framework_comparison import load_framework_comparison
from app.domain.frameworks import FRAMEWORKS


def test_every_aspect_speaks_of_every_framework() -> None:
    aspects = load_framework_comparison().aspects
    assert {aspect.id for aspect in aspects} >= {
        "memory_sharding", "offload", "hf_trainer", "setup", "multi_node", "throughput",
        "dependencies", "debugging",
    }  # fmt: skip
    for aspect in aspects:
        assert aspect.cells.keys() == FRAMEWORKS.keys()
        assert all(cell.text.endswith(".") for cell in aspect.cells.values())


def test_the_common_questions_and_megatron_are_answered() -> None:
    found = load_framework_comparison()
    questions = {question.id for question in found.questions}
    assert {"which-for-fine-tuning", "what-is-zero-3", "both-at-once"} <= questions
    (megatron,) = (gap for gap in found.gaps if gap.id == "megatron")
    assert "ensor and pipeline parallelism" in megatron.title
    assert megatron.instead


def test_everything_that_is_said_has_a_dated_source() -> None:
    found = load_framework_comparison()
    assert all(aspect.sources for aspect in found.aspects)
    assert all(question.sources for question in found.questions)
    assert all(gap.sources for gap in found.gaps)
    for source in found.sources.values():
        assert source.url.startswith("https://")
        assert source.published[:3] == "202"

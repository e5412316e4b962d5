"""Partitions, buckets and sub-groups, replayed on a model small enough to do by hand.

The toy's parameters in registration order: embedding 64,000; two layers of 36,992 (q 4,096, k and v
2,048 each, o 4,096, gate, up and down 8,192 each, two norms of 64); norm 64; head 64,000.
"""

from __future__ import annotations

import pytest

from app.domain.frameworks.zero import (
    Partition,
    bucketing,
    first_partition,
    largest_sub_group,
    pinned,
)
from app.domain.quantities import ModelQuantities, quantities_of
from app.domain.training import Lora
from tests.jobs import toy_model

EMBEDDING, LAYER, TOTAL = 64_000, 36_992, 202_048


@pytest.fixture(scope="module")
def toy() -> ModelQuantities:
    return quantities_of(toy_model(), "full", Lora())


def test_the_toy_is_what_the_hand_computed_examples_assume(toy: ModelQuantities) -> None:
    assert toy.embedding == EMBEDDING
    assert toy.largest_layer == LAYER
    assert toy.trained == sum(toy.trained_tensors) == TOTAL


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        # 1: everything; the largest piece is the embedding.
        (1, Partition(TOTAL, EMBEDDING, single=False)),
        # 2: 101,024 = embedding + first layer + 32 elements of the next q, which counts whole.
        (2, Partition(EMBEDDING + LAYER + 4_096, EMBEDDING, single=False)),
        # 4: 50,512 lie inside the embedding.
        (4, Partition(EMBEDDING, 50_512, single=True)),
        # 3: 67,350 (rounded up) reach 3,350 elements into the first q.
        (3, Partition(EMBEDDING + 4_096, EMBEDDING, single=False)),
        (TOTAL, Partition(EMBEDDING, 1, single=True)),
    ],
)
def test_rank_0_holds_whole_every_parameter_that_its_share_touches(
    toy: ModelQuantities, ranks: int, expected: Partition
) -> None:
    assert first_partition(toy, ranks) == expected


@pytest.mark.parametrize(
    ("bucket", "bypassing"),
    [(5_000, 3 * 8_192), (8_191, 3 * 8_192), (8_192, 0), (500_000_000, 0), (0, LAYER)],
)
def test_only_gradients_larger_than_the_bucket_bypass_it(
    toy: ModelQuantities, bucket: int, bypassing: int
) -> None:
    assert bucketing(toy, 2, bucket).bypassing == (bypassing,)


@pytest.mark.parametrize(
    ("ranks", "bucket", "before"),
    [
        # The first layer's down projection is rank 0's and too large for the bucket.
        (2, 5_000, True),
        # The bucket fills up inside the first layer, with a part of rank 0's in it.
        (2, 63_999, True),
        # One bucket takes everything, and is flushed after the embedding's gradient.
        (2, 500_000_000, False),
        # Rank 0 owns nothing but a part of the embedding.
        (4, 5_000, False),
        (4, 63_999, False),
    ],
)
def test_the_partition_exists_before_the_embeddings_gradient_if_a_part_was_reduced(
    toy: ModelQuantities, ranks: int, bucket: int, before: bool
) -> None:
    assert bucketing(toy, ranks, bucket).owned_before_embedding is before


@pytest.mark.parametrize(
    ("ranks", "limit", "largest"),
    [
        (1, 1_000_000_000, TOTAL),
        # embedding … the first down: 100,864; the rest: 101,184.
        (1, 100_000, 101_184),
        (1, 100_864, 101_184),
        (1, 100_865, 101_120),
        # Shares of two ranks: the head fills the only group.
        (2, 100_000, TOTAL // 2),
        (1, 1, EMBEDDING),
    ],
)
def test_a_sub_group_is_closed_by_the_parameter_that_fills_it(
    toy: ModelQuantities, ranks: int, limit: int, largest: int
) -> None:
    assert largest_sub_group(toy, ranks, limit) == largest


@pytest.mark.parametrize(
    ("asked", "locked"), [(0, 0), (1, 1), (3, 4), (4, 4), (5, 8), (2**30 + 1, 2**31)]
)
def test_page_locked_memory_is_rounded_up_to_a_power_of_two(asked: int, locked: int) -> None:
    assert pinned(asked) == locked

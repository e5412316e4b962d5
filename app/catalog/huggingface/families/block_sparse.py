"""MiniMax M3: attention to the blocks of keys that an indexer picks, dense and routed layers."""

from __future__ import annotations

from dataclasses import replace

from app.catalog.huggingface.blocks import attention, layer_count, layered, mixture
from app.catalog.huggingface.families.mixtures import ROUTER_SHARED
from app.catalog.huggingface.reading import MAX_HEAD_DIM, MAX_HEADS, Config
from app.catalog.huggingface.registry import family
from app.domain.architecture import MLP, BlockIndexer, DenseMLP, ModelSpec

SPARSE = "minimax_m3_sparse"
FUSED = ("gate_up_proj", "down_proj")
M3_NOTE = (
    "Parameters are exact. What MiniMax M3's block-sparse attention keeps is read from its code, a "
    "mask for every head among it, and not traced; its indexer's scores are not included."
)


@family("MiniMax M3", "minimax_m3_vl_text", "minimax_m3")
def minimax_m3(c: Config) -> ModelSpec:
    """MiniMaxM3VLForCausalLM; its files name the indexer's sizes in a section of their own."""
    count, stated = layer_count(c), c.section("sparse_attention_config")
    full = attention(c, kv_heads=4, head_dim=128, rotary=0.5, qk_norm="head")
    indexer = BlockIndexer(
        stated.integer(
            "sparse_num_index_heads", c.integer("index_n_heads", 4, most=MAX_HEADS), most=MAX_HEADS
        ),
        stated.integer(
            "sparse_index_dim",
            c.integer("index_head_dim", 128, most=MAX_HEAD_DIM),
            most=MAX_HEAD_DIM,
        ),
    )
    picked = stated.each("sparse_attention_freq", count) or (0,) * count
    kinds = c.names(
        "layer_types",
        count,
        {SPARSE, "full_attention"},
        lambda i: SPARSE if picked[i] else "full_attention",
    )
    sparse = replace(full, indexer=indexer)
    return layered(
        c,
        [sparse if kind == SPARSE else full for kind in kinds],
        _mlps(c, count),
        assumptions=(M3_NOTE,),
    )


def _mlps(c: Config, count: int) -> list[MLP]:
    """`mlp_layer_types`, or the first files' `moe_layer_freq`: 0 for a dense layer."""
    routes = c.each("moe_layer_freq", count) or (1,) * count
    kinds = c.names(
        "mlp_layer_types", count, {"dense", "sparse"}, lambda i: "sparse" if routes[i] else "dense"
    )
    width = c.integer("dense_intermediate_size", 12_288)
    network: MLP = DenseMLP(width, fused_gate_up=True, names=FUSED)
    routed = mixture(
        c,
        width_key="intermediate_size",
        shared_width=c.integer("shared_intermediate_size", 3072),
        fused_shared=True,
        shared_names=FUSED,
        clamped=True,
        # Files name swigluoai; the class computes its gate with the sigmoid whatever they say.
        activation="silu",
        parts=ROUTER_SHARED,
    )
    return [network if kind == "dense" else routed for kind in kinds]

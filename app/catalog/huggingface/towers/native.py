"""Vision encoders that one family alone has, named as in transformers (models/<type>)."""

from __future__ import annotations

from app.catalog.huggingface.reading import MAX_HEADS, MAX_HIDDEN, MAX_LAYERS, Config
from app.catalog.huggingface.towers.encoders import patches, pixels, siglip
from app.catalog.huggingface.towers.parts import (
    Tensors,
    conv,
    layer_norms,
    linears,
    repeated,
    rms_norms,
    two_linears,
)
from app.domain.architecture.tensors import linear, parameter

MLP = ("fc1", "fc2")
ASPECT_RATIOS = 8


def _size(c: Config, key: str, default: int) -> int:
    return c.integer(key, default, most=MAX_HIDDEN)


def gemma4(c: Config, at: str) -> Tensors:
    """Gemma4VisionModel: Gemma's layers over patches, with a table of positions for each axis."""
    h, inner, dim = (
        _size(c, "hidden_size", 768),
        _size(c, "intermediate_size", 3072),
        _size(c, "head_dim", 64),
    )
    q = c.integer("num_attention_heads", 12, most=MAX_HEADS) * dim
    kv = c.integer("num_key_value_heads", 12, most=MAX_HEADS) * dim

    def layer(name: str) -> Tensors:
        own = f"{name}.self_attn"
        return (
            *linear(f"{own}.q_proj.linear", h, q),
            *linears(own, ("k_proj.linear", "v_proj.linear"), h, kv, bias=False),
            *linear(f"{own}.o_proj.linear", q, h),
            *rms_norms(own, "q_norm", "k_norm", size=dim),
            *linears(f"{name}.mlp", ("gate_proj.linear", "up_proj.linear"), h, inner, bias=False),
            *linear(f"{name}.mlp.down_proj.linear", inner, h),
            *rms_norms(
                name,
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
                size=h,
            ),
        )

    patch = pixels(c, "patch_size", 16)
    table = (2, _size(c, "position_embedding_size", 10_240), h)
    return (
        *parameter(f"{at}.patch_embedder.position_embedding_table", *table),
        *linear(f"{at}.patch_embedder.input_proj", 3 * patch**2, h),
        *repeated(
            f"{at}.encoder.layers", c.integer("num_hidden_layers", 16, most=MAX_LAYERS), layer
        ),
    )


def mllama(c: Config, at: str) -> Tensors:
    """MllamaVisionModel: positions for every tile and aspect ratio, gated layers behind others."""
    h, inner = _size(c, "hidden_size", 1280), _size(c, "intermediate_size", 5120)
    p, channels = pixels(c, "patch_size", 14), _size(c, "num_channels", 3)
    tiles, positions = _size(c, "max_num_tiles", 4), patches(c, 448, 14) + 1
    _, ratios = c.find("supported_aspect_ratios")
    rows = (len(ratios) if isinstance(ratios, list) else ASPECT_RATIOS) + 1

    def layer(name: str) -> Tensors:
        return (
            *linears(
                f"{name}.self_attn", ("q_proj", "k_proj", "v_proj", "o_proj"), h, h, bias=False
            ),
            *two_linears(f"{name}.mlp", MLP, h, inner, h),
            *layer_norms(name, "input_layernorm", "post_attention_layernorm", size=h),
        )

    def gated(name: str) -> Tensors:
        gates = (*parameter(f"{name}.gate_attn", 1), *parameter(f"{name}.gate_ffn", 1))
        return (*gates, *layer(name))

    def tile_embedding(name: str) -> Tensors:
        weight = parameter(f"{name}.embedding.weight", rows, tiles * h)
        return (*parameter(f"{name}.gate", 1), *weight)

    placed = f"{at}.gated_positional_embedding"
    return (
        *parameter(f"{at}.class_embedding", h),
        *conv(f"{at}.patch_embedding", h, channels, p, p, bias=False),
        *parameter(f"{placed}.gate", 1),
        *parameter(f"{placed}.embedding", positions, h),
        *parameter(f"{placed}.tile_embedding.weight", rows, tiles * positions * h),
        *tile_embedding(f"{at}.pre_tile_positional_embedding"),
        *tile_embedding(f"{at}.post_tile_positional_embedding"),
        *layer_norms(at, "layernorm_pre", "layernorm_post", size=h),
        *repeated(
            f"{at}.transformer.layers", c.integer("num_hidden_layers", 32, most=MAX_LAYERS), layer
        ),
        *repeated(
            f"{at}.global_transformer.layers",
            c.integer("num_global_layers", 8, least=0, most=MAX_LAYERS),
            gated,
        ),
    )


def kimi(c: Config, at: str) -> Tensors:
    """Kimi_K25VisionModel (MoonViT), by its class's names of keys or the first files'."""
    h = _either(c, "hidden_size", 1152)
    inner, p = _either(c, "intermediate_size", 4304), pixels(c, "patch_size", 14)
    height, width = (
        c.integer((f"pos_emb_{side}", f"init_pos_emb_{side}"), 64, most=10_000)
        for side in ("height", "width")
    )

    def layer(name: str) -> Tensors:
        return (
            *layer_norms(name, "norm1", "norm2", size=h),
            *linears(f"{name}.attn", ("proj", "q_proj", "k_proj", "v_proj"), h, h, bias=True),
            *two_linears(f"{name}.mlp", MLP, h, inner, h),
        )

    count = c.integer(("num_hidden_layers", "vt_num_hidden_layers"), 27, most=MAX_LAYERS)
    return (
        *conv(f"{at}.patch_embed.proj", h, 3, p, p, bias=True),
        *parameter(f"{at}.patch_embed.pos_emb.position_embeddings", height, width, h),
        *repeated(f"{at}.layers", count, layer),
        *layer_norms(at, "final_layernorm", size=h),
    )


def _either(c: Config, key: str, default: int) -> int:
    return c.integer((key, f"vt_{key}"), default, most=MAX_HIDDEN)


def phi4(c: Config, at: str) -> Tensors:
    """Phi4MultimodalVisionModel: SigLIP of other defaults, always with its pooling head."""
    usual = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}
    return siglip(c.over({**usual, "image_size": 448, "patch_size": 14}), at)

"""Vision encoders: one function each, named as in transformers (models/<type>/modeling_*.py).

Keys that `vision_config` leaves out mean what the encoder's configuration class has.
"""

from __future__ import annotations

from app.catalog.huggingface.reading import MAX_HIDDEN, MAX_LAYERS, Config
from app.catalog.huggingface.towers.parts import (
    Tensors,
    conv,
    layer_norms,
    linears,
    repeated,
    rms_norms,
    two_linears,
)
from app.domain.architecture.tensors import NormKind, linear, norm, parameter

MLP = ("fc1", "fc2")
MAX_PIXELS = 100_000


def _depth(c: Config, key: str, default: int) -> int:
    return c.integer(key, default, most=MAX_LAYERS)


def _size(c: Config, key: str, default: int) -> int:
    return c.integer(key, default, most=MAX_HIDDEN)


def pixels(c: Config, key: str, default: int) -> int:
    """A width in pixels; InternVL writes height and width."""
    _, value = c.find(key)
    if isinstance(value, list) and value and all(v == value[0] for v in value):
        return Config({key: value[0]}, c.pointer(key)).integer(key, default, most=MAX_PIXELS)
    return c.integer(key, default, most=MAX_PIXELS)


def patches(c: Config, image: int, patch: int) -> int:
    """How many patches an image has."""
    return int((pixels(c, "image_size", image) // pixels(c, "patch_size", patch)) ** 2)


def siglip(c: Config, at: str) -> Tensors:
    """SiglipVisionModel, with its pooling head unless `vision_use_head` is false."""
    h, inner = _size(c, "hidden_size", 768), _size(c, "intermediate_size", 3072)
    head: Tensors = ()
    if c.flag("vision_use_head", True):
        head = (
            *parameter(f"{at}.head.probe", 1, 1, h),
            *parameter(f"{at}.head.attention.in_proj_weight", 3 * h, h),
            *parameter(f"{at}.head.attention.in_proj_bias", 3 * h, role="bias"),
            *linear(f"{at}.head.attention.out_proj", h, h, True),
            *layer_norms(f"{at}.head", "layernorm", size=h),
            *two_linears(f"{at}.head.mlp", MLP, h, inner, h),
        )
    return (*_siglip_body(c, at, h, inner, image=224, patch=16), *head)


def idefics3(c: Config, at: str) -> Tensors:
    """Idefics3VisionTransformer and SmolVLM's: SigLIP without a head, of larger defaults."""
    h, inner = _size(c, "hidden_size", 1152), _size(c, "intermediate_size", 3072)
    return _siglip_body(c, at, h, inner, image=224, patch=32)


def _siglip_body(c: Config, at: str, h: int, inner: int, *, image: int, patch: int) -> Tensors:
    p, channels = pixels(c, "patch_size", patch), _size(c, "num_channels", 3)
    return (
        *conv(f"{at}.embeddings.patch_embedding", h, channels, p, p, bias=True),
        *parameter(f"{at}.embeddings.position_embedding.weight", patches(c, image, patch), h),
        *_clip_layers(c, at, h, inner, norms_first=True),
        *layer_norms(at, "post_layernorm", size=h),
    )


def clip(c: Config, at: str) -> Tensors:
    """CLIPVisionModel."""
    h, inner = _size(c, "hidden_size", 768), _size(c, "intermediate_size", 3072)
    p, channels = pixels(c, "patch_size", 32), _size(c, "num_channels", 3)
    return (
        *parameter(f"{at}.embeddings.class_embedding", h),
        *conv(f"{at}.embeddings.patch_embedding", h, channels, p, p, bias=False),
        *parameter(f"{at}.embeddings.position_embedding.weight", patches(c, 224, 32) + 1, h),
        *layer_norms(at, "pre_layrnorm", size=h),
        *_clip_layers(c, at, h, inner, norms_first=False),
        *layer_norms(at, "post_layernorm", size=h),
    )


def _clip_layers(c: Config, at: str, h: int, inner: int, *, norms_first: bool) -> Tensors:
    def layer(name: str) -> Tensors:
        attention = linears(
            f"{name}.self_attn", ("k_proj", "v_proj", "q_proj", "out_proj"), h, h, bias=True
        )
        network = two_linears(f"{name}.mlp", MLP, h, inner, h)
        first, second = (layer_norms(name, f"layer_norm{n}", size=h) for n in (1, 2))
        if norms_first:
            return (*first, *attention, *second, *network)
        return (*attention, *first, *network, *second)

    return repeated(f"{at}.encoder.layers", _depth(c, "num_hidden_layers", 12), layer)


def pixtral(c: Config, at: str) -> Tensors:
    """PixtralVisionModel: a gated network and RMS norms, nothing has a bias."""
    h, inner = _size(c, "hidden_size", 1024), _size(c, "intermediate_size", 4096)
    p, channels = pixels(c, "patch_size", 16), _size(c, "num_channels", 3)

    def layer(name: str) -> Tensors:
        return (
            *rms_norms(name, "attention_norm", size=h),
            *linears(f"{name}.feed_forward", ("gate_proj", "up_proj"), h, inner, bias=False),
            *linear(f"{name}.feed_forward.down_proj", inner, h),
            *linears(
                f"{name}.attention", ("k_proj", "v_proj", "q_proj", "o_proj"), h, h, bias=False
            ),
            *rms_norms(name, "ffn_norm", size=h),
        )

    return (
        *conv(f"{at}.patch_conv", h, channels, p, p, bias=False),
        *rms_norms(at, "ln_pre", size=h),
        *repeated(f"{at}.transformer.layers", _depth(c, "num_hidden_layers", 24), layer),
    )


def internvl(c: Config, at: str) -> Tensors:
    """InternVLVisionModel: each branch of a layer is scaled by a learned vector."""
    h, inner = _size(c, "hidden_size", 1024), _size(c, "intermediate_size", 4096)
    p, channels = pixels(c, "patch_size", 14), _size(c, "num_channels", 3)
    bias, normed = c.flag("attention_bias", False), c.flag("use_qk_norm", False)
    kind: NormKind = "rmsnorm" if c.find("norm_type")[1] == "rms_norm" else "layernorm"
    positions = patches(c, 448, 14) + 1
    absolute = c.flag("use_absolute_position_embeddings", True)
    pooled = c.flag("use_mean_pooling", True)

    def layer(name: str) -> Tensors:
        names = ("q_norm", "k_norm") if normed else ()
        return (
            *parameter(f"{name}.lambda_1", h),
            *parameter(f"{name}.lambda_2", h),
            *linears(f"{name}.attention", ("q_proj", "k_proj", "v_proj"), h, h, bias=bias),
            *linear(f"{name}.attention.projection_layer", h, h, True),
            *rms_norms(f"{name}.attention", *names, size=h),
            *two_linears(f"{name}.mlp", MLP, h, inner, h),
            *norm(f"{name}.layernorm_before", h, kind),
            *norm(f"{name}.layernorm_after", h, kind),
        )

    return (
        *parameter(f"{at}.embeddings.cls_token", 1, 1, h),
        *(parameter(f"{at}.embeddings.mask_token", 1, 1, h) * c.flag("use_mask_token", False)),
        *(parameter(f"{at}.embeddings.position_embeddings", 1, positions, h) * absolute),
        *conv(f"{at}.embeddings.patch_embeddings.projection", h, channels, p, p, bias=True),
        *repeated(f"{at}.encoder.layer", _depth(c, "num_hidden_layers", 24), layer),
        *(layer_norms(at, "layernorm", size=h) * (not pooled)),
    )


def llama4(c: Config, at: str) -> Tensors:
    """Llama4VisionModel with its pixel-shuffle adapter."""
    h, inner = _size(c, "hidden_size", 768), _size(c, "intermediate_size", 5632)
    p, channels = pixels(c, "patch_size", 14), _size(c, "num_channels", 3)
    adapted, output = _size(c, "projector_input_dim", 4096), _size(c, "projector_output_dim", 4096)

    def layer(name: str) -> Tensors:
        return (
            *linears(
                f"{name}.self_attn", ("q_proj", "k_proj", "v_proj", "o_proj"), h, h, bias=True
            ),
            *two_linears(f"{name}.mlp", MLP, h, inner, h),
            *layer_norms(name, "input_layernorm", "post_attention_layernorm", size=h),
        )

    return (
        *parameter(f"{at}.class_embedding", h),
        *parameter(f"{at}.positional_embedding_vlm", patches(c, 448, 14) + 1, h),
        *linear(f"{at}.patch_embedding.linear", channels * p * p, h),
        *layer_norms(at, "layernorm_pre", "layernorm_post", size=h),
        *repeated(f"{at}.model.layers", _depth(c, "num_hidden_layers", 34), layer),
        *linear(f"{at}.vision_adapter.mlp.fc1", inner, adapted),
        *linear(f"{at}.vision_adapter.mlp.fc2", output, output),
    )


def qwen2_vl(c: Config, at: str) -> Tensors:
    """Qwen2VisionTransformerPretrainedModel: `hidden_size` is that of the text model."""
    h, output = _size(c, "embed_dim", 1280), _size(c, "hidden_size", 3584)
    ratio = c.number("mlp_ratio", 4, least=0, most=1000)

    def layer(name: str) -> Tensors:
        return (
            *layer_norms(name, "norm1", "norm2", size=h),
            *_joined_attention(name, h, bias=True),
            *two_linears(f"{name}.mlp", MLP, h, int(h * ratio), h),
        )

    merged = h * _size(c, "spatial_merge_size", 2) ** 2
    return (
        *_video_patches(c, at, h, patch=14, bias=False),
        *repeated(f"{at}.blocks", _depth(c, "depth", 32), layer),
        *layer_norms(f"{at}.merger", "ln_q", size=h),
        *two_linears(f"{at}.merger.mlp", ("0", "2"), merged, merged, output),
    )


def qwen2_5_vl(c: Config, at: str) -> Tensors:
    """Qwen2_5_VisionTransformerPretrainedModel: RMS norms and a gated network with biases."""
    h, inner = _size(c, "hidden_size", 3584), _size(c, "intermediate_size", 3420)

    def layer(name: str) -> Tensors:
        return (
            *rms_norms(name, "norm1", "norm2", size=h),
            *_joined_attention(name, h, bias=True),
            *linears(f"{name}.mlp", ("gate_proj", "up_proj"), h, inner, bias=True),
            *linear(f"{name}.mlp.down_proj", inner, h, True),
        )

    merged = h * _size(c, "spatial_merge_size", 2) ** 2
    output = _size(c, "out_hidden_size", 3584)
    return (
        *_video_patches(c, at, h, patch=14, bias=False),
        *repeated(f"{at}.blocks", _depth(c, "depth", 32), layer),
        *rms_norms(f"{at}.merger", "ln_q", size=h),
        *two_linears(f"{at}.merger.mlp", ("0", "2"), merged, merged, output),
    )


def qwen3_vl(c: Config, at: str) -> Tensors:
    """Qwen3VLVisionModel, and Qwen3.5's, which has no mergers of inner layers."""
    h, inner = _size(c, "hidden_size", 1152), _size(c, "intermediate_size", 4304)
    merged = h * _size(c, "spatial_merge_size", 2) ** 2
    output = _size(c, "out_hidden_size", 3584)
    names = ("linear_fc1", "linear_fc2")

    def layer(name: str) -> Tensors:
        return (
            *layer_norms(name, "norm1", "norm2", size=h),
            *_joined_attention(name, h, bias=True),
            *two_linears(f"{name}.mlp", names, h, inner, h),
        )

    def merger(name: str, normed: int) -> Tensors:
        return (
            *layer_norms(name, "norm", size=normed),
            *two_linears(name, names, merged, merged, output),
        )

    positions = _size(c, "num_position_embeddings", 2304)
    return (
        *_video_patches(c, at, h, patch=16, bias=True),
        *parameter(f"{at}.pos_embed.weight", positions, h),
        *repeated(f"{at}.blocks", _depth(c, "depth", 27), layer),
        *merger(f"{at}.merger", h),
        *repeated(
            f"{at}.deepstack_merger_list", _deep_mergers(c), lambda name: merger(name, merged)
        ),
    )


def _deep_mergers(c: Config) -> int:
    """How many inner layers are merged too: three in Qwen3-VL's class, none in Qwen3.5's."""
    _, model_type = c.find("model_type")
    usual = 0 if isinstance(model_type, str) and model_type.startswith("qwen3_5") else 3
    found = c.indices("deepstack_visual_indexes", MAX_LAYERS)
    return usual if found is None else len(found)


def glm4v(c: Config, at: str) -> Tensors:
    """Glm4vVisionModel: its blocks' networks are as wide as its output."""
    h, output = _size(c, "hidden_size", 1536), _size(c, "out_hidden_size", 4096)
    inner, merge = _size(c, "intermediate_size", 13_696), _size(c, "spatial_merge_size", 2)
    bias = c.flag("attention_bias", False)

    def layer(name: str) -> Tensors:
        return (
            *rms_norms(name, "norm1", "norm2", size=h),
            *linear(f"{name}.attn.qkv", h, 3 * h, bias),
            *linear(f"{name}.attn.proj", h, h),
            *linears(f"{name}.mlp", ("gate_proj", "up_proj"), h, output, bias=False),
            *linear(f"{name}.mlp.down_proj", output, h),
        )

    return (
        *parameter(f"{at}.embeddings.position_embedding.weight", patches(c, 336, 14), h),
        *_video_patches(c, at, h, patch=14, bias=True),
        *repeated(f"{at}.blocks", _depth(c, "depth", 24), layer),
        *linear(f"{at}.merger.proj", output, output),
        *layer_norms(f"{at}.merger", "post_projection_norm", size=output),
        *linears(f"{at}.merger", ("gate_proj", "up_proj"), output, inner, bias=False),
        *linear(f"{at}.merger.down_proj", inner, output),
        *rms_norms(at, "post_conv_layernorm", size=h),
        *conv(f"{at}.downsample", output, h, merge, merge, bias=True),
        *rms_norms(at, "post_layernorm", size=h),
    )


def _video_patches(c: Config, at: str, h: int, *, patch: int, bias: bool) -> Tensors:
    p, frames = pixels(c, "patch_size", patch), _size(c, "temporal_patch_size", 2)
    channels = _size(c, "in_channels", 3)
    return conv(f"{at}.patch_embed.proj", h, channels, frames, p, p, bias=bias)


def _joined_attention(name: str, h: int, *, bias: bool) -> Tensors:
    return (
        *linear(f"{name}.attn.qkv", h, 3 * h, bias),
        *linear(f"{name}.attn.proj", h, h, bias),
    )

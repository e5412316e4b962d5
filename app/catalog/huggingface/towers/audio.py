"""Audio encoders with what joins them to the text model, named as in transformers.

Each takes its `audio_config` and the text model's hidden size.
"""

from __future__ import annotations

from math import log2

from app.catalog.huggingface.reading import MAX_HEADS, MAX_HIDDEN, MAX_LAYERS, Config
from app.catalog.huggingface.towers.parts import (
    Tensors,
    conv,
    layer_norms,
    linears,
    repeated,
    rms_norms,
    two_linears,
)
from app.domain.architecture.tensors import linear, norm, parameter

AT = "model.audio_tower"
PROJECTOR = "model.multi_modal_projector"
PHI4_AT = "model.embed_tokens_extend.audio_embed"


def _size(c: Config, keys: str | tuple[str, ...], default: int) -> int:
    return c.integer(keys, default, most=MAX_HIDDEN)


def qwen2_audio(c: Config, h: int) -> Tensors:
    """Qwen2AudioEncoder, which is Whisper's, and one linear."""
    width = _size(c, ("d_model", "hidden_size"), 1280)
    return (*_whisper(c, width), *linear(f"{PROJECTOR}.linear", width, h, True))


def voxtral(c: Config, h: int) -> Tensors:
    """VoxtralEncoder, which is Whisper's: four frames at a time go through two linears."""
    inner = _size(c, ("intermediate_size", "encoder_ffn_dim"), 5120)
    return (
        *_whisper(c, _size(c, ("hidden_size", "d_model"), 1280)),
        *linear(f"{PROJECTOR}.linear_1", inner, h),
        *linear(f"{PROJECTOR}.linear_2", h, h),
    )


def _whisper(c: Config, h: int) -> Tensors:
    """The keys have no bias, and the positions are not trained."""
    inner = _size(c, ("intermediate_size", "encoder_ffn_dim"), 5120)
    bins = _size(c, "num_mel_bins", 128)
    positions = parameter(
        f"{AT}.embed_positions.weight", _size(c, "max_source_positions", 1500), h, role="frozen"
    )

    def layer(name: str) -> Tensors:
        return (
            *linear(f"{name}.self_attn.k_proj", h, h),
            *linears(f"{name}.self_attn", ("v_proj", "q_proj", "out_proj"), h, h, bias=True),
            *layer_norms(name, "self_attn_layer_norm", size=h),
            *two_linears(name, ("fc1", "fc2"), h, inner, h),
            *layer_norms(name, "final_layer_norm", size=h),
        )

    return (
        *conv(f"{AT}.conv1", h, bins, 3, bias=True),
        *conv(f"{AT}.conv2", h, h, 3, bias=True),
        *positions,
        *repeated(
            f"{AT}.layers",
            c.integer(("num_hidden_layers", "encoder_layers"), 32, most=MAX_LAYERS),
            layer,
        ),
        *layer_norms(AT, "layer_norm", size=h),
    )


def gemma4(c: Config, h: int) -> Tensors:
    """Gemma4AudioModel: a conformer behind two convolutions, and one linear."""
    width, output = _size(c, "hidden_size", 1024), _size(c, "output_proj_dims", 1536)
    dim = max(1, width // c.integer("num_attention_heads", 8, most=MAX_HEADS))
    first, second = c.each("subsampling_conv_channels", 2) or (128, 32)
    kernel = c.integer("conv_kernel_size", 5, most=1000)

    def feed_forward(name: str) -> Tensors:
        return (
            *linear(f"{name}.ffw_layer_1.linear", width, 4 * width),
            *linear(f"{name}.ffw_layer_2.linear", 4 * width, width),
            *rms_norms(name, "pre_layer_norm", "post_layer_norm", size=width),
        )

    def layer(name: str) -> Tensors:
        heads = ("q_proj.linear", "k_proj.linear", "v_proj.linear", "post.linear")
        return (
            *feed_forward(f"{name}.feed_forward1"),
            *feed_forward(f"{name}.feed_forward2"),
            *parameter(f"{name}.self_attn.per_dim_scale", dim),
            *linears(f"{name}.self_attn", heads, width, width, bias=False),
            *linear(f"{name}.self_attn.relative_k_proj", width, width),
            *linear(f"{name}.lconv1d.linear_start.linear", width, 2 * width),
            *linear(f"{name}.lconv1d.linear_end.linear", width, width),
            *parameter(f"{name}.lconv1d.depthwise_conv1d.weight", width, 1, kernel),
            *rms_norms(f"{name}.lconv1d", "pre_layer_norm", "conv_norm", size=width),
            *rms_norms(name, "norm_pre_attn", "norm_post_attn", "norm_out", size=width),
        )

    at = f"{AT}.subsample_conv_projection"
    return (
        *parameter(f"{at}.layer0.conv.weight", first, 1, 3, 3),
        *norm(f"{at}.layer0.norm", first, "layernorm_nobias"),
        *parameter(f"{at}.layer1.conv.weight", second, first, 3, 3),
        *norm(f"{at}.layer1.norm", second, "layernorm_nobias"),
        *linear(f"{at}.input_proj_linear", first // 4 * second, width),
        *repeated(f"{AT}.layers", c.integer("num_hidden_layers", 12, most=MAX_LAYERS), layer),
        *linear(f"{AT}.output_proj", width, output, True),
        *linear("model.embed_audio.embedding_projection", output, h),
    )


def phi4(c: Config, h: int) -> Tensors:
    """Phi4MultimodalAudioModel: a conformer, and linears for speech with and without images."""
    width, inner = _size(c, "hidden_size", 1024), _size(c, "intermediate_size", 1536)
    outer, depth = _size(c, "ext_pw_out_channel", 1024), _size(c, "depthwise_multiplier", 1)
    separate = _size(c, "depthwise_separable_out_channel", 1024)
    kernel, channels = c.integer("kernel_size", 3, most=1000), _size(c, "nemo_conv_channels", 1024)
    buckets = _size(c, "bias_max_distance", 1000) * (1 if c.flag("bias_symmetric", False) else 2)
    halvings = int(log2(c.integer("time_reduction", 8, most=1024)))
    bins = _size(c, "input_size", 80)
    for _ in range(halvings):
        bins = (bins + 1) // 2

    def feed_forward(name: str) -> Tensors:
        return (
            *layer_norms(name, "layer_norm", size=width),
            *linear(f"{name}.gate_up_proj", width, 2 * inner, True),
            *linear(f"{name}.down_proj", inner, width, True),
        )

    def layer(name: str) -> Tensors:
        heads = ("q_proj", "k_proj", "v_proj", "o_proj")
        return (
            *feed_forward(f"{name}.feed_forward_in"),
            *linears(f"{name}.self_attn", heads, width, width, bias=True),
            *layer_norms(f"{name}.conv", "layer_norm", size=width),
            *parameter(f"{name}.conv.glu.b1", 1, outer, 1),
            *parameter(f"{name}.conv.glu.b2", 1, outer, 1),
            *conv(f"{name}.conv.glu.ext_pw_conv_1d", 2 * outer, width, 1, bias=True),
            *conv(f"{name}.conv.dw_sep_conv_1d.dw_conv", width * depth, 1, kernel, bias=True),
            *conv(f"{name}.conv.dw_sep_conv_1d.pw_conv", separate, width * depth, 1, bias=True),
            *conv(f"{name}.conv.ext_pw_conv_1d", outer, width, 1, bias=True),
            *feed_forward(f"{name}.feed_forward_out"),
            *layer_norms(name, "layer_norm_att", "layer_norm", size=width),
        )

    at, embed = f"{PHI4_AT}.encoder", f"{PHI4_AT}.encoder.embed"
    found = list(conv(f"{embed}.conv.0", channels, 1, 3, 3, bias=True))
    for step in range(halvings - 1):
        found += conv(f"{embed}.conv.{2 + 3 * step}", channels, 1, 3, 3, bias=True)
        found += conv(f"{embed}.conv.{3 + 3 * step}", channels, channels, 1, 1, bias=True)
    joined = width * c.integer("downsample_rate", 1, most=1000)
    ends = tuple(
        two_linears(PHI4_AT, (f"up_proj_for_{what}", f"down_proj_for_{what}"), joined, h, h)
        for what in ("speech", "vision_speech")
    )
    return (
        *found,
        *linear(f"{embed}.out", channels * bins, width, True),
        *parameter(
            f"{at}.relative_attention_bias_layer.bias_values.weight",
            buckets,
            c.integer("num_attention_heads", 16, most=MAX_HEADS),
        ),
        *repeated(f"{at}.encoders", c.integer("num_blocks", 24, most=MAX_LAYERS), layer),
        *(t for end in ends for t in end),
    )

"""What joins an encoder to the text model: one function for each multimodal class.

Each takes the whole config, its `vision_config` and the text model's hidden size.
"""

from __future__ import annotations

from app.catalog.huggingface.reading import MAX_HIDDEN, Config
from app.catalog.huggingface.towers.parts import Tensors, layer_norms, rms_norms, two_linears
from app.domain.architecture.tensors import linear, parameter

AT = "model.multi_modal_projector"


def _width(vision: Config, default: int) -> int:
    return vision.integer("hidden_size", default, most=MAX_HIDDEN)


def _features(top: Config) -> int:
    """From how many of the encoder's layers features are taken side by side."""
    _, layers = top.find("vision_feature_layer")
    return max(1, len(layers)) if isinstance(layers, list) else 1


def gemma3(top: Config, vision: Config, h: int) -> Tensors:
    """Gemma3MultiModalProjector."""
    width = _width(vision, 768)
    return (
        *parameter(f"{AT}.mm_input_projection_weight", width, h),
        *rms_norms(AT, "mm_soft_emb_norm", size=width),
    )


def paligemma(top: Config, vision: Config, h: int) -> Tensors:
    """PaliGemmaMultiModalProjector."""
    usual = top.integer("projection_dim", 2048, most=MAX_HIDDEN)
    output = vision.integer("projection_dim", usual, most=MAX_HIDDEN)
    return linear(f"{AT}.linear", _width(vision, 768), output, True)


def cohere2(top: Config, vision: Config, h: int) -> Tensors:
    """Cohere2VisionMultiModalProjector: half of the first linear's output gates the other."""
    inner = top.integer("alignment_intermediate_size", 36_864, most=MAX_HIDDEN)
    shuffled = _width(vision, 768) * top.integer("downsample_factor", 2, most=1000) ** 2
    return (
        *linear(f"{AT}.linear_1", shuffled, inner, True),
        *linear(f"{AT}.linear_2", inner // 2, h, True),
    )


def aya(top: Config, vision: Config, h: int) -> Tensors:
    """AyaVisionMultiModalProjector: Cohere2's behind a norm."""
    shuffled = _width(vision, 768) * top.integer("downsample_factor", 2, most=1000) ** 2
    inner = top.integer("alignment_intermediate_size", h, most=MAX_HIDDEN)
    return (
        *layer_norms(AT, "layernorm", size=shuffled),
        *linear(f"{AT}.linear_1", shuffled, inner, True),
        *linear(f"{AT}.linear_2", inner // 2, h, True),
    )


def deepseek(top: Config, vision: Config, h: int) -> Tensors:
    """DeepseekVLAligner."""
    return two_linears("model.aligner", ("linear1", "linear2"), _width(vision, 768), h, h)


def gemma4(top: Config, vision: Config, h: int) -> Tensors:
    """Gemma4MultimodalEmbedder."""
    return linear("model.embed_vision.embedding_projection", _width(vision, 768), h)


def mllama(top: Config, vision: Config, h: int) -> Tensors:
    """MllamaModel's projector, from the encoder's last and intermediate layers side by side."""
    output = vision.integer("vision_output_dim", 7680, most=MAX_HIDDEN)
    return linear("model.multi_modal_projector", output, h, True)


def kimi(top: Config, vision: Config, h: int) -> Tensors:
    """Kimi_K25MultimodalProjection."""
    width = vision.integer(("hidden_size", "vt_hidden_size"), 1152, most=MAX_HIDDEN)
    normed = top.integer("projection_hidden_size", 1152, most=MAX_HIDDEN)
    high, wide = vision.each("merge_kernel_size", 2) or (2, 2)
    merged = width * max(1, high * wide)
    at = "model.mm_projector"
    return (
        *layer_norms(at, "pre_norm", size=normed),
        *two_linears(at, ("in_proj", "out_proj"), merged, merged, h),
    )


def phi4(top: Config, vision: Config, h: int) -> Tensors:
    """Phi4MultimodalImageEmbedding: what separates crops, and two linears."""
    at, width = "model.embed_tokens_extend.image_embed", _width(vision, 1152)
    return (
        *parameter(f"{at}.global_img_feature_extensor", 1, 1, width),
        *parameter(f"{at}.sub_img_feature_extensor", 1, 1, 1, width),
        *two_linears(at, ("img_projection_up", "img_projection_down"), width, h, h),
    )


def llava(top: Config, vision: Config, h: int) -> Tensors:
    """LlavaMultiModalProjector."""
    bias = top.flag("multimodal_projector_bias", True)
    return (
        *linear(f"{AT}.linear_1", _width(vision, 768) * _features(top), h, bias),
        *linear(f"{AT}.linear_2", h, h, bias),
    )


def llava_newline(top: Config, vision: Config, h: int) -> Tensors:
    """LlavaNextModel's and LlavaOnevisionModel's: a learned end of a row of patches."""
    return (*parameter("model.image_newline", h), *llava(top, vision, h))


def mistral3(top: Config, vision: Config, h: int) -> Tensors:
    """Mistral3MultiModalProjector: patches are merged first."""
    width, bias = _width(vision, 1024), top.flag("multimodal_projector_bias", False)
    merged = width * top.integer("spatial_merge_size", 2, most=1000) ** 2
    return (
        *rms_norms(AT, "norm", size=width),
        *linear(f"{AT}.patch_merger.merging_layer", merged, width),
        *linear(f"{AT}.linear_1", width * _features(top), h, bias),
        *linear(f"{AT}.linear_2", h, h, bias),
    )


def internvl(top: Config, vision: Config, h: int) -> Tensors:
    """InternVLMultiModalProjector."""
    ratio = top.number("downsample_ratio", 0.5, least=0.01, most=1)
    shuffled = _width(vision, 1024) * int(1 / ratio) ** 2
    return (
        *layer_norms(AT, "layer_norm", size=shuffled),
        *two_linears(AT, ("linear_1", "linear_2"), shuffled, h, h),
    )


def idefics3(top: Config, vision: Config, h: int) -> Tensors:
    """Idefics3Connector, and SmolVLM's."""
    shuffled = _width(vision, 1152) * top.integer("scale_factor", 2, most=1000) ** 2
    return linear("model.connector.modality_projection.proj", shuffled, h)


def llama4(top: Config, vision: Config, h: int) -> Tensors:
    """Llama4MultiModalProjector."""
    output = vision.integer("vision_output_dim", 7680, most=MAX_HIDDEN)
    return linear("multi_modal_projector.linear_1", output, h)

"""Vision and audio towers of multimodal models: exact tensors, as transformers has them.

Their parameters count where the model is trained through its own class
(`AutoModelForImageTextToText`); the text model alone has none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from app.catalog.huggingface.reading import ROOT_POINTER, Config
from app.catalog.huggingface.towers import audio, encoders, joints, native
from app.catalog.huggingface.towers.parts import Tensors
from app.domain.architecture import ModelSpec, Tower
from app.domain.errors import FieldError, InvalidInput

Towers = Literal["none", "frozen", "trained"]
Encoder = Callable[[Config, str], Tensors]
Joint = Callable[[Config, Config, int], Tensors]

TOWERS_POINTER = "/model/towers"
TOWER_SECTIONS = ("vision_config", "audio_config")

ENCODERS: Mapping[str, Encoder] = {
    "siglip_vision_model": encoders.siglip,
    "clip_vision_model": encoders.clip,
    "pixtral": encoders.pixtral,
    "internvl_vision": encoders.internvl,
    "llama4_vision_model": encoders.llama4,
    "qwen2_vl": encoders.qwen2_vl,
    "qwen2_5_vl": encoders.qwen2_5_vl,
    "qwen3_vl": encoders.qwen3_vl,
    "glm4v": encoders.glm4v,
    "idefics3_vision": encoders.idefics3,
    "gemma4_vision": native.gemma4,
    "mllama_vision_model": native.mllama,
    "kimi_k25_vision": native.kimi,
    "phi4_multimodal_vision": native.phi4,
}
# Of each multimodal type: its encoder where vision_config names none, the module that it is, and
# what joins it to the text model.
WRAPPERS: Mapping[str, tuple[str, str, Joint | None]] = {
    "gemma3": ("siglip_vision_model", "model.vision_tower", joints.gemma3),
    "paligemma": ("siglip_vision_model", "model.vision_tower", joints.paligemma),
    "cohere2_vision": ("siglip_vision_model", "model.vision_tower", joints.cohere2),
    "llava": ("clip_vision_model", "model.vision_tower", joints.llava),
    "llava_next": ("clip_vision_model", "model.vision_tower", joints.llava_newline),
    "llava_onevision": ("siglip_vision_model", "model.vision_tower", joints.llava_newline),
    "mistral3": ("pixtral", "model.vision_tower", joints.mistral3),
    "internvl": ("internvl_vision", "model.vision_tower", joints.internvl),
    "idefics3": ("idefics3_vision", "model.vision_model", joints.idefics3),
    "smolvlm": ("idefics3_vision", "model.vision_model", joints.idefics3),
    "llama4": ("llama4_vision_model", "vision_model", joints.llama4),
    "qwen2_vl": ("qwen2_vl", "model.visual", None),
    "qwen2_5_vl": ("qwen2_5_vl", "model.visual", None),
    "qwen3_vl": ("qwen3_vl", "model.visual", None),
    "qwen3_vl_moe": ("qwen3_vl", "model.visual", None),
    "qwen3_5": ("qwen3_vl", "model.visual", None),
    "qwen3_5_moe": ("qwen3_vl", "model.visual", None),
    "glm4v": ("glm4v", "model.visual", None),
    "glm4v_moe": ("glm4v", "model.visual", None),
    "glm46v": ("glm4v", "model.visual", None),
    "aya_vision": ("siglip_vision_model", "model.vision_tower", joints.aya),
    "deepseek_vl": ("siglip_vision_model", "model.vision_model", joints.deepseek),
    "gemma4": ("gemma4_vision", "model.vision_tower", joints.gemma4),
    "kimi_k25": ("kimi_k25_vision", "model.vision_tower", joints.kimi),
    "llava_next_video": ("clip_vision_model", "model.vision_tower", joints.llava_newline),
    "mllama": ("mllama_vision_model", "model.vision_model", joints.mllama),
    "phi4_multimodal": (
        "phi4_multimodal_vision",
        "model.embed_tokens_extend.image_embed.img_processor",
        joints.phi4,
    ),
}
# Of multimodal types that hear: encoder and joint in one.
LISTENERS: Mapping[str, Callable[[Config, int], Tensors]] = {
    "gemma4": audio.gemma4,
    "phi4_multimodal": audio.phi4,
    "qwen2_audio": audio.qwen2_audio,
    "voxtral": audio.voxtral,
}
# Whose class builds its towers although a config says nothing of them.
_ALWAYS = frozenset({"phi4_multimodal"})


def has_towers(config: Mapping[str, Any]) -> bool:
    """Whether a config describes an encoder beside its text model."""
    stated = any(isinstance(config.get(section), dict) for section in TOWER_SECTIONS)
    return stated or str(config.get("model_type")) in _ALWAYS


def towers_of(config: Mapping[str, Any], spec: ModelSpec, *, trained: bool) -> tuple[Tower, ...]:
    """The towers of a multimodal config, frozen or trained.

    Raises `InvalidInput` where it has none, where they are not known, and for bad dimensions with
    pointers under `/model/config/vision_config` and `/model/config/audio_config`.
    """
    if not has_towers(config):
        raise _refused(f"{spec.name} has no vision or audio tower: leave towers out.")
    model_type = str(config.get("model_type"))
    return tuple(
        Tower(f"{name} tower", build(config, spec.hidden_size, model_type), trained)
        for name, build in (("vision", _vision), ("audio", _audio))
        if model_type in _ALWAYS or isinstance(config.get(f"{name}_config"), dict)
    )


def _vision(config: Mapping[str, Any], h: int, model_type: str) -> Tensors:
    if model_type not in WRAPPERS:
        raise _unknown(model_type)
    usual, module, joint = WRAPPERS[model_type]
    vision = Config(config.get("vision_config") or {}, f"{ROOT_POINTER}/vision_config")
    top = Config(config)
    _, named = vision.find("model_type")
    encoder = ENCODERS.get(named if isinstance(named, str) else usual) or ENCODERS[usual]
    tensors = encoder(vision, module)
    if joint is not None:
        tensors += joint(top, vision, h)
    vision.raise_if_bad()
    top.raise_if_bad()
    return tensors


def _audio(config: Mapping[str, Any], h: int, model_type: str) -> Tensors:
    if model_type not in LISTENERS:
        raise _unknown(model_type)
    sound = Config(config.get("audio_config") or {}, f"{ROOT_POINTER}/audio_config")
    tensors = LISTENERS[model_type](sound, h)
    sound.raise_if_bad()
    return tensors


def _unknown(model_type: str) -> InvalidInput:
    return _refused(
        f"The towers of {model_type[:60]} are not known: only its text model can be planned, with "
        'towers "none".'
    )


# Whose class ties the head unless the whole config, not its text part, says otherwise.
_TIES = frozenset(
    {
        *("gemma3", "paligemma", "cohere2_vision", "mistral3", "internvl", "aya_vision"),
        *("deepseek_vl", "gemma4", "kimi_k25"),
    }
)
# Whose class ties it, too, where the text part says so.
_TIES_AS_TEXT = frozenset(
    {"llava", "llava_onevision", "llama4", "qwen2_vl", "qwen2_5_vl", "glm4v", "glm4v_moe"}
)


def ties(config: Mapping[str, Any]) -> bool:
    """Whether a multimodal class ties its head: the text part's word counts for some alone."""
    model_type, own = config.get("model_type"), config.get("tie_word_embeddings")
    text = config.get("text_config")
    of_text = isinstance(text, dict) and text.get("tie_word_embeddings") is True
    if model_type in _TIES_AS_TEXT and of_text:
        return True
    if model_type == "llama4":
        return False
    return own if isinstance(own, bool) else model_type in _TIES


_INPUT = {"vision tower": "images", "audio tower": "sound"}


def sentence(tower: Tower) -> str:
    """What an estimate counts of a tower, and what it does not."""
    kept = (
        "trained: weights, gradients and optimizer states count"
        if tower.trained
        else "frozen: weights count, gradients and optimizer states there are none of"
    )
    return (
        f"The {tower.name} and what joins it to the text model ({tower.parameters:,} parameters) "
        f"are {kept}. Activations of the {tower.name} are not included: they grow with the "
        f"{_INPUT[tower.name]} of a sequence, which a job does not state."
    )


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(FieldError(TOWERS_POINTER, detail))

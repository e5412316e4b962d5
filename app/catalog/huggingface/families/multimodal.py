"""Text models of multimodal families: decoders that exist elsewhere, under classes of their own."""

from __future__ import annotations

from app.catalog.huggingface.families.llama import glm4, qwen2, qwen3
from app.catalog.huggingface.families.mixtures import glm4_moe, qwen3_moe
from app.catalog.huggingface.registry import family

family("Qwen2-VL", "qwen2_vl_text")(qwen2)
family("Qwen2.5-VL", "qwen2_5_vl_text")(qwen2)
family("Qwen3-VL", "qwen3_vl_text")(qwen3)
family("Qwen3-VL MoE", "qwen3_vl_moe_text")(qwen3_moe)
family("GLM-4V", "glm4v_text")(glm4)
family("GLM-4.5V", "glm4v_moe_text")(glm4_moe)

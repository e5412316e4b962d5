"""Requests that the API's documentation shows. A test posts each of them."""

from __future__ import annotations

from typing import Any

ESTIMATE_REQUESTS: dict[str, Any] = {
    "full_fine_tune": {
        "summary": "Llama-3.1-70B, full fine-tune on four workstation cards",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-70B"},
            "hardware": {
                "gpu": "rtxpro6000-ws",
                "gpus_per_node": 4,
                "nodes": 1,
                "host_memory_gib": 1536,
                "nvme_gib": 4000,
            },
            "training": {"sequence_length": 2048, "micro_batch_size": 1},
        },
    },
    "lora": {
        "summary": "LoRA on one GPU, one strategy",
        "value": {
            "model": {"id": "meta-llama/Llama-3.1-8B"},
            "hardware": {"gpu": "h100-80-sxm"},
            "training": {"method": "lora", "lora": {"rank": 16}, "micro_batch_size": 4},
            "strategies": ["ddp"],
        },
    },
    "trainer_buckets": {
        "summary": "ZeRO-3 with the bucket sizes that Hugging Face Trainer fills in",
        "value": {
            "model": {"id": "Qwen/Qwen2.5-7B"},
            "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
            "strategies": ["zero3"],
            "options": {"deepspeed": {"reduce_bucket_size": "auto", "overlap_comm": True}},
        },
    },
}

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
        "summary": "ZeRO-3 in Hugging Face Trainer, with the bucket sizes that it fills in",
        "value": {
            "model": {"id": "Qwen/Qwen2.5-7B"},
            "hardware": {"gpu": "h100-80-sxm", "gpus_per_node": 8},
            "strategies": ["zero3"],
            "options": {
                "trainer": "hf_trainer",
                "deepspeed": {"reduce_bucket_size": "auto", "overlap_comm": True},
            },
        },
    },
}

MEASURED_RUNS: dict[str, Any] = {
    "one_run": {
        "summary": "One run of the harness: Llama-3.2-1B under FSDP1",
        "value": {
            "runs": [
                {
                    "id": "ours-1b-fsdp1",
                    "campaign": "ours",
                    "gpus": "one GPU, other ranks simulated",
                    "versions": {
                        "torch": "2.11.0+cu130",
                        "transformers": "5.17.0",
                        "deepspeed": "0.19.8",
                        "bitsandbytes": "0.50.2",
                    },
                    "request": {
                        "model": {"id": "meta-llama/Llama-3.2-1B"},
                        "hardware": {
                            "gpu": "h100-80-sxm",
                            "gpus_per_node": 8,
                            "nodes": 1,
                            "host_memory_gib": 2048,
                            "nvme_gib": 8000,
                        },
                        "training": {
                            "method": "full",
                            "precision": "bf16_mixed",
                            "optimizer": "adamw",
                            "optimizer_kernel": "fused",
                            "sequence_length": 2048,
                            "micro_batch_size": 1,
                            "gradient_accumulation_steps": 1,
                            "activation_checkpointing": False,
                            "attention": "sdpa",
                        },
                        "strategies": ["fsdp1"],
                        "options": {"fsdp": {"reduce_dtype": "fp32"}},
                    },
                    "measured": {
                        "peak_allocated": 10251805184,
                        "steady_peak_allocated": 10251805184,
                        "phase_forward": 9604842496,
                        "phase_backward": 10251805184,
                        "phase_step": 3097613824,
                        "after_setup": 765986816,
                        "resident_after_step": 3097613824,
                        "peak_reserved": 15407775744,
                        "context_bytes": 641728512,
                        "process_used": 16275996672,
                        "reserved_at_end": 15407775744,
                        "host_rss_peak": 1574256640,
                        "step_seconds": 0.1007,
                    },
                    "trainer": "pytorch",
                }
            ]
        },
    }
}

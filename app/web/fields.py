"""The words of the planner's form: labels, units and the names of the choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Choices = tuple[tuple[str, str], ...]
Control = Literal["number", "text", "select", "segments", "checkbox"]


@dataclass(frozen=True)
class Field:
    """How one parameter of `app.web.forms` appears. `spoken` is its name inside a sentence."""

    name: str
    label: str
    control: Control = "number"
    unit: str = ""
    choices: Choices = ()
    hint: str = ""

    @property
    def spoken(self) -> str:
        first = self.label.split(" ", 1)[0]
        keep = first[1:] != first[1:].lower()
        return self.label if keep else self.label[:1].lower() + self.label[1:]

    def with_value(self, value: str) -> str:
        """A value as a sentence names it: "2,048 tokens", "nodes 2", "host memory 512 GiB"."""
        if self.unit == "tokens":
            return f"{value} {self.unit}"
        word = dict(self.choices).get(value, value)
        return " ".join(part for part in (self.spoken, word, self.unit) if part)


_ALL = (
    Field("model", "Model", "text"),
    Field("model_profile", "Saved model", "select"),
    Field("gpu", "GPU", "select"),
    Field("hardware_profile", "Saved system", "select"),
    Field("gpus_per_node", "GPUs per node"),
    Field("nodes", "Nodes"),
    Field("host_memory_gib", "Host memory", unit="GiB"),
    Field("nvme_gib", "NVMe", unit="GiB"),
    Field(
        "offload", "Offload allowed", "segments",
        choices=(("none", "None"), ("cpu", "CPU"), ("nvme", "NVMe")),
    ),
    Field(
        "method", "Method", "segments",
        choices=(("full", "Full"), ("lora", "LoRA"), ("qlora", "QLoRA")),
    ),
    Field(
        "precision", "Precision", "select",
        choices=(
            ("bf16_mixed", "bf16 mixed"), ("bf16_pure", "bf16 pure"),
            ("fp16_mixed", "fp16 mixed"), ("fp32", "fp32"),
        ),
    ),
    Field(
        "optimizer", "Optimizer", "select",
        choices=(
            ("adamw", "AdamW"), ("adamw_8bit", "AdamW 8-bit"),
            ("paged_adamw_8bit", "Paged AdamW 8-bit"), ("adafactor", "Adafactor"),
            ("lion", "Lion"), ("sgd", "SGD"),
        ),
    ),
    Field("sequence_length", "Sequence length", unit="tokens"),
    Field("micro_batch_size", "Micro-batch", unit="per GPU"),
    Field(
        "activation_checkpointing", "Activation checkpointing", "checkbox",
        hint="Recompute each layer in the backward pass",
    ),
    Field("lora_rank", "LoRA rank"),
    Field("lora_target_modules", "LoRA modules", "text"),
    Field("gradient_accumulation_steps", "Accumulation steps"),
    Field(
        "attention", "Attention", "select",
        choices=(
            ("sdpa", "SDPA"), ("eager", "Eager"), ("flash_attention_2", "FlashAttention 2"),
        ),
    ),
    Field(
        "optimizer_kernel", "Optimizer kernel", "select",
        choices=(("fused", "Fused"), ("foreach", "Foreach")),
    ),
    Field(
        "fused_loss", "Fused loss", "checkbox", hint="The logits are never held whole",
    ),
    Field(
        "allocator", "Allocator", "select",
        choices=(("default", "Default"), ("expandable_segments", "Expandable segments")),
    ),
    Field(
        "usable_memory_bytes", "Usable per GPU", unit="bytes",
        hint="Empty: what the driver reports, less what the runtime takes",
    ),
    Field(
        "training_loop", "Training loop", "select",
        choices=(("pytorch", "Plain PyTorch"), ("hf_trainer", "Hugging Face Trainer")),
        hint="What the memory is computed for",
    ),
    Field(
        "reduce_dtype", "FSDP reduce type", "select",
        choices=(("fp32", "fp32"), ("bf16", "bf16")),
    ),
    Field("reduce_bucket_size", "reduce_bucket_size"),
    Field("allgather_bucket_size", "allgather_bucket_size"),
    Field(
        "overlap_comm", "overlap_comm", "select",
        choices=(("", "DeepSpeed’s default"), ("true", "true"), ("false", "false")),
    ),
    Field("contiguous_gradients", "contiguous_gradients", "checkbox"),
    Field("sub_group_size", "sub_group_size"),
    Field("stage3_max_live_parameters", "stage3_max_live_parameters"),
    Field("stage3_max_reuse_distance", "stage3_max_reuse_distance"),
    Field("stage3_prefetch_bucket_size", "stage3_prefetch_bucket_size"),
    Field("stage3_param_persistence_threshold", "stage3_param_persistence_threshold"),
    Field(
        "trainer", "Trainer", "select",
        choices=(
            ("hf_trainer", "Hugging Face Trainer"), ("pytorch", "Plain PyTorch"),
            ("megatron", "Megatron"),
        ),
        hint="What the advice and the files are for",
    ),
    Field("team_knows_deepspeed", "The team knows DeepSpeed", "checkbox"),
    Field("debugging_matters", "Easy debugging matters", "checkbox"),
    Field("strategies", "Strategies", "text"),
)  # fmt: skip
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}


def choice_word(name: str, value: str) -> str:
    """The word of a field's choice, the value itself where it has none."""
    return dict(FIELDS[name].choices).get(value, value)

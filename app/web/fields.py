"""The words of the planner's form: labels, units and the names of the choices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Choices = tuple[tuple[str, str], ...]
Control = Literal["number", "text", "select", "segments", "checkbox"]


@dataclass(frozen=True)
class Field:
    """How one parameter of `app.web.forms` appears. `spoken` is its name inside a sentence.

    `hint` always stands below the control; `help` says in one line what the field means, below it
    among the advanced settings and in the label's tooltip elsewhere.
    """

    name: str
    label: str
    control: Control = "number"
    unit: str = ""
    choices: Choices = ()
    hint: str = ""
    help: str = ""

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
    Field("model", "Model", "text", help="A model of the catalogue, by its name on Hugging Face"),
    Field(
        "model_profile", "Saved model", "select",
        help="A config.json that you imported, or a model that you saved",
    ),
    Field(
        "towers", "Towers", "select",
        help="Encoders beside the text model, where it is trained through its multimodal class",
        choices=(
            ("", "As saved"), ("none", "Text model alone"), ("frozen", "Frozen"),
            ("trained", "Trained"),
        ),
    ),
    Field("gpu", "GPU", "select", help="The card that every process trains on"),
    Field(
        "hardware_profile", "Saved system", "select",
        help="A machine that you saved: it stands for all fields below",
    ),
    Field("gpus_per_node", "GPUs per node", help="Cards in one server; one process trains on each"),
    Field("nodes", "Nodes", help="Servers that train together"),
    Field("host_memory_gib", "Host memory", unit="GiB", help="RAM of one node, for CPU offload"),
    Field("nvme_gib", "NVMe", unit="GiB", help="Fast disks of one node, for NVMe offload"),
    Field(
        "offload", "Offload allowed", "segments",
        help="Where training state may go when it does not fit on the GPUs",
        choices=(("none", "None"), ("cpu", "CPU"), ("nvme", "NVMe")),
    ),
    Field(
        "method", "Method", "segments",
        help="Train all weights, or small adapters on frozen or quantised ones",
        choices=(("full", "Full"), ("lora", "LoRA"), ("qlora", "QLoRA")),
    ),
    Field(
        "precision", "Precision", "select",
        help="Number formats of weights, gradients and master copies",
        choices=(
            ("bf16_mixed", "bf16 mixed"), ("bf16_pure", "bf16 pure"),
            ("fp16_mixed", "fp16 mixed"), ("fp32", "fp32"),
        ),
    ),
    Field(
        "optimizer", "Optimizer", "select",
        help="It decides how many bytes of state each trained weight has",
        choices=(
            ("adamw", "AdamW"), ("adamw_8bit", "AdamW 8-bit"),
            ("paged_adamw_8bit", "Paged AdamW 8-bit"), ("adafactor", "Adafactor"),
            ("lion", "Lion"), ("sgd", "SGD"),
        ),
    ),
    Field(
        "sequence_length", "Sequence length", unit="tokens",
        help="Tokens of one sample, padding included",
    ),
    Field(
        "micro_batch_size", "Micro-batch", unit="per GPU",
        help="Samples that a GPU holds at once",
    ),
    Field(
        "activation_checkpointing", "Activation checkpointing", "checkbox",
        hint="Recompute each layer in the backward pass",
    ),
    Field("lora_rank", "LoRA rank", help="Width of the adapters"),
    Field(
        "lora_target_modules", "LoRA modules", "text",
        help="all-linear, or names such as q_proj, v_proj",
    ),
    Field(
        "gradient_accumulation_steps", "Accumulation steps",
        help="Micro-batches of one optimizer step",
    ),
    Field(
        "attention", "Attention", "select",
        help="Eager keeps every score, the others none",
        choices=(
            ("sdpa", "SDPA"), ("eager", "Eager"), ("flash_attention_2", "FlashAttention 2"),
        ),
    ),
    Field(
        "optimizer_kernel", "Optimizer kernel", "select",
        help="Foreach needs room for temporary copies",
        choices=(("fused", "Fused"), ("foreach", "Foreach")),
    ),
    Field(
        "fused_loss", "Fused loss", "checkbox", hint="The logits are never held whole",
    ),
    Field(
        "allocator", "Allocator", "select",
        help="PYTORCH_CUDA_ALLOC_CONF: expandable segments fragment less",
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
        help="In which gradients are summed",
        choices=(("fp32", "fp32"), ("bf16", "bf16")),
    ),
    Field(
        "reduce_bucket_size", "reduce_bucket_size",
        help="Elements reduced at once",
    ),
    Field(
        "allgather_bucket_size", "allgather_bucket_size",
        help="Elements gathered at once, ZeRO-1 and 2",
    ),
    Field(
        "overlap_comm", "overlap_comm", "select",
        help="Reduce while the backward pass runs: a second bucket",
        choices=(("", "DeepSpeed’s default"), ("true", "true"), ("false", "false")),
    ),
    Field(
        "contiguous_gradients", "contiguous_gradients", "checkbox",
        help="Copy gradients into one buffer as they are made",
    ),
    Field(
        "sub_group_size", "sub_group_size",
        help="Elements stepped at once, ZeRO-3",
    ),
    Field(
        "stage3_max_live_parameters", "stage3_max_live_parameters",
        help="Parameters gathered at most, ZeRO-3",
    ),
    Field(
        "stage3_max_reuse_distance", "stage3_max_reuse_distance",
        help="Keep what is used again within so many",
    ),
    Field(
        "stage3_prefetch_bucket_size", "stage3_prefetch_bucket_size",
        help="Elements gathered ahead, ZeRO-3",
    ),
    Field(
        "stage3_param_persistence_threshold", "stage3_param_persistence_threshold",
        help="Smaller tensors are never divided",
    ),
    Field(
        "trainer", "Trainer", "select",
        choices=(
            ("hf_trainer", "Hugging Face Trainer"), ("pytorch", "Plain PyTorch"),
            ("megatron", "Megatron"),
        ),
        hint="What the advice and the files are for",
    ),
    Field(
        "team_knows_deepspeed", "The team knows DeepSpeed", "checkbox",
        help="Then its extra machinery costs nothing",
    ),
    Field(
        "debugging_matters", "Easy debugging matters", "checkbox",
        help="Favours what plain PyTorch tools can look into",
    ),
    Field("strategies", "Strategies", "text"),
)  # fmt: skip
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}


def choice_word(name: str, value: str) -> str:
    """The word of a field's choice, the value itself where it has none."""
    return dict(FIELDS[name].choices).get(value, value)

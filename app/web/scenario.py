"""A job in a few words: the line above the answer, a plan's default name, a shared plan's facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.domain.hardware import Gpu
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest, StrategyEstimate
from app.web.fields import choice_word
from app.web.numbers import integer

_METHODS = {"full": "full fine-tune", "lora": "LoRA", "qlora": "QLoRA"}


class Machine(Protocol):
    """The hardware of a job, live or as it was stored with a plan."""

    @property
    def gpu(self) -> Gpu: ...
    @property
    def gpus_per_node(self) -> int: ...
    @property
    def nodes(self) -> int: ...
    @property
    def host_memory_bytes(self) -> int: ...
    @property
    def nvme_bytes(self) -> int: ...
    @property
    def price_cents(self) -> int | None: ...


@dataclass(frozen=True)
class Scenario:
    """Model, method and machine as people name them; `facts` is every input, labelled."""

    model: str
    method: str
    hardware: str
    tokens: str
    batch: str
    precision: str
    optimizer: str
    facts: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """A name for a plan that was saved without one."""
        return f"{self.model}, {self.method}, on {self.hardware}"


def scenario_of(model: str, machine: Machine, request: EstimateRequest) -> Scenario:
    """The words for a job on a machine; `model` is the model's name."""
    training = request.training
    method = choice_word("method", training.method)
    if training.method != "full":
        modules = training.lora.target_modules
        where = modules if isinstance(modules, str) else ", ".join(modules)
        method += f", rank {training.lora.rank}, {where}"
    steps = training.gradient_accumulation_steps
    accumulated = f", {integer(steps)} accumulated" if steps > 1 else ""
    optimizer = choice_word("optimizer", training.optimizer)
    name = model.rsplit("/", 1)[-1]
    facts = (
        ("Model", name),
        ("Hardware", hardware_name(machine)),
        ("Host memory per node", f"{machine.host_memory_bytes / GIB:,.0f} GiB"),
        ("NVMe per node", f"{machine.nvme_bytes / GIB:,.0f} GiB"),
        ("Method", method),
        ("Precision", choice_word("precision", training.precision)),
        ("Optimizer", f"{optimizer}, {choice_word('optimizer_kernel', training.optimizer_kernel)}"),
        ("Sequence length", f"{integer(training.sequence_length)} tokens"),
        ("Micro-batch", f"{integer(training.micro_batch_size)} per GPU{accumulated}"),
        ("Checkpointing", "On" if training.activation_checkpointing else "Off"),
        ("Attention", choice_word("attention", training.attention)),
        ("Loss", "Fused" if training.fused_loss else "Not fused"),
        ("Training loop", choice_word("training_loop", request.options.trainer)),
        ("Allocator", choice_word("allocator", request.options.allocator)),
    )
    return Scenario(
        model=name,
        method=_METHODS[training.method],
        hardware=hardware_name(machine),
        tokens=f"{integer(training.sequence_length)} tokens",
        batch=f"micro-batch {integer(training.micro_batch_size)}",
        precision=choice_word("precision", training.precision),
        optimizer=optimizer,
        facts=facts,
    )


def hardware_name(machine: Machine) -> str:
    """A machine as people order it: "4 × RTX PRO 6000 96 GB", "2 nodes of 8 × H100"."""
    nodes = f"{integer(machine.nodes)} nodes of " if machine.nodes > 1 else ""
    return f"{nodes}{integer(machine.gpus_per_node)} × {machine.gpu.name}"


def hardware_price(machine: Machine) -> tuple[str, tuple[int, int] | None]:
    """What a machine costs in cents, lowest and highest, after its owner or the cards' prices.

    With the words for it: a system's price is not that of its cards.
    """
    if machine.price_cents is not None:
        return "Price of the system", (machine.price_cents, machine.price_cents)
    alone = machine.gpus_per_node * machine.nodes == 1
    return "Price per card" if alone else "Price of all cards", cards_price(machine)


def cards_price(machine: Machine) -> tuple[int, int] | None:
    """Cents for all cards of a machine, lowest and highest; None where nobody says."""
    gpu = machine.gpu
    if gpu.price_low_cents is None or gpu.price_high_cents is None:
        return None
    cards = -(-machine.gpus_per_node * machine.nodes // gpu.devices_per_package)
    return gpu.price_low_cents * cards, gpu.price_high_cents * cards


EXPANDABLE = (
    "The launch command turns expandable segments on because the fit is tight: less is lost to "
    "fragments than the estimate counts."
)


def launched_expandable(estimate: StrategyEstimate, request: EstimateRequest) -> bool:
    """Whether the files set an allocator that the job does not ask for."""
    return estimate.verdict == "tight" and request.options.allocator == "default"

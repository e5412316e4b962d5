"""The planner's query string: one table says which parameter is which field of the request.

Read both ways: `read` turns a query into a job, `query` a job into a query, and `pointer_field`
finds the field that an error belongs to. Parameters are named like the contract's fields. What a
query leaves out has the worked example's value, so an address without a query shows a whole plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.domain.errors import FieldError
from app.schemas.estimates import EstimateRequest
from app.schemas.planning import Preferences
from app.services.patching import Patch, merge

Kind = Literal[
    "text", "names", "tokens", "count", "optional_count", "elements", "flag", "maybe_flag"
]


@dataclass(frozen=True)
class Param:
    """One query parameter: its place in the request and how its text is read.

    `always` parameters stand in every address that we write; the others only when they differ
    from their default.
    """

    name: str
    path: tuple[str, ...]
    kind: Kind = "text"
    always: bool = False

    @property
    def pointer(self) -> str:
        return "/" + "/".join(self.path)


def _deepspeed(name: str, kind: Kind) -> Param:
    return Param(name, ("options", "deepspeed", name), kind)


PARAMS: tuple[Param, ...] = (
    Param("model", ("model", "id"), always=True),
    Param("model_profile", ("model", "profile")),
    Param("towers", ("model", "towers")),
    Param("gpu", ("hardware", "gpu"), always=True),
    Param("gpus_per_node", ("hardware", "gpus_per_node"), "count", always=True),
    Param("nodes", ("hardware", "nodes"), "count", always=True),
    Param("host_memory_gib", ("hardware", "host_memory_gib"), "tokens", always=True),
    Param("nvme_gib", ("hardware", "nvme_gib"), "tokens", always=True),
    Param("usable_memory_bytes", ("hardware", "usable_memory_bytes"), "optional_count"),
    Param("hardware_profile", ("hardware", "profile")),
    Param("offload", ("preferences", "offload"), always=True),
    Param("method", ("training", "method"), always=True),
    Param("precision", ("training", "precision"), always=True),
    Param("optimizer", ("training", "optimizer"), always=True),
    Param("sequence_length", ("training", "sequence_length"), "tokens", always=True),
    Param("micro_batch_size", ("training", "micro_batch_size"), "count", always=True),
    Param(
        "activation_checkpointing", ("training", "activation_checkpointing"), "flag", always=True
    ),
    Param("gradient_accumulation_steps", ("training", "gradient_accumulation_steps"), "count"),
    Param("attention", ("training", "attention")),
    Param("fused_loss", ("training", "fused_loss"), "flag"),
    Param("optimizer_kernel", ("training", "optimizer_kernel")),
    Param("lora_rank", ("training", "lora", "rank"), "count"),
    Param("lora_target_modules", ("training", "lora", "target_modules"), "names"),
    Param("allocator", ("options", "allocator")),
    Param("training_loop", ("options", "trainer")),
    Param("reduce_dtype", ("options", "fsdp", "reduce_dtype")),
    _deepspeed("reduce_bucket_size", "elements"),
    _deepspeed("allgather_bucket_size", "elements"),
    _deepspeed("overlap_comm", "maybe_flag"),
    _deepspeed("contiguous_gradients", "flag"),
    _deepspeed("sub_group_size", "elements"),
    _deepspeed("stage3_max_live_parameters", "elements"),
    _deepspeed("stage3_max_reuse_distance", "elements"),
    _deepspeed("stage3_prefetch_bucket_size", "elements"),
    _deepspeed("stage3_param_persistence_threshold", "elements"),
    Param("trainer", ("preferences", "trainer")),
    Param("team_knows_deepspeed", ("preferences", "team_knows_deepspeed"), "flag"),
    Param("debugging_matters", ("preferences", "debugging_matters"), "flag"),
    Param("strategies", ("strategies",), "names"),
)
BY_NAME = {param.name: param for param in PARAMS}
ADVANCED = tuple(
    param.name
    for param in PARAMS
    if param.path[0] == "options"
    or param.name
    in ("optimizer_kernel", "attention", "fused_loss", "gradient_accumulation_steps",
        "usable_memory_bytes", "trainer", "team_knows_deepspeed", "debugging_matters")
)  # fmt: skip

EXAMPLE = EstimateRequest.model_validate(
    {
        "model": {"id": "meta-llama/Llama-3.1-70B"},
        "hardware": {
            "gpu": "rtxpro6000-ws",
            "gpus_per_node": 4,
            "nodes": 1,
            "host_memory_gib": 512,
            "nvme_gib": 4000,
        },
        "training": {"sequence_length": 2048, "micro_batch_size": 1},
    }
)


@dataclass(frozen=True)
class View:
    """What is looked at, as opposed to what is computed. Part of the address all the same."""

    strategy: str | None = None
    full_scale: bool = False
    fsdp1: bool = False

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that bring this view back."""
        found = [("strategy", self.strategy)] if self.strategy else []
        found += [("scale", "full")] if self.full_scale else []
        found += [("fsdp1", "show")] if self.fsdp1 else []
        return found


@dataclass(frozen=True)
class Submission:
    """A query as read: the text of every field, and either a job or what is wrong with it."""

    values: Mapping[str, str]
    view: View
    request: EstimateRequest | None = None
    preferences: Preferences = field(default_factory=Preferences)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def advanced_changes(self) -> int:
        """How many advanced settings differ from their defaults."""
        return sum(self.values[name] != DEFAULT_TEXT[name] for name in ADVANCED)

    @cached_property
    def job_query(self) -> str:
        """The query string of the job without its view, "" where there is no job."""
        return "" if self.request is None else query(self.request, self.preferences)


_NUMBER = re.compile(
    r"(?P<digits>-?(?:\d{1,3}(?:[,_ \u2009]\d{3})+|\d+)(?:\.\d+)?)(?:e(?P<exponent>\d{1,2}))?"
    r"\s?(?P<suffix>[kmgb]?)",
    re.IGNORECASE | re.ASCII,
)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "b": 3}
WHOLE_NUMBER = "Enter a whole number, for example 2,048."
_LARGEST = 2**60


def read_number(text: str, base: int) -> int:
    """A whole number as people write it: 2048, 2,048, 2k or 5e8.

    `base` is what k means: 1,024 for tokens and GiB, 1,000 for counts. Raises ValueError.
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > 32:
        raise ValueError(WHOLE_NUMBER)
    digits = Decimal(re.sub(r"[,_ \u2009]", "", found["digits"]))
    value = digits * 10 ** int(found["exponent"] or 0) * base ** _POWER[found["suffix"].lower()]
    if value != value.to_integral_value():
        raise ValueError(WHOLE_NUMBER)
    if abs(value) > _LARGEST:
        raise ValueError("This number is too large.")
    return int(value)


def _read_names(text: str) -> str | list[str] | None:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return "all-linear" if names == ["all-linear"] else names or None


def _read_value(kind: Kind, text: str) -> Any:
    """The value that a field's text stands for. Raises ValueError with what to type instead."""
    text = text.strip()
    match kind:
        case "tokens":
            return read_number(text, 1024)
        case "count":
            return read_number(text, 1000)
        case "optional_count":
            return read_number(text, 1000) if text else None
        case "elements":
            return "auto" if text.lower() == "auto" else read_number(text, 1000)
        case "flag":
            return text.lower() in ("true", "on", "1", "yes")
        case "maybe_flag":
            return {"true": True, "false": False}.get(text.lower())
        case "names":
            return _read_names(text)
        case "text":
            return text or None


def _write_value(value: Any) -> str:
    """The text of a value in an address."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def display(value: Any) -> str:
    """The text of a value in its field: like in an address, with thousands commas."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if whole else _write_value(value)


def _get(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _put(document: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
    document[path[-1]] = value


def document_of(request: EstimateRequest, preferences: Preferences) -> dict[str, Any]:
    """A job as one JSON object: the request's fields plus `preferences`."""
    return {**request.model_dump(mode="json"), "preferences": preferences.model_dump(mode="json")}


_EXAMPLE_DOCUMENT = document_of(EXAMPLE, Preferences())
DEFAULT_TEXT: Mapping[str, str] = {
    param.name: display(_get(_EXAMPLE_DOCUMENT, param.path)) for param in PARAMS
}


def read(pairs: Iterable[tuple[str, str]], leave_out: Iterable[str] = ()) -> Submission:
    """Read a query. `leave_out` names parameters to take at their default, whatever they say.

    A repeated parameter counts once, the last time: an unchecked box sends its hidden "false", a
    checked one sends "true" after it.
    """
    ignored = set(leave_out)
    given = {name: text for name, text in pairs if name not in ignored}
    values = dict(DEFAULT_TEXT)
    errors: dict[str, str] = {}
    document: dict[str, Any] = {"model": {}, "hardware": {}}
    for param in PARAMS:
        value = _get(_EXAMPLE_DOCUMENT, param.path)
        text = given.get(param.name)
        if text is not None and (text.strip() or param.kind not in ("text", "names")):
            try:
                value = _read_value(param.kind, text)
                values[param.name] = display(value)
            except ValueError as error:
                errors[param.name] = str(error)
                values[param.name] = text
        if value is not None:
            _put(document, param.path, value)
    _profiles_win(document)
    view = View(
        strategy=given.get("strategy") or None,
        full_scale=given.get("scale") == "full",
        fsdp1=given.get("fsdp1") == "show",
    )
    return _validated(document, values, errors, view)


def _profiles_win(document: dict[str, Any]) -> None:
    """A chosen profile stands for its whole group; the fields beside it are not part of the job.

    A saved model alone has towers to choose.
    """
    for group in ("model", "hardware"):
        profile, towers = document[group].get("profile"), document[group].pop("towers", None)
        if profile:
            document[group] = {"profile": profile, **({"towers": towers} if towers else {})}


def _validated(
    document: dict[str, Any], values: dict[str, str], errors: dict[str, str], view: View
) -> Submission:
    chosen = document.pop("preferences", {})
    request = _model(EstimateRequest, document, (), errors)
    preferences = _model(Preferences, chosen, ("preferences",), errors)
    if errors or request is None or preferences is None:
        return Submission(values, view, errors=errors)
    return Submission(values, view, request, preferences)


Model = TypeVar("Model", bound=BaseModel)


def _model(
    kind: type[Model], part: Mapping[str, Any], place: tuple[str, ...], errors: dict[str, str]
) -> Model | None:
    """A part of the document, checked. What is wrong goes to `errors`, by field."""
    try:
        return kind.model_validate(part)
    except ValidationError as failure:
        for detail in failure.errors():
            name = pointer_field("/" + "/".join(map(str, (*place, *detail["loc"]))))
            errors.setdefault(name, _sentence(detail))
    return None


def _sentence(detail: ErrorDetails) -> str:
    """What pydantic found, said with the remedy."""
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"Enter {limits['ge']:,} or more."
        case "less_than_equal":
            return f"Enter {limits['le']:,} or less."
        case "literal_error":
            return f"Choose one of {limits['expected']}."
        case "string_too_long":
            return f"Use at most {limits['max_length']:,} characters."
        case _:
            return "This value is not one that the planner knows."


def pointer_field(pointer: str) -> str:
    """The parameter that a JSON pointer into the request belongs to, "" where there is none."""
    parts = tuple(pointer.strip("/").split("/"))
    best, length = "", 0
    for param in PARAMS:
        shared = 0
        while shared < min(len(parts), len(param.path)) and parts[shared] == param.path[shared]:
            shared += 1
        whole = shared in (len(parts), len(param.path))
        if whole and shared > length:
            best, length = param.name, shared
    return best or {"model": "model", "hardware": "gpu"}.get(parts[0], "")


def field_messages(errors: Iterable[FieldError]) -> dict[str, str]:
    """The domain's errors by the field that they belong beside."""
    found: dict[str, str] = {}
    for error in errors:
        name = pointer_field(error.pointer)
        found[name] = f"{found[name]} {error.detail}" if name in found else error.detail
    return found


def query(request: EstimateRequest, preferences: Preferences, view: View | None = None) -> str:
    """The query string that brings a job back, in the table's order."""
    document = document_of(request, preferences)
    profiles = {group for group in ("model", "hardware") if document[group].get("profile")}
    pairs = []
    for param in PARAMS:
        if param.path[0] in profiles and param.path[1:] != ("profile",):
            continue
        value = _get(document, param.path)
        default = _get(_EXAMPLE_DOCUMENT, param.path)
        if value != default or (param.always and value is not None):
            pairs.append((param.name, _write_value(value)))
    return urlencode(pairs + (view.pairs() if view else []), safe="/:,")


def patched(
    request: EstimateRequest, preferences: Preferences, patch: Patch
) -> tuple[EstimateRequest, Preferences]:
    """The job with a patch merged in: objects merge, lists and scalars replace."""
    document = merge(document_of(request, preferences), patch)
    chosen = document.pop("preferences", {})
    return EstimateRequest.model_validate(document), Preferences.model_validate(chosen)

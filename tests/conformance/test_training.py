"""The emitted launch trains a tiny model for two steps on two processes, on the processor."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from tests.conformance.written import FOLDER, Case

TIMEOUT = 240  # seconds; a run takes fifteen to twenty
ROUND = 1.02  # DeepSpeed and FSDP pad what does not divide evenly

FIRST = ["tiny-fsdp2-hf_trainer", "tiny-zero3-hf_trainer"]
# Every other way in which two processes share a model without a GPU (FSDP1 wants one to send the
# weights around), a compiler (DeepSpeed's CPU optimizers) or several nodes.
OTHERS = [
    f"{job}-{strategy}-{trainer}"
    for job, strategies in (
        ("tiny", "ddp zero1 zero2 zero3 fsdp2 fsdp2_shard_grad_op fsdp2_offload"),
        ("tiny_pure", "ddp fsdp2"),
        ("tiny_lora", "ddp zero2 zero3 fsdp2"),
    )
    for strategy in strategies.split()
    for trainer in ("hf_trainer", "pytorch")
]
RUNS = [
    *FIRST,
    *(pytest.param(run, marks=pytest.mark.slow) for run in OTHERS if run not in FIRST),
]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as `from_pretrained` finds it, with random weights."""
    config = json.loads((FOLDER / "tiny_model.json").read_text())
    folder = tmp_path_factory.mktemp("model")
    model_type = config.pop("model_type")
    tiny = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **config))
    tiny.save_pretrained(folder)
    return folder


def trained(case: Case, model: Path, folder: Path) -> list[dict[str, Any]]:
    """Run the case's launch in `folder`; what each rank reports."""
    shutil.copytree(case.folder, folder, dirs_exist_ok=True)
    shutil.copytree(model, folder / "path" / "to" / "model")
    shutil.copy(Path(__file__).with_name("train.py"), folder)
    (folder / "facts.json").write_text(json.dumps({**case.facts, "script": case.script}))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", case.path("launch_command").name],
        cwd=folder,
        env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:]
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("run", RUNS)
def test_the_launch_trains_on_every_rank_of_the_job(run: str, model: Path, tmp_path: Path) -> None:
    case = Case(FOLDER / "cases" / run)
    size = sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(model).parameters())

    ranks = trained(case, model, tmp_path)

    for rank in ranks:
        assert rank["world_size"] == case.facts["world_size"]
        assert len(rank["losses"]) == 2 * case.training["gradient_accumulation_steps"]
        assert all(math.isfinite(loss) for loss in rank["losses"])
        if case.training["method"] == "full":
            assert rank["dtypes"] == [weights_of(case)]
            shards = 2 if case.strategy["shard_parameters"] == "world" else 1
            assert size / shards <= rank["elements"] <= size / shards * ROUND


def weights_of(case: Case) -> str:
    """The format that weights were estimated in: PyTorch keeps fp32 ones for mixed precision."""
    pytorch = case.strategy["framework"] != "deepspeed"
    return "float32" if pytorch and case.training["precision"] == "bf16_mixed" else "bfloat16"

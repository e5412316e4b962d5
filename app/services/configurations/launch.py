"""The launch as a shell script: environment, the launcher's arguments, and what it assumes."""

from __future__ import annotations

from app.schemas.configurations import Configuration
from app.services.configurations import script
from app.services.configurations.run import ACCELERATE_FILE, LAUNCH_FILE, Run

SCRIPT = "train.py"
PORT = 29500


def written(run: Run) -> Configuration:
    """The file."""
    return Configuration("launch_command", LAUNCH_FILE, _text(run))


def command(run: Run) -> list[str]:
    """The launcher and its arguments, one group each; the node's own values are variables."""
    hardware, framework = run.job.hardware, run.strategy.framework
    if framework == "pytorch_fsdp":
        nodes = [
            '--machine_rank "$NODE_RANK"',
            '--main_process_ip "$MASTER_ADDR"',
            f"--main_process_port {PORT}",
        ]
        return [
            "accelerate launch",
            f"--config_file {ACCELERATE_FILE}",
            *(nodes if hardware.nodes > 1 else ()),
            SCRIPT,
        ]
    if hardware.nodes > 1:
        return [
            "torchrun",
            f"--nnodes {hardware.nodes}",
            f"--nproc-per-node {hardware.gpus_per_node}",
            '--node-rank "$NODE_RANK"',
            '--master-addr "$MASTER_ADDR"',
            f"--master-port {PORT}",
            SCRIPT,
        ]
    if framework == "deepspeed":
        return ["deepspeed", f"--num_gpus {hardware.gpus_per_node}", "--no_local_rank", SCRIPT]
    if hardware.world_size == 1:
        return ["python", SCRIPT]
    return ["torchrun", "--standalone", f"--nproc-per-node {hardware.gpus_per_node}", SCRIPT]


def environment(run: Run) -> dict[str, str]:
    """Variables to set. Newer releases of PyTorch also read PYTORCH_ALLOC_CONF."""
    if not run.expandable_segments:
        return {}
    return {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}


def _text(run: Run) -> str:
    job, hardware = run.job, run.job.hardware
    nodes = f"{hardware.nodes} nodes of " if hardware.nodes > 1 else ""
    comments = [
        f"{run.strategy.title}: {nodes}{hardware.gpus_per_node} × {hardware.gpu.name}.",
        *_where_to_run(run),
        *_loop(run),
        "",
        f"{SCRIPT} is your script. The estimate is for one that contains",
        *(f"  {line}" for line in script.lines(run)),
        (
            f"and whose batches are {job.training.micro_batch_size:,} × "
            f"{job.training.sequence_length:,} tokens."
        ),
    ]
    exports = [f"export {name}={value}" for name, value in environment(run).items()]
    lines = [
        "#!/usr/bin/env bash",
        *(f"# {comment}".rstrip() for comment in comments),
        "set -euo pipefail",
        *exports,
        " \\\n  ".join(command(run)),
    ]
    return "\n".join(lines) + "\n"


def _loop(run: Run) -> list[str]:
    """Trainer's own habits cost memory that no file switches off; under DeepSpeed it has none."""
    counted = run.job.options.trainer == "hf_trainer" or run.strategy.framework == "deepspeed"
    if counted or not run.uses_trainer:
        return []
    return ["The estimate is for a plain PyTorch loop: Trainer adds what options.trainer counts."]


def _where_to_run(run: Run) -> list[str]:
    if run.job.hardware.nodes == 1:
        return []
    return [
        "Run it on every node: NODE_RANK is 0 on the first, MASTER_ADDR is the first's address."
    ]

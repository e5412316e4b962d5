"""Measure cases on this machine's GPU.

python -m benchmarks.measure --cases cases.jsonl --out results.jsonl
torchrun --nproc-per-node 2 -m benchmarks.measure --case "$(head -n 1 real.jsonl)"
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import traceback
from pathlib import Path

from app.catalog import load_catalog
from app.domain.errors import InvalidInput
from app.services.json_lines import each, read_document, validated
from benchmarks.measure.cases import Case, plan, read_cases
from benchmarks.measure.gpus import gpu_id, present_gpu
from benchmarks.measure.processes import RESULT, Limits, outcomes, start_process


def main() -> int:
    """The exit status: 0 if every case was measured, 1 if not, 2 for bad input."""
    arguments = _arguments()
    try:
        gpu = arguments.gpu or _present_id()
        if arguments.case is not None:
            return _one(arguments.case, gpu)
        return _many(arguments, gpu)
    except InvalidInput as error:
        for field in error.errors:
            print(f"{field.pointer or 'cases'}: {field.detail}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"{error.name} is missing: pip install --group measure", file=sys.stderr)
    except (OSError, UnicodeDecodeError) as error:
        print(f"{arguments.cases}: {error}", file=sys.stderr)
    return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--cases", type=Path, help="a file of cases, one JSON object a line")
    what.add_argument("--case", help="one case, as JSON, in this process")
    parser.add_argument("--out", type=Path, help="the file that results are appended to")
    parser.add_argument("--gpu", help="the catalogue's id of the GPU, if its name does not tell")
    parser.add_argument(
        "--gpu-gib", type=float, default=Limits.gpu_gib, help="memory to use at once"
    )
    parser.add_argument("--seconds", type=float, default=Limits.seconds, help="limit of one case")
    arguments = parser.parse_args()
    if arguments.cases is not None and arguments.out is None:
        parser.error("--cases needs --out")
    return arguments


def _present_id() -> str:
    name, total = present_gpu()
    return gpu_id(name, total, (entry.gpu for entry in load_catalog().gpus.values()))


def _one(text: str, gpu: str) -> int:
    made = plan(validated(Case, read_document(text)), gpu)
    from benchmarks.measure.run import is_first_rank, run

    status = 1
    try:
        measured = run(made)
        if is_first_rank():
            print(RESULT + measured.model_dump_json(exclude_none=True), flush=True)
        status = 0
    finally:
        if status:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # process groups without peers would wait for them at the end


def _many(arguments: argparse.Namespace, gpu: str) -> int:
    cases = read_cases(arguments.cases.read_text(encoding="utf-8"))
    # Bad cases are refused before the first one runs.
    each(((f"/{case.id}", case) for case in cases), functools.partial(plan, gpu=gpu))
    limits = Limits(gpu_gib=arguments.gpu_gib, seconds=arguments.seconds)
    failed = 0
    with arguments.out.open("a", encoding="utf-8") as sink:
        for outcome in outcomes(cases, limits, functools.partial(start_process, gpu=gpu)):
            if outcome.line is not None:
                sink.write(outcome.line + "\n")
                sink.flush()
            failed += outcome.line is None
            print(f"{outcome.case.id}: {outcome.failure or 'measured'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

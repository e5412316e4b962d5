"""Where the frameworks are not installed, as in the product's own environment, nothing is here.

`make conformance` installs them beside it, writes the grid and runs these tests.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

if find_spec("deepspeed") is None:
    collect_ignore_glob = ["test_*.py"]

# Everything runs on the processor, and nothing is asked of the network.
os.environ.update(
    DS_ACCELERATOR="cpu",
    CUDA_VISIBLE_DEVICES="",
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)

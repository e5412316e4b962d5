from __future__ import annotations

from app.domain.hardware import Gpu, Hardware
from app.domain.units import GIB
from app.schemas.estimates import EstimateRequest
from app.web import forms
from app.web.scenario import hardware_name, scenario_of

GPU = Gpu("h100", "H100 SXM 80 GB", "nvidia", "Hopper", "9.0", 80, 80 * GIB, 79 * GIB, 1, True)


def machine(nodes: int = 1) -> Hardware:
    return Hardware(GPU, 8, nodes, 512 * GIB, 4000 * GIB)


def test_a_machine_is_named_as_people_order_it() -> None:
    assert hardware_name(machine()) == "8 × H100 SXM 80 GB"
    assert hardware_name(machine(4)) == "4 nodes of 8 × H100 SXM 80 GB"


def test_a_job_is_told_in_one_line() -> None:
    scenario = scenario_of("meta-llama/Llama-3.1-70B", machine(), forms.EXAMPLE)
    assert scenario.name == "Llama-3.1-70B, full fine-tune, on 8 × H100 SXM 80 GB"
    assert dict(scenario.facts)["Sequence length"] == "2,048 tokens"


def test_an_adapters_rank_and_modules_are_part_of_the_job() -> None:
    lora = {"method": "lora", "lora": {"rank": 8, "target_modules": ["q_proj", "v_proj"]}}
    request = EstimateRequest.model_validate(
        {**forms.EXAMPLE.model_dump(), "training": {**lora, "gradient_accumulation_steps": 4}}
    )
    facts = dict(scenario_of("m", machine(), request).facts)
    assert facts["Method"] == "LoRA, rank 8, q_proj, v_proj"
    assert facts["Micro-batch"] == "1 per GPU, 4 accumulated"

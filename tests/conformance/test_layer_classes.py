"""Every decoder layer's class exists, and is what transformers itself would not split."""

from __future__ import annotations

import json
from importlib import import_module
from types import ModuleType

import pytest
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, PreTrainedModel

from tests.conformance.written import FOLDER

CLASSES = json.loads((FOLDER / "layer_classes.json").read_text())


@pytest.mark.parametrize(("model_type", "layers"), CLASSES.items())
def test_the_family_has_those_layers(model_type: str, layers: str) -> None:
    module = _modeling(model_type)
    unsplit = {
        name
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, PreTrainedModel)
        for name in getattr(model, "_no_split_modules", None) or ()
    }

    for layer in layers.split(","):
        assert hasattr(module, layer)
        assert layer in unsplit


def _modeling(model_type: str) -> ModuleType:
    """The file of the family's models: of its causal language model, or beside its configuration.

    The text part of a multimodal family is in no mapping of causal language models; InternLM 3 and
    IQuest-Coder have a configuration of their own, and Llama's models.
    """
    configuration = type(AutoConfig.for_model(model_type))
    if configuration in MODEL_FOR_CAUSAL_LM_MAPPING:
        return import_module(MODEL_FOR_CAUSAL_LM_MAPPING[configuration].__module__)
    return import_module(configuration.__module__.replace("configuration_", "modeling_"))

"""Every decoder layer's class exists, and is what transformers itself would not split."""

from __future__ import annotations

import json
from importlib import import_module
from types import ModuleType

import pytest
from transformers import AutoConfig, PreTrainedModel

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
    """The file of the family's models, beside the one of its configuration.

    The text part of a multimodal family is in no mapping of causal language models.
    """
    configuration = type(AutoConfig.for_model(model_type)).__module__
    return import_module(configuration.replace("configuration_", "modeling_"))

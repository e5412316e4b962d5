"""Every decoder layer's class exists, and is what transformers itself would not split."""

from __future__ import annotations

import json
import sys

import pytest
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from tests.conformance.written import FOLDER

CLASSES = json.loads((FOLDER / "layer_classes.json").read_text())


@pytest.mark.parametrize(("model_type", "layer"), CLASSES.items())
def test_the_family_has_that_layer(model_type: str, layer: str) -> None:
    model = MODEL_FOR_CAUSAL_LM_MAPPING[type(AutoConfig.for_model(model_type))]

    assert hasattr(sys.modules[model.__module__], layer)
    assert layer in model._no_split_modules

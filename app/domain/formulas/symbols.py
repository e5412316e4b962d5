"""What the symbols of the equations stand for.

A letter means the same in every formula unless `PARTICULAR` says otherwise: there are more
quantities than letters. Counts and widths are numbers of elements.
"""

from __future__ import annotations

from app.domain.formulas.registry import Formula

COMMON = {
    "B": "bytes of one element",
    "E": "elements of the embedding matrix, V × h",
    "F": "rows plus columns of every trained matrix, and whole vectors",
    "G": "elements of the parameters that touch this rank's partition",
    "H": "query heads",
    "K": "key heads",
    "N": "ranks that share the shard",
    "P": "parameters",
    "R": "parameters outside the layers: embedding, final norm, head",
    "S": "sequence length",
    "T": "trained parameters",
    "V": "vocabulary",
    "X": "experts of a layer",
    "a": "bytes of a gathered element",
    "b": "bytes of a reduced element",
    "c": "bytes of an operand of a matrix product",
    "d": "channels of the rotary tables",
    "e": "width of one expert",
    "h": "hidden size",
    "i": "width of the MLP",
    "kv": "width of all keys",
    "lin": "weights of the layers' linears",
    "m": "elements",
    "n": "layers",
    "q": "width of all queries",
    "r": "LoRA rank",
    "s": "bytes of an element of the residual stream",
    "t": "tokens of the micro-batch",
    "u": "bytes of one workspace",
    "w": "parameters of the layer",
}

_CHUNK = {"C": "tokens of a chunk"}
_STATE = {"z": "elements of a head's state for each token of a chunk"}

PARTICULAR: dict[str, dict[str, str]] = {
    "convolved": {"m": "channels of the convolution", "x": "channels of the storage it reads"},
    "delta_casts": {"v": "width of all values", "w": "width of all keys, one a value head"},
    "delta_gated_norm": {"v": "width of all values"},
    "gated_delta_rule": {
        **_CHUNK,
        **_STATE,
        "H": "value heads",
        "d": "channels of a key head",
        "v": "channels of a value head",
    },
    "kimi_delta": {
        **_CHUNK,
        **_STATE,
        "H": "heads",
        "d": "channels of a head",
        "w": "width of all heads",
    },
    "lightning_attention": {**_CHUNK, **_STATE, "H": "heads", "w": "width of all heads"},
    "mamba2_gate": {"v": "width of all heads"},
    "mamba2_gated_norm": {"v": "width of all heads"},
    "mamba2_products": {
        **_CHUNK,
        "H": "heads",
        "d": "states of a channel",
        "k": "tensors of that size",
    },
    "mamba2_scan": {
        **_CHUNK,
        **_STATE,
        "H": "heads",
        "d": "states of a channel",
        "v": "channels of a head",
    },
    "mamba_scan": {"d": "states of a channel", "i": "channels", "r": "channels of the step size"},
    "altup_correction": {
        "f": "bytes of a norm's product with its weight, 0 where it is frozen",
        "k": "residual streams",
    },
    "altup_prediction": {
        "f": "bytes of a norm's product with its weight, 0 where it is frozen",
        "k": "residual streams",
    },
    "altup_outside": {"k": "residual streams"},
    "laurel": {
        "f": "bytes of the norm's product with its weight, 0 where it is frozen",
        "r": "rank of the bypass",
    },
    "per_layer_embeddings": {
        "f": "bytes of the norm's product with its weight, 0 where it is frozen",
        "p": "channels of the second embedding, over all layers",
    },
    "per_layer_gates": {"p": "channels of a layer's own input"},
    "adafactor_temporary": {"b": "elements of the largest optimised tensor"},
    "attention_gradients": {"r": "2 where query heads share a key, else 0"},
    "autocast_weights": {"x": "linear weights that are cast"},
    "blockwise_states": {"k": "states of the optimizer"},
    "bypassing_gradients": {"m": "elements of the parameters larger than a bucket"},
    "cloned_logits": {"k": "1 with a DDP wrapper, 0 without"},
    "ddp_buckets": {"k": "1 with a DDP wrapper, 0 without"},
    "dropout_masks": {"k": "dropouts of a layer"},
    "eager_attention": {"p": "bytes kept of one attention probability"},
    "embedding_gradient": {"k": "gradients of that size alive together"},
    "flat_step_gradients": {"f": "bytes of the fp32 cast: 4, or 0 where it is fp32 already"},
    "flattened_bucket": {"m": "elements of the bucket"},
    "folded_down": {"w": "packed elements of a layer's experts"},
    "folded_gate_up": {"w": "packed elements of a layer's experts"},
    "folded_gradient": {"w": "packed elements of a layer's experts"},
    "folding_factors": {"w": "elements of the adapters of a layer's experts"},
    "expert_outputs": {"k": "experts that each token is sent to"},
    "frozen_experts": {"k": "experts that each token is sent to"},
    "fused_loss_head_gradient": {"g": "bytes of the head's gradient, 0 where it is frozen"},
    "gathered_layers": {"k": "layers gathered at once"},
    "gathered_model": {"P": "parameters of the gathered layers"},
    "ipg_buckets": {"k": "buckets: 2 with overlap_comm, else 1", "m": "reduce_bucket_size"},
    "latent_attention": {
        "a": "rank of the query's latent",
        "b": "rank of the keys' and values' latent",
        "d": "channels of a key without RoPE",
        "p": "channels of a key with RoPE",
        "v": "channels of a value",
    },
    "layer_gradients": {"m": "tensors of the MLP's width"},
    "layer_norms": {"k": "LayerNorm inputs of a layer"},
    "layer_weight_gradients": {"w": "parameters of the layer whose gradients exist"},
    "live_parameters": {"m": "gathered elements: the model's, or stage3_max_live_parameters"},
    "lora_inputs": {
        "a": "bytes of an adapter's element",
        "m": "adapters of a layer",
        "x": "input features of these adapters together",
    },
    "loss_forward": {"l": "bytes of a logit and its fp32 copy"},
    "masked_attention": {"r": "width of the repeated keys"},
    "norm_copy": {"m": "elements of the largest gradient slice"},
    "norm_gradients": {"x": "bytes of the norm's fp32 copy of its input, 0 where it is no copy"},
    "offload_gradient_buffer": {"m": "elements of the largest parameter"},
    "optimizer_states": {"k": "states of the optimizer"},
    "outside_layers": {"k": "bytes that the final norm keeps of a channel"},
    "padded_gather": {"k": "gathered copies", "p": "elements of the missing rows"},
    "padded_gradients": {"p": "elements of the missing rows"},
    "padded_reduction": {
        "N": "ranks that share the output, 1 for the input",
        "p": "elements of the missing rows",
    },
    "padded_states": {"k": "states of the optimizer", "p": "elements of the missing rows"},
    "padded_weights": {"p": "elements of the missing rows"},
    "plain_mlp": {"k": "tensors of the MLP's width"},
    "projection_inputs": {"k": "inputs kept: one, or one per consumer under autocast"},
    "qk_norms": {"f": "bytes of the normalised value, 0 where the norm is frozen"},
    "reduce_scatter_input": {"w": "parameters that are reduced together"},
    "reduce_scatter_output": {"w": "parameters that are reduced together"},
    "rms_norms": {"k": "norms of a layer", "s": "bytes of the normalised value, 0 where frozen"},
    "written_out_layer_norms": {
        "k": "norms of a layer",
        "s": "bytes of the normalised value, 0 where frozen",
    },
    "root_gradients": {"a": "bytes of one element"},
    "fp32_router": {"k": "experts that each token is sent to"},
    "routed_experts": {
        "k": "experts that each token is sent to",
        "m": "tensors of an expert's width",
    },
    "gate_up_gradients": {"k": "experts that each token is sent to"},
    "gate_up_in_forward": {"k": "experts that each token is sent to"},
    "indexer_scores": {"H": "heads of the indexer", "x": "channels of keys copied per query"},
    "kimi_decays": {**_CHUNK, "w": "width of all heads"},
    "output_gradients": {
        "b": "bytes of a channel, over all tensors",
        "k": "experts that each token is sent to",
    },
    "outputs_in_forward": {"b": "bytes of a channel, over all rows of a token"},
    "routed_input_gradients": {"k": "experts that each token is sent to"},
    "softcapped_logits": {"l": "bytes of a logit"},
    "score_gradients": {"g": "bytes of gradients of one probability"},
    "sub_group_step": {"k": "bytes of an element", "m": "elements of the largest sub-group"},
}


def meaning(formula: Formula, symbol: str) -> str:
    """What a symbol of a formula's equation stands for.

    Raises:
        KeyError: nobody has said.
    """
    return PARTICULAR.get(formula.name, {}).get(symbol) or COMMON[symbol]

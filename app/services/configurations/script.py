"""What the training script has to contain, as Python: no configuration file can say it."""

from __future__ import annotations

from app.domain.frameworks.fsdp_sizes import reduction_bytes
from app.domain.precision import FP32
from app.services.configurations.optimizers import TRAINED, constructed
from app.services.configurations.run import ARGUMENTS_FILE, DEEPSPEED_FILE, DTYPES, Run
from app.services.configurations.training_arguments import FUSED_LOSS_ALONE


def lines(run: Run) -> list[str]:
    """Statements in their order; a ZeRO-3 or FSDP model is loaded after its arguments are read."""
    return [*_arguments(run), *_model(run), *_adapter(run), *_loop(run)]


def _arguments(run: Run) -> list[str]:
    """What comes before the model: arguments that are read, processes that know each other."""
    if run.uses_trainer:
        policy = _reduction_policy(run)
        return [
            f'args, = HfArgumentParser(TrainingArguments).parse_json_file("{ARGUMENTS_FILE}")',
            *([f'args.fsdp_plugin_args["mixed_precision_policy"] = {policy}'] if policy else ()),
        ]
    if run.strategy.framework == "pytorch_fsdp":
        return [_accelerator(run)]
    if run.strategy.framework == "deepspeed":
        partitioned = f'partitioned = HfDeepSpeedConfig("{DEEPSPEED_FILE}")'
        return ["deepspeed.init_distributed()", *([partitioned] if run.stage == 3 else ())]
    return ["torch.distributed.init_process_group()"] if run.job.hardware.world_size > 1 else []


def _accelerator(run: Run) -> str:
    policy = _reduction_policy(run)
    plugin = f"mixed_precision_policy={policy}" if policy else ""
    steps = run.job.training.gradient_accumulation_steps
    return (
        f"accelerator = Accelerator(gradient_accumulation_steps={steps}, "
        f"fsdp_plugin=FullyShardedDataParallelPlugin({plugin}))"
    )


def _reduction_policy(run: Run) -> str:
    """Accelerate reduces gradients in the 16-bit format unless the script says otherwise."""
    reduces_wide = reduction_bytes(run.job) == FP32 and run.mixed != "no"
    if run.strategy.framework != "pytorch_fsdp" or not reduces_wide:
        return ""
    half = f"torch.{DTYPES[run.half]}"
    if run.strategy.engine == "fsdp1":
        return (
            f"MixedPrecision(param_dtype={half}, reduce_dtype=torch.float32, buffer_dtype={half})"
        )
    return (
        f"MixedPrecisionPolicy(param_dtype={half}, reduce_dtype=torch.float32, output_dtype={half})"
    )


def _model(run: Run) -> list[str]:
    training = run.job.training
    details = [
        f'"{run.model_name}"',
        f"dtype=torch.{run.load_dtype}",
        f'attn_implementation="{training.attention}"',
    ]
    if training.method == "qlora":
        details.append("quantization_config=quantization")
    loader = "AutoModelForCausalLM"
    if training.fused_loss and not run.uses_trainer:
        loader = "AutoLigerKernelForCausalLM"
        details += [f"{name}={value}" for name, value in FUSED_LOSS_ALONE.items()]
    return [*_quantization(run), f"model = {loader}.from_pretrained({', '.join(details)})"]


def _quantization(run: Run) -> list[str]:
    """NF4 with double quantisation; what is sharded is stored in the model's own format."""
    if run.job.training.method != "qlora":
        return []
    half = f"torch.{DTYPES[run.half]}"
    sharded = run.strategy.shard_parameters != "none"
    storage = f", bnb_4bit_quant_storage={half}" if sharded else ""
    return [
        (
            'quantization = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", '
            f"bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype={half}{storage})"
        )
    ]


def _adapter(run: Run) -> list[str]:
    training = run.job.training
    if training.method == "full":
        return []
    prepared = []
    if training.method == "qlora" and run.casts_adapters:
        prepared = [
            "model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)"
        ]
    rank, targets = training.lora.rank, training.lora.target_modules
    where = f'"{targets}"' if isinstance(targets, str) else repr(list(targets))
    cast = "" if run.casts_adapters else ", autocast_adapter_dtype=False"
    return [
        *prepared,
        (
            f"adapter = LoraConfig(r={rank}, lora_alpha={2 * rank}, lora_dropout=0.0, "
            f'target_modules={where}, task_type="CAUSAL_LM")'
        ),
        f"model = get_peft_model(model, adapter{cast})",
    ]


def _loop(run: Run) -> list[str]:
    if run.uses_trainer:
        return ["Trainer(model=model, args=args, train_dataset=dataset).train()"]
    checkpointing = run.job.training.activation_checkpointing
    own_switch = checkpointing and run.strategy.framework != "pytorch_fsdp"
    details = 'gradient_checkpointing_kwargs={"use_reentrant": False}'
    enable = f"model.gradient_checkpointing_enable({details})"
    return [*([enable] if own_switch else ()), *_wrapped(run)]


def _wrapped(run: Run) -> list[str]:
    if run.strategy.framework == "deepspeed":
        own = run.strategy.optimizer_on == "gpu"
        optimizer = [f"optimizer = {constructed(run)}"] if own else []
        given = "optimizer=optimizer" if own else f"model_parameters={TRAINED}"
        return [
            *optimizer,
            (
                f"model, optimizer, _, _ = deepspeed.initialize(model=model, {given}, "
                f'config="{DEEPSPEED_FILE}")'
            ),
        ]
    optimizer = [f"optimizer = {constructed(run)}"]
    if run.strategy.framework == "pytorch_fsdp":
        return [*optimizer, "model, optimizer = accelerator.prepare(model, optimizer)"]
    replicated = run.job.hardware.world_size > 1
    return [
        "model = DistributedDataParallel(model.to(device))" if replicated else "model.to(device)",
        *optimizer,
        *_autocast(run),
    ]


def _autocast(run: Run) -> list[str]:
    """Around every forward, where weights are fp32 or adapters are."""
    if run.mixed == "no":
        return []
    return [f'autocast = torch.autocast("cuda", dtype=torch.{DTYPES[run.half]})']

"""Fine-tune a language model to act as one persona, with TRL: SFTTrainer, DPOTrainer or KTOTrainer.

    python examples/train.py data/assets/dataset/2025-03-03 --persona persona_3 --model MODEL --out my-model

FOLDER, the first argument, is a data set. The form of its rows decides on the trainer: `--form chat`, the default, on
supervised fine-tuning, `preference` on direct preference optimisation (DPO), `unpaired_preference` on KTO. The last two
compare the model with a copy of itself, which takes memory; begin with a model that was trained on `chat`.

MODEL is a local folder or a name on the Hugging Face Hub. Without it, a tiny model with random weights and a tokenizer
of its own are made, to try the whole path on a CPU in a minute.

With `chat` the loss is on the persona's turns alone: on the last one of each example (`--turns last`), or on all of
them (`--turns all`). What others wrote, and the card of the persona, are read but not learnt. On a GPU that has it,
bfloat16 is used. Needs the extra `train`: pip install 'persona_assets[train]'.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset, DatasetDict, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Turns between marks. `generation` tells TRL which tokens are the assistant's: its text and the mark at its end.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ message['content'] + '<|im_end|>\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# The trainer of each form, its options, the columns that it reads, and the usual learning rate of a trained model.
TRAINERS = {
    "chat": (SFTTrainer, SFTConfig, ("prompt", "completion"), 2e-5),
    "preference": (DPOTrainer, DPOConfig, ("prompt", "chosen", "rejected"), 1e-6),
    "unpaired_preference": (KTOTrainer, KTOConfig, ("prompt", "completion", "label"), 1e-6),
}
TINY_LEARNING_RATE = 3e-3
MARKS = ("<|im_start|>", "<|im_end|>", "<|pad|>")
TINY_VOCABULARY = 2000
# Examples from which the tiny tokenizer is made.
TOKENIZER_EXAMPLES = 2000


def read_examples(folder: Path, persona: str, form: str, turns: str) -> DatasetDict:
    """Return the examples of a persona by split, with the columns that the trainer reads.

    Args:
        folder: Folder of a data set.
        persona: Name of a persona in it, such as persona_3, or all.
        form: One of `TRAINERS`.
        turns: Of `chat`: `last` for prompt and completion, `all` for messages.
    """
    examples = load_dataset(str(folder), persona if form == "chat" else f"{form}_{persona}")
    _, _, columns, _ = TRAINERS[form]
    return examples.select_columns(list(columns) if form != "chat" or turns == "last" else ["messages"])


def make_tiny_model(examples: Dataset, *, seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a model of 0.3 M random weights, and a byte-level BPE tokenizer of the examples' texts."""
    byte_level = Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TINY_VOCABULARY,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    byte_level.train_from_iterator(_iterate_texts(examples), trainer)
    start, end, pad = MARKS
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_level, bos_token=start, eos_token=end, pad_token=pad, chat_template=CHAT_TEMPLATE
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config), tokenizer


def _iterate_texts(examples: Dataset) -> Iterator[str]:
    for example in examples.select(range(min(len(examples), TOKENIZER_EXAMPLES))):
        for column in example.values():
            if isinstance(column, list):
                yield from (message["content"] for message in column)


def build_trainer(options: argparse.Namespace) -> SFTTrainer | DPOTrainer | KTOTrainer:
    """Return the trainer with its model and tokenised examples."""
    examples = read_examples(options.folder, options.persona, options.form, options.turns)
    trainer_type, config_type, _, _ = TRAINERS[options.form]
    if options.model is None:
        model, tokenizer = make_tiny_model(examples["train"], seed=options.seed)
    else:
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype="auto")
        tokenizer = AutoTokenizer.from_pretrained(options.model)
    on_gpu = torch.cuda.is_available() and not options.cpu
    evaluated = "validation" in examples and len(examples["validation"]) > 0
    # Examples of `chat` have prompt and completion, or messages: each has its own option.
    turns = {"completion_only_loss": options.turns == "last" or None, "assistant_only_loss": options.turns == "all"}
    config = config_type(
        output_dir=str(options.out),
        max_steps=options.steps,
        learning_rate=options.learning_rate,
        per_device_train_batch_size=options.batch,
        gradient_accumulation_steps=options.accumulate,
        max_length=options.max_length,
        **(turns if options.form == "chat" else {}),
        use_cpu=not on_gpu,
        bf16=on_gpu and torch.cuda.is_bf16_supported(),
        logging_steps=max(1, options.steps // 20),
        eval_strategy="steps" if evaluated else "no",
        eval_steps=options.steps,
        save_strategy="no",
        report_to="none",
        seed=options.seed,
        disable_tqdm=True,
    )
    # What the model learns from preferences is measured against what it was. TRL would load that anew, by its name.
    reference = {} if options.form == "chat" else {"ref_model": copy.deepcopy(model)}
    return trainer_type(
        model=model,
        **reference,
        args=config,
        processing_class=tokenizer,
        train_dataset=examples["train"],
        eval_dataset=examples["validation"] if evaluated else None,
    )


def find_losses(trainer: SFTTrainer | DPOTrainer | KTOTrainer, name: str = "loss") -> list[float]:
    """Return the losses that were logged, in the order of steps."""
    entries: list[dict[str, Any]] = trainer.state.log_history
    return [entry[name] for entry in entries if name in entry]


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a data set with rows of the form")
    parser.add_argument("--persona", required=True, help="persona of the data set, such as persona_3, or all")
    parser.add_argument("--form", choices=TRAINERS, default="chat", help="what is trained on (default: chat)")
    parser.add_argument("--model", help="local folder or name on the Hub (default: a tiny one with random weights)")
    parser.add_argument("--out", type=Path, default=Path("model"), help="where the model is saved (default: model)")
    parser.add_argument("--turns", choices=("last", "all"), default="last", help="of chat: which turns are learnt")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=8, help="examples of a step on each device")
    parser.add_argument("--accumulate", type=int, default=1, help="batches whose gradients are summed")
    parser.add_argument(
        "--learning-rate", type=float, help="default: 2e-5, of preferences 1e-6, of the tiny model 3e-3"
    )
    parser.add_argument("--max-length", type=int, default=1024, help="tokens of an example; the end is cut")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="use no GPU")
    options = parser.parse_args(arguments)
    usual = TRAINERS[options.form][-1] if options.model else TINY_LEARNING_RATE
    options.learning_rate = options.learning_rate or usual
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, save the model, and print the first and the last loss."""
    options = parse_options(arguments)
    trainer = build_trainer(options)
    print(f"{len(trainer.train_dataset)} examples of {options.persona}, on {trainer.args.device}")
    trainer.train()
    trainer.save_model(str(options.out))
    losses = find_losses(trainer)
    print(f"loss {losses[0]:.3f} at the beginning, {losses[-1]:.3f} at the end")
    if validation := find_losses(trainer, "eval_loss"):
        print(f"loss {validation[-1]:.3f} on the validation split")
    print(f"saved in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

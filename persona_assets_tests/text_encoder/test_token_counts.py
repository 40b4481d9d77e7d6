"""Tokens are counted as the tokenizer itself makes them."""

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from persona_assets.errors import ModelError
from persona_assets.text_encoder.model import EMBEDDED, find_model_folder
from persona_assets.text_encoder.token_counts import load_token_counter

TEXTS = ["", "hello world", '{"text": "so \\"they\\" say\\n\\n"}', "@user1: ünïcödé 🎉 is here", "a\nb  c"]


def lengths(tokenizer, texts):
    return [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]


@pytest.mark.model
def test_the_embedded_tokenizer_counts_as_transformers_does():
    tokenizer = AutoTokenizer.from_pretrained(find_model_folder(EMBEDDED))

    counts = load_token_counter(EMBEDDED)(pa.array(TEXTS))

    assert counts.tolist() == lengths(tokenizer, TEXTS)


def test_a_tokenizer_whose_tokens_span_words_counts_too(tmp_path):
    made = Tokenizer(models.BPE(vocab={chr(n): n for n in range(256)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)

    counts = load_token_counter(str(tmp_path))(pa.array(TEXTS))

    assert counts.tolist() == lengths(tokenizer, TEXTS)
    assert load_token_counter(str(tmp_path))(pa.array([], pa.string())).tolist() == []


def test_a_folder_without_tokenizer_is_an_error(tmp_path):
    with pytest.raises(ModelError):
        load_token_counter(str(tmp_path))
    with pytest.raises(ModelError, match="no such folder"):
        load_token_counter(str(tmp_path / "none"))

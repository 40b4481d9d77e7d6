"""Texts become token ids, and what was cut is counted."""

import dataclasses
import sys

import numpy as np
import pytest

from persona_assets.text_encoder import tokenize
from persona_assets.text_encoder.device import Device
from persona_assets.text_encoder.tokenize import tokenize_ahead, tokenize_texts
from persona_assets_tests.assets.embeddings.builders import load, make_model, state


def words_of(model, tokens):
    ends = np.cumsum(tokens.lengths)
    return [model.tokenizer.decode(ids) for ids in np.split(tokens.ids, ends[:-1])]


def test_each_text_gets_its_ids_and_special_tokens(tiny):
    tokens = tokenize_texts(tiny, ["a dog ran", "blue"])

    assert words_of(tiny, tokens) == ["[CLS] a dog ran [SEP]", "[CLS] blue [SEP]"]
    assert tokens.lengths.tolist() == [5, 3]


def test_texts_that_are_cut_are_counted_and_those_that_just_fit_are_not(tiny_folder):
    model = load(tiny_folder, max_tokens=8)

    tokens = tokenize_texts(model, ["the cat sat on the mat", "the cat sat on the red mat", "a dog"])

    assert tokens.truncated == 1
    assert tokens.lengths.tolist() == [8, 8, 4]


def test_the_prefix_stands_before_every_text(tmp_path):
    prompts = {"prompts": {"clustering": "query: "}, "default_prompt_name": None}
    model = load(make_model(tmp_path / "prompted", pooling={"pooling_mode": "mean"}, prompts=prompts))

    assert words_of(model, tokenize_texts(model, ["a dog"])) == ["[CLS] query : a dog [SEP]"]


def test_a_text_is_lowered_where_the_models_authors_did_so(tmp_path):
    folder = make_model(tmp_path / "lowered")
    state(folder, "tokenizer_config.json", {"do_lower_case": False, "tokenizer_class": "BertTokenizer"})
    state(folder, "sentence_bert_config.json", {"do_lower_case": True})
    model = load(folder)

    assert words_of(model, tokenize_texts(model, ["A DOG"])) == ["[CLS] a dog [SEP]"]


def test_no_texts_give_no_tokens(tiny):
    tokens = tokenize_texts(tiny, [])

    assert (len(tokens.ids), len(tokens.lengths), tokens.truncated) == (0, 0, 0)


def test_the_ids_of_some_texts_come_end_to_end(tiny):
    tokens = tokenize_texts(tiny, ["a dog ran", "blue", "the red cat"])

    ids = tokens.take(np.array([2, 0]))

    assert tiny.tokenizer.batch_decode(ids) == ["[CLS] the red cat [SEP] [CLS] a dog ran [SEP]"]


@pytest.mark.parametrize("max_tokens", [8, 12, 32])
def test_a_tokenizer_whose_tokens_span_words_gives_the_ids_of_its_own_call(tiny, max_tokens):
    whole = dataclasses.replace(tiny, word_tokens=None, max_tokens=max_tokens)
    texts = [
        "a dog ran",
        "the cat sat on the red mat and then it ran on the blue tree",
        "blue",
        "x" * 300,
        "the cat sat on it",
    ]

    tokens = tokenize_texts(whole, texts)

    called = tiny.tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]
    longer = tiny.tokenizer(texts, truncation=True, max_length=max_tokens + 1)["input_ids"]
    assert np.split(tokens.ids, np.cumsum(tokens.lengths)[:-1])[1].tolist() == called[1]
    assert tokens.ids.tolist() == [number for row in called for number in row]
    assert tokens.truncated == sum(len(row) > max_tokens for row in longer)


def test_a_tokenizer_that_is_written_in_python_is_called(tiny):
    class Slow:
        is_fast = False

        def __call__(self, texts, *, max_length, **_options):
            return {"input_ids": [list(range(len(text)))[:max_length] for text in texts]}

    tokens = tokenize_texts(
        dataclasses.replace(tiny, tokenizer=Slow(), word_tokens=None, max_tokens=4), ["ab", "abcde", "abcd"]
    )

    assert tokens.ids.tolist() == [0, 1, 0, 1, 2, 3, 0, 1, 2, 3]
    assert tokens.truncated == 1


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_chunks_are_tokenised_ahead_in_order_and_whole(tiny, kind, monkeypatch):
    monkeypatch.setattr(tokenize, "_SLICE_TEXTS", 3)
    model = dataclasses.replace(tiny, device=Device(kind, "any"))
    chunks = [(number, [f"the cat sat {'on ' * (n % 5)}" for n in range(number)]) for number in (7, 0, 1, 10)]
    interval = sys.getswitchinterval()

    found = list(tokenize_ahead(model, chunks))

    assert [key for key, _ in found] == [7, 0, 1, 10]
    for (_, texts), (_, tokens) in zip(chunks, found, strict=True):
        expected = tokenize_texts(tiny, texts)
        assert tokens.ids.tolist() == expected.ids.tolist()
        assert tokens.lengths.tolist() == expected.lengths.tolist()
    assert sys.getswitchinterval() == interval

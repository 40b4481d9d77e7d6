"""Texts become token ids, and what was cut is counted."""

import numpy as np

from persona_assets.text_encoder.tokenize import tokenize_texts
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

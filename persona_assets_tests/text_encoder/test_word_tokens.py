"""Tokens made word by word are those that the tokenizer gives to the whole text."""

import dataclasses
import string
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.text_encoder import word_tokens
from persona_assets.text_encoder.tokenize import tokenize_texts
from persona_assets.text_encoder.word_tokens import Ragged, build_word_tokenizer, expand_ranges

# Of a text that means harm: marks, spaces of all kinds, accents that stand alone, controls, and the tokenizer's own.
PIECES = [
    *("the", "Cat", "sat", "don't", "end.", "e\u0301", "\u0301", "\u0345x", "İ", "ß", "ΑΣ", "你好", "🏳️\u200d🌈", "ﬁ"),
    *(" ", "  ", "\n", "\t", "\r", "\x0b", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\u200b", "\ufeff", "\0"),
    *("[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]", "[ SEP]", "[S.EP]", "##at", "[", "]", "_", "...", "-\u0301"),
    *("http://a.b/c-d", "a" * 100, "b" * 101),
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=30).map("".join)


@pytest.fixture(scope="module")
def tokenizer():
    """A BERT's that knows a few words and all letters, so that nearly every change of a text shows in its ids."""
    from transformers import BertTokenizerFast  # noqa: PLC0415 - 3 s

    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation, "你", "好", "\u03c3", "\u03b1", "\u03b9"]
    parts = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##at", *letters]
    parts += [f"##{letter}" for letter in letters if f"##{letter}" not in parts]
    return BertTokenizerFast(vocab={part: number for number, part in enumerate(parts)}, model_max_length=64)


def own(tokenizer, texts, *, limit=None):
    return tokenizer(texts, truncation=limit is not None, max_length=limit)["input_ids"]


def ours(words, texts):
    """Ids of texts with the special tokens around them."""
    ids, lengths = words.tokenize(pa.array(texts, pa.string()))
    rows = np.split(ids, np.cumsum(lengths)[:-1]) if len(lengths) else []
    return [[*words.before, *row.tolist(), *words.after] for row in rows]


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_any_text_has_the_ids_that_the_tokenizer_gives_it(tokenizer, texts):
    words = build_word_tokenizer(tokenizer)

    assert ours(words, texts) == own(tokenizer, texts)
    assert ours(words, texts) == own(tokenizer, texts)  # of words that are known by now
    strings = pa.array(texts, pa.string())
    assert words.count(strings).tolist() == words.tokenize(strings).lengths.tolist()


@pytest.mark.model
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_the_embedded_models_texts_too(embedded, texts):
    for model in (embedded, dataclasses.replace(embedded, max_tokens=9)):
        whole = tokenize_texts(dataclasses.replace(model, word_tokens=None), texts)
        by_word = tokenize_texts(model, texts)

        assert by_word.ids.tolist() == whole.ids.tolist()
        assert by_word.lengths.tolist() == whole.lengths.tolist()
        assert by_word.truncated == whole.truncated


@pytest.fixture(scope="module")
def embedded():
    from persona_assets.text_encoder.model import EMBEDDED  # noqa: PLC0415 - as below
    from persona_assets_tests.assets.embeddings.builders import load  # noqa: PLC0415 - for those who run the test

    return load(EMBEDDED)


@pytest.fixture(scope="module")
def unigrams():
    """An XLM-RoBERTa's tokenizer of a few words and all letters; its normalizer is left out."""
    from transformers import XLMRobertaTokenizerFast  # noqa: PLC0415 - 3 s

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation, "\u0301", "你", "好"]
    parts = ["▁", "▁the", "cat", "▁sat", "▁.", "e\u0301", *letters]
    scored = [(part, -1.0 - number / 10) for number, part in enumerate(parts)]
    return XLMRobertaTokenizerFast(vocab=[*((token, 0.0) for token in special), *scored], model_max_length=64)


@given(st.lists(st.one_of(TEXTS, st.sampled_from(["▁the", "a </s> b", "<mask>the", "the<s>"])), min_size=1, max_size=8))
def test_any_text_has_the_ids_that_an_xlm_robertas_tokenizer_gives_it(unigrams, texts):
    words = build_word_tokenizer(unigrams)

    assert ours(words, texts) == own(unigrams, texts)
    assert ours(words, texts) == own(unigrams, texts)  # of words that are known by now
    strings = pa.array(texts, pa.string())
    assert words.count(strings).tolist() == words.tokenize(strings).lengths.tolist()


def test_a_text_in_which_a_space_may_be_one_with_an_accent_is_tokenised_whole(unigrams, monkeypatch):
    words = build_word_tokenizer(unigrams)
    whole = []
    encode_alone = words._encode_alone

    def note(strings):
        whole.extend(strings.to_pylist())
        return encode_alone(strings)

    monkeypatch.setattr(words, "_encode_alone", note)
    texts = [
        "the \u0301cat sat",
        "the cat\u200d sat",
        "the cat \uff9e",
        "the cat, 😀 É ½!",
        "\u0301the cat",
        "the\n\u0301cat",
    ]

    assert ours(words, texts) == own(unigrams, texts)
    # Of the text that begins with an accent, the word that has it.
    assert whole == [*texts[:3], texts[5], "\u0301the"]


def test_a_metaspace_that_does_not_begin_every_word_is_left_alone():
    from tokenizers import pre_tokenizers  # noqa: PLC0415 - as above
    from transformers import XLMRobertaTokenizerFast  # noqa: PLC0415 - the same

    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    never = XLMRobertaTokenizerFast(vocab=vocabulary, add_prefix_space=False)
    spanning = XLMRobertaTokenizerFast(vocab=vocabulary)
    spanning.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()

    assert build_word_tokenizer(never) is None
    assert build_word_tokenizer(spanning) is None


def test_a_mark_of_a_token_that_was_added_ends_no_word(tokenizer):
    tokenizer = type(tokenizer)(vocab=tokenizer.get_vocab(), model_max_length=64)
    tokenizer.add_tokens(["<a.b>", "c!"])
    texts = ["the <a.b> cat. c! c.", "<a .b> <a.b>."]

    assert ours(build_word_tokenizer(tokenizer), texts) == own(tokenizer, texts)


def test_a_tokenizer_with_a_token_that_spans_a_space_is_left_alone(tokenizer):
    tokenizer = type(tokenizer)(vocab=tokenizer.get_vocab(), model_max_length=64)
    tokenizer.add_tokens(["the cat"])

    assert build_word_tokenizer(tokenizer) is None


def test_a_tokenizer_that_cuts_at_the_left_is_left_alone(tokenizer):
    tokenizer = type(tokenizer)(vocab=tokenizer.get_vocab(), model_max_length=64, truncation_side="left")

    assert build_word_tokenizer(tokenizer) is None


def test_a_tokenizer_whose_words_depend_on_spaces_is_left_alone():
    from transformers import GPT2TokenizerFast  # noqa: PLC0415 - 3 s

    assert build_word_tokenizer(GPT2TokenizerFast(vocab={"a": 0, "b": 1}, merges=[])) is None


def test_words_that_occur_twice_are_remembered_up_to_a_number(tokenizer, monkeypatch):
    monkeypatch.setattr(word_tokens, "MAX_KNOWN_WORDS", 3)
    words = build_word_tokenizer(tokenizer)
    texts = ["the cat sat", "the cat the", "dog dog ran ran ran", f"{'x' * 40} {'x' * 40}"]

    for text in texts:
        assert ours(words, [text]) == own(tokenizer, [text])

    assert words._known[0].to_pylist() == ["the", "dog", "ran"]


def test_threads_may_share_the_words(tokenizer):
    words = build_word_tokenizer(tokenizer)
    texts = [[f"the cat sat {number % 7} {word} {word}." for word in string.ascii_letters] for number in range(40)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda some: ours(words, some), texts))

    assert found == [own(tokenizer, some) for some in texts]
    known = words._known[0].to_pylist()
    assert len(known) == len(set(known))


def test_rows_are_taken_and_put_together():
    rows = Ragged(np.array([1, 2, 3, 4, 5], np.int32), np.array([2, 0, 3]))

    taken = rows.take(np.array([2, 1, 0, 2]))

    assert taken.ids.tolist() == [3, 4, 5, 1, 2, 3, 4, 5]
    assert taken.lengths.tolist() == [3, 0, 2, 3]
    assert rows.append(taken).lengths.tolist() == [2, 0, 3, 3, 0, 2, 3]
    assert expand_ranges(np.array([7, 0]), np.array([2, 1])).tolist() == [7, 8, 0]

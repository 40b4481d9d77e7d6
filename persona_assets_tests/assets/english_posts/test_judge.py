"""Verdicts on batches of messages are the same in one process and in several."""

import gc

import pyarrow as pa
import pytest

from persona_assets.assets.english_posts import judge
from persona_assets.assets.english_posts.detect import build_language_decider
from persona_assets.assets.english_posts.judge import VERDICTS, choose_workers, judge_batches
from persona_assets.common.worker_processes import map_in_processes
from persona_assets.errors import SettingsError
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, JAPANESE, SHORT, build_decider_of_one

MESSAGES = [(ENGLISH, None), (GERMAN, ["de"]), (JAPANESE, ["en"]), (SHORT, []), (None, None), (ENGLISH, ["en", "fr"])]


def batch(messages):
    texts, langs = zip(*messages, strict=True)
    columns = [pa.array(texts, pa.string()), pa.array(langs, pa.list_(pa.string()))]
    return pa.record_batch(columns, names=["text", "langs"])


@pytest.mark.parametrize("workers", [1, 2])
def test_each_message_has_the_verdict_of_its_text_and_declaration(workers):
    # Slices, as a dataset has them.
    batches = [batch(MESSAGES).slice(start, 2) for start in (0, 2, 4)]

    verdicts = [*judge_batches(batches, "en", workers=workers)]

    decide = build_decider_of_one("en")
    assert [tuple(row.values()) for one in verdicts for row in one.to_pylist()] == [decide(*one) for one in MESSAGES]
    assert {one.schema for one in verdicts} == {VERDICTS}


def test_few_messages_are_decided_in_this_process():
    assert choose_workers(0, 8) == 1
    assert choose_workers(199_999, 8) == 1
    assert choose_workers(200_000, 8) == 2
    assert choose_workers(10_000_000, 8) == 8


def test_an_unknown_language_is_refused_before_workers_start(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(judge, "map_in_processes", refuse)

    with pytest.raises(SettingsError, match="language='xx'"):
        [*judge_batches([batch(MESSAGES)], "xx", workers=2)]


def test_workers_import_no_more_than_they_need():
    heavy = "[m for m in ('dagster', 'duckdb', 'pandas', 'torch') if m in __import__('sys').modules]"
    code = f"(__import__('persona_assets.assets.english_posts.judge'), {heavy})[1]"

    assert [*map_in_processes(eval, [code], workers=2, purpose="ask")] == [[]]


def test_the_garbage_collector_is_off_while_a_batch_is_decided(monkeypatch):
    seen = []

    def build(language):
        decide = build_language_decider(language)
        return lambda texts, langs: (seen.append(gc.isenabled()), decide(texts, langs))[1]

    monkeypatch.setattr(judge, "build_language_decider", build)
    [*judge_batches([batch(MESSAGES)], "en", workers=1)]

    assert seen == [False]
    assert gc.isenabled()

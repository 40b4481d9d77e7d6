"""The audit reads what is in the files, and knows whose it is."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.audit_privacy import TextCollector, extract_written_text
from persona_assets.assets.dataset.gate import measure_release
from persona_assets.privacy import VectorModel
from persona_assets_tests.assets.cluster_jsonl.builders import message
from persona_assets_tests.assets.dataset.builders import OPTIONS, SECOND, did, keep_all, release, rows_of, window

FORMS = ("chat", "threads", "dehydrated", "next_action")


def write_posts():
    """Return posts of two users with words of their own, one with personal data, and a text that is there twice."""
    rows = [
        message(did(name), f"{name}{number}", (10 * number + place) * SECOND, f"{name} {name}s {number}x")
        for place, name in enumerate(("cat", "ship"))
        for number in range(4)
    ]
    rows.append(message(did("cat"), "again", 50 * SECOND, "cat cats 0x"))
    rows.append(message(did("ship"), "mail", 60 * SECOND, "ship ships at joe@example.org"))
    return rows, {did("cat"): 0, did("ship"): 1}


def audit(rows, clusters, tmp_path, monkeypatch, *, model=None, **options):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    options = OPTIONS._replace(forms=FORMS, **options)
    folder, said, given, _ = release(rows, clusters, tmp_path, options=options)
    return measure_release(folder, said, given, options, memory_limit="1GB", scratch=tmp_path, model=model).privacy


def collect(folder, said, author_of=None, seed=0):
    collected = TextCollector(said, author_of or {}, seed=seed)
    for shard in said.shards:
        for batch in pq.read_table(folder / shard.path, partitioning=None).to_batches(max_chunksize=3):
            collected.add(shard.form, batch)
    return collected


@pytest.mark.parametrize("acts", ["json", "text"])
def test_texts_of_both_forms_are_matched_to_their_authors_and_to_the_capture(tmp_path, monkeypatch, acts):
    found = audit(*write_posts(), tmp_path, monkeypatch, acts=acts)

    # Of nine different posts of two users, a placeholder is in one.
    assert [tuple(row) for row in found.word_for_word] == [
        ("chat", 9, 8),
        ("threads", 9, 8),
    ]
    assert {(row.form, row.linkage.authors) for row in found.linkage} == {("chat", 2), ("threads", 2)}
    assert all(row.linkage.recall_at_1 == 1.0 for row in found.linkage if row.attack == "words")
    assert found.by_address == ("dehydrated",)
    assert found.users == 2
    assert found.k_anonymity[:3] == (1, 2, 2)


def test_texts_are_encoded_as_released(tmp_path, monkeypatch):
    given = []

    def embed(texts):
        given.extend(texts)
        return np.array([[text.startswith("cat"), text.startswith("ship")] for text in texts], float)

    found = audit(*write_posts(), tmp_path, monkeypatch, model=VectorModel("a-model", embed))

    assert "ship ships at [EMAIL]" in given
    assert len(given) == len(set(given)) == 9
    assert {row.form for row in found.linkage if row.attack == "vectors"} == {"chat", "threads"}
    assert all(row.linkage.recall_at_1 == 1.0 for row in found.linkage if row.attack == "vectors")


def test_kept_personal_data_is_counted_and_does_not_fail(tmp_path, monkeypatch):
    found = audit(*write_posts(), tmp_path, monkeypatch, clean=False)

    assert found.personal_data == {"email": 1}
    assert [row.found for row in found.word_for_word][:2] == [9, 9]


def test_the_same_release_gives_the_same_findings(tmp_path, monkeypatch):
    first, second = (audit(*window(), tmp_path, monkeypatch) for _ in range(2))

    assert first == second
    assert first.sampled > 0


def test_own_texts_are_what_the_lines_user_wrote_last(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, said, _, _ = release(*window(), tmp_path, options=OPTIONS._replace(forms=FORMS))
    lines = rows_of(folder, "dehydrated")
    authors = {row["line_id"]: row["user_id"] for row in lines}

    for form in ("chat", "threads"):
        texts = {(one.author, one.text) for one in collect(folder, said, authors).own[form]}
        assert texts == {
            (did("bob"), "last"),
            (did("cyd"), "see this"),
            (did("dan"), "write to [EMAIL]"),
            (did("dan"), "mine"),
        }
    some = dict(list(authors.items())[:2])
    assert {one.line_id for one in collect(folder, said, some).own["chat"]} == {1}


def test_a_sample_has_texts_of_everybody_and_no_name_of_the_form(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, said, _, _ = release(*window(), tmp_path)

    drawn = collect(folder, said).sampled()

    assert {"hello world", "outside", "mine"} <= set(drawn)
    assert not any("@user" in text or "They write." in text for text in drawn)
    assert len(drawn) == len(set(drawn))
    assert all(pq.read_metadata(folder / shard.path).num_rows for shard in said.shards)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"text": "a", "user_id": "user_1"}, "a"),
        ({"text": None}, ""),
        ({"role": "system", "content": "card"}, ""),
        ({"role": "user", "content": "@user1: a\n@user2: b"}, "a\nb"),
        ({"role": "assistant", "content": '{"text": "a"}'}, "a"),
        ({"role": "assistant", "content": '{"actions": {"like": true}}'}, ""),
        ({"role": "assistant", "content": "{no json"}, "{no json"),
        ({"role": "assistant", "content": "[quote] a"}, "a"),
        ({"role": "assistant", "content": "[EMAIL] a"}, "[EMAIL] a"),
        ({"role": "assistant", "content": "[like]"}, ""),
    ],
)
def test_a_text_is_read_without_what_the_form_adds(written, text):
    assert extract_written_text(written) == text

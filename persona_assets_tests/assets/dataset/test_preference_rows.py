import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.build import ReleaseInputs, build_release
from persona_assets.assets.dataset.forms import PREFERENCE, UNPAIRED_PREFERENCE
from persona_assets.assets.dataset.pair_acts import PAIRED, PAIRS, pair_acts
from persona_assets.assets.dataset.preference_rows import QUESTION, make_preference_rows, make_unpaired_rows
from persona_assets.assets.dataset.release_schemas import FORMS
from persona_assets_tests.assets.dataset.builders import OPTIONS, ORIGIN, count_words, keep_all, persona_of, rows_of
from persona_assets_tests.assets.dataset.pair_builders import Window, follow, like, post
from persona_assets_tests.assets.dataset.test_next_action_rows import CARD, chat_rows
from persona_assets_tests.assets.dataset.test_pair_acts import ROWS


@pytest.fixture
def made(tmp_path):
    """Return a window of 12 pairs, its only batch, the rows of chat of its lines, and the pairs."""
    rows = [follow("ann", "star")]
    for number in range(12):
        rows += [
            post("star", f"s{number}", 2 * number + 1, f"ignored {number}"),
            post("other", f"o{number}", 2 * number + 1, f"liked {number}"),
            like("ann", "other", f"o{number}", 2 * number + 1.5),
        ]
    window = Window(rows, tmp_path)
    (batch,) = window.batches()
    with window.open() as con:
        pairs = pair_acts(con, [batch], window.splits(), window.store, window.evidence).table
    return window, batch, chat_rows(*batch.acts.to_pylist()), pairs


def test_a_pair_shows_both_posts_and_prefers_the_one_that_the_user_acted_on(made) -> None:
    window, batch, chat, pairs = made

    rows = make_preference_rows(chat, batch, window.store, pairs, acts="json", seed=0)

    assert rows.schema.equals(PREFERENCE)
    assert len(rows) == len(pairs) == 12
    firsts = set()
    for row in rows.to_pylist():
        (liked,), (ignored,) = (window.describe(row[name])[2] for name in ("line_id", "ignored_line_id"))
        chosen, rejected = (json.loads(row[name][0]["content"]) for name in ("chosen", "rejected"))
        posts = {1: ignored, 2: ignored, chosen["post"]: liked}
        assert row["prompt"] == [
            CARD,
            {"role": "user", "content": f"Post 1: {posts[1]}\nPost 2: {posts[2]}\n{QUESTION}"},
        ]
        assert chosen["actions"] == rejected["actions"] == {"like": True}
        assert {chosen["post"], rejected["post"]} == {1, 2}
        assert row["is_estimate"]
        assert row["similarity"] > 0.9
        firsts.add(chosen["post"])
    assert firsts == {1, 2}


def test_plain_text_answers_name_the_post_too(made) -> None:
    window, batch, chat, pairs = made

    row = make_preference_rows(chat, batch, window.store, pairs, acts="text", seed=0).to_pylist()[0]

    contents = {row[name][0]["content"] for name in ("chosen", "rejected")}
    assert contents == {"[like] post 1", "[like] post 2"}


def test_unpaired_rows_are_true_for_what_was_done_and_false_for_what_was_ignored(made) -> None:
    _, _, chat, pairs = made

    rows = make_unpaired_rows(chat, pairs, acts="json")

    assert rows.schema.equals(UNPAIRED_PREFERENCE)
    assert len(rows) == 2 * len(pairs)
    assert rows["line_id"].to_pylist() == sorted(rows["line_id"].to_pylist())
    for row in rows.to_pylist():
        assert row["prompt"] == chat["prompt"][row["line_id"]].as_py()
        assert row["is_estimate"] != row["label"]
        assert row["label"] == (row["act"] == "like")
        assert row["completion"][0]["role"] == "assistant"
        if not row["label"]:
            assert json.loads(row["completion"][0]["content"]) == {"actions": {"like": True}}
            assert row["similarity"] > 0.9
            assert row["rule"] == "followed author"
        else:
            assert row["completion"] == chat["completion"][row["line_id"]].as_py()
            assert row["similarity"] is None


def test_lines_in_no_pair_have_no_rows(made) -> None:
    window, batch, chat, _ = made
    none = pa.Table.from_pylist([], schema=PAIRS)

    assert len(make_preference_rows(chat, batch, window.store, none, acts="json", seed=0)) == 0
    assert len(make_unpaired_rows(chat, none, acts="json")) == 0


def test_prompts_and_answers_have_the_columns_and_types_that_trl_reads(made) -> None:
    """TRL, "Dataset formats": preference and unpaired preference, conversational."""
    window, batch, chat, pairs = made
    message = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

    paired = make_preference_rows(chat, batch, window.store, pairs, acts="json", seed=0).schema
    unpaired = make_unpaired_rows(chat, pairs, acts="json").schema

    assert {paired.field(name).type for name in ("prompt", "chosen", "rejected")} == {message}
    assert {unpaired.field(name).type for name in ("prompt", "completion")} == {message}
    assert unpaired.field("label").type == pa.bool_()


def test_a_data_set_has_the_forms_that_are_made_from_chats_and_pairs(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    window = Window(ROWS, tmp_path)
    lines = window.lines.count_rows()
    given = ReleaseInputs(
        window.lines, window.line_messages, window.user_actions, [persona_of(0, 5)], ignored=window.evidence
    )
    options = OPTIONS._replace(forms=("chat", "next_action", "preference", "unpaired_preference"))
    folder, scratch = (tmp_path / name for name in ("folder", "scratch"))
    folder.mkdir()
    scratch.mkdir()

    made = build_release(
        given, options, folder, origin=ORIGIN, count_tokens=count_words, memory_limit="500MB", scratch=scratch
    )

    rows = {form: rows_of(folder, form) for form in options.forms}
    assert len(rows["chat"]) == made.read - sum(made.dropped.values()) <= lines
    assert len(rows["next_action"]) == len(rows["chat"]) - sum(made.not_asked.values())
    assert len(rows["preference"]) == made.ignored[PAIRED] == 1
    assert [row["label"] for row in rows["unpaired_preference"]] in ([True, False], [False, True])
    assert {shard.form for shard in made.shards} == set(options.forms)
    for shard in made.shards:
        assert pq.read_schema(folder / shard.path).equals(FORMS[shard.form])

"""A data set of a window: each line is in a form or dropped under a reason, and says no more than it may."""

import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.build import TOO_LONG
from persona_assets.assets.dataset.release_schemas import FORMS
from persona_assets.assets.dataset.split_input import DELETED_ACT, DELETED_MESSAGE, WITHOUT_TEXT
from persona_assets.errors import MemoryLimitError
from persona_assets.pseudonyms import PseudonymKey
from persona_assets_tests.assets.dataset.builders import OPTIONS, did, keep_all, release, rows_of, window

KEY = PseudonymKey(bytes(range(32)))


@pytest.fixture
def everything(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    return release(*window(), tmp_path)


def test_lines_read_are_lines_in_a_form_and_lines_dropped_by_reason(everything):
    folder, made, _, parsed = everything

    assert made.read == sum(map(len, parsed.values()))
    # The post that is gone, and its deletion; the like that was undone; the post without text.
    assert made.dropped == {DELETED_MESSAGE: 2, DELETED_ACT: 1, WITHOUT_TEXT: 1}
    for form in OPTIONS.forms:
        rows = rows_of(folder, form)
        assert len(rows) + sum(made.dropped.values()) == made.read
        assert len({row["line_id"] for row in rows}) == len(rows)


def test_all_forms_have_the_same_lines_and_their_schemas(everything):
    folder, made, _, _ = everything

    of_form = {
        form: [(row["line_id"], row["persona"], row["act"]) for row in rows_of(folder, form)] for form in OPTIONS.forms
    }
    assert of_form["chat"] == of_form["threads"] == of_form["dehydrated"]
    for shard in made.shards:
        assert pq.read_schema(folder / shard.path).equals(FORMS[shard.form])
        assert (shard.rows, shard.size_bytes) == (
            pq.read_metadata(folder / shard.path).num_rows,
            (folder / shard.path).stat().st_size,
        )


def test_line_ids_number_the_lines_of_all_clusters(everything):
    folder, _, _, parsed = everything
    lines = [line for cluster in sorted(parsed) for line in parsed[cluster]]

    for row in rows_of(folder, "dehydrated"):
        line = lines[row["line_id"]]
        shown = [one for one in line if "actions" not in one]
        assert [uri.split("/")[2] for uri in row["uris"]] == [one["user_id"] for one in shown]
        assert row["user_id"] == line[-1]["user_id"]


def test_no_account_id_or_personal_data_is_in_a_form_without_addresses(everything):
    folder, made, _, _ = everything

    for form in ("chat", "threads"):
        assert "did:" not in str(rows_of(folder, form))
        assert "example.org" not in str(rows_of(folder, form))
        assert "x.org" not in str(rows_of(folder, form))
    assert made.personal_data == {"email": 2}


def test_texts_can_be_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)

    folder, made, _, _ = release(*window(), tmp_path, options=OPTIONS._replace(clean=False))

    assert "joe@example.org" in str(rows_of(folder, "chat"))
    assert made.personal_data == {}


@pytest.mark.parametrize(
    ("scope", "names_of_bob"),
    [("line", 3), ("persona", 1), ("release", 1)],
)
def test_a_user_has_one_pseudonym_within_the_scope(tmp_path, monkeypatch, scope, names_of_bob):
    monkeypatch.setattr(build_module, "split_lines", keep_all)

    folder, _, _, _ = release(*window(), tmp_path, options=OPTIONS._replace(scope=scope, key=KEY))

    of_lines = {row["line_id"]: row["user"] for row in rows_of(folder, "chat")}
    authors = {row["line_id"]: row["user_id"] for row in rows_of(folder, "dehydrated")}
    lines = [line for line, user in authors.items() if user == did("bob")]
    assert len({of_lines[line] for line in lines}) == min(names_of_bob, len(lines))
    for row in rows_of(folder, "threads"):
        assert of_lines[row["line_id"]] == row["thread"][-1]["user_id"]


def test_a_pseudonym_of_a_persona_is_another_one_in_another_persona(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)

    def names(scope):
        folder, _, _, _ = release(*window(), tmp_path, options=OPTIONS._replace(scope=scope, key=KEY))
        authors = {row["line_id"]: row["uris"] for row in rows_of(folder, "dehydrated")}
        found = {"persona_10": set(), "persona_11": set()}
        for row in rows_of(folder, "threads"):
            for uri, said in zip(authors[row["line_id"]], row["thread"], strict=False):
                if did("ann") in uri:
                    found[row["persona"]].add(said["user_id"])
        return found["persona_10"], found["persona_11"]

    one, other = names("release")
    assert one == other
    assert len(one) == 1
    one, other = names("persona")
    assert len(one) == len(other) == 1
    assert one != other


def test_lines_beyond_the_limit_of_tokens_are_missing_from_chat_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)

    folder, made, _, _ = release(*window(), tmp_path, options=OPTIONS._replace(max_tokens=10))

    assert rows_of(folder, "chat") == []
    assert made.too_long == len(rows_of(folder, "threads")) > 0
    assert TOO_LONG not in made.dropped


def test_the_same_window_gives_the_same_bytes_in_any_order(tmp_path):
    rows, clusters = window()

    def files(rows):
        folder, _, _, _ = release(rows, clusters, tmp_path)
        return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*.parquet")}

    assert files(rows) == files(rows[::-1])


def test_each_batch_size_gives_the_same_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, _, _, _ = release(*window(), tmp_path)
    monkeypatch.setattr("persona_assets.assets.dataset.line_batches.LINES_PER_BATCH", 2)

    other, _, _, _ = release(*window(), tmp_path)

    for form in OPTIONS.forms:
        assert rows_of(other, form) == rows_of(folder, form)


@pytest.mark.parametrize("of", ["LINE", "MESSAGE"])
def test_a_split_of_too_many_lines_or_messages_is_refused_before_the_work(tmp_path, monkeypatch, of):
    monkeypatch.setattr(build_module, f"SPLIT_BYTES_PER_{of}", 10**9)

    with pytest.raises(MemoryLimitError, match=r"for the split of the \d+ lines of the window"):
        release(*window(), tmp_path)


def test_a_window_of_too_many_lines_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "BYTES_PER_LINE", 10**9)

    with pytest.raises(MemoryLimitError, match=r"for the \d+ lines of the window"):
        release(*window(), tmp_path)

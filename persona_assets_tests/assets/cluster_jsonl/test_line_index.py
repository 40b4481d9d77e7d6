"""The index of lines has each line of each file, with the records that the line shows."""

import pyarrow.parquet as pq
import pytest

from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.common.line_tables import LINE_TABLES
from persona_assets_tests.assets.cluster_jsonl.builders import (
    act,
    act_of,
    build,
    inputs,
    is_conversation,
    lines_of,
    message,
    uri_of,
)

HOUR = 3_600_000_000
USERS = {"ann": 0, "bob": 0, "cyd": 0, "dan": 0, "eve": 0, "fay": 1}


def window():
    """Return a window of two clusters with each source of lines: threads, quotes, acts, undone acts and ignored."""
    rows = [message("ann", "a", 1), message("bob", "b", 2, answers=uri_of("ann", "a"))]
    rows += [message("ann", "c", 3, answers=uri_of("bob", "b")), message("cyd", "q", 4, quotes=uri_of("ann", "a"))]
    rows += [message("star", str(n), HOUR + n) for n in range(9)]
    rows += [message("bob", "z", HOUR + 20, quotes=uri_of("star", "1"))]
    rows += [message("fay", "f", 7), message("fay", "g", 8, answers=uri_of("bob", "b"))]
    rows += [act(user, "follow", HOUR + 5, key="f", toward="star") for user in USERS]
    rows += [act("eve", "follow", HOUR + 6, key="e", toward="bob")]
    rows += [act(user, "like", 2 * HOUR, key="l", on=uri_of("ann", "a")) for user in USERS]
    rows += [act("ann", "unlike", 3 * HOUR, key="l"), act("dan", "profile_update", 5, text="who I am")]
    rows += [act("ann", "post_delete", 6, key="c") | {"uri": uri_of("ann", "c"), "target_uri": uri_of("ann", "c")}]
    vectors = {uri_of("star", str(n)): [1.0, n / 9] for n in range(9)} | {uri_of("ann", "a"): [1, 1]}
    vectors[uri_of("bob", "z")] = [1, 1]
    return inputs(rows, USERS, vectors=vectors)


def read(made):
    """Return the lines by cluster, their index, and the URIs of messages by number."""
    lines = lines_of(made)
    tables = {name: pq.read_table(file) for name, file in made.line_tables.items()}
    assert {name: table.schema for name, table in tables.items()} == dict(LINE_TABLES)
    uris = tables["line_messages"]["uri"].to_pylist()
    assert tables["line_messages"]["message"].to_pylist() == list(range(len(uris)))
    return lines, tables["lines"].to_pylist(), uris


IGNORED = IgnoredOptions("cluster", -1, 9, 0)


@pytest.mark.parametrize("rows_at_a_time", [1, 5, 300_000])
def test_each_line_has_one_row_in_the_order_of_its_file(tmp_path, monkeypatch, rows_at_a_time):
    monkeypatch.setattr("persona_assets.assets.cluster_jsonl.write_lines.SEGMENTS_PER_BATCH", rows_at_a_time)

    lines, index, uris = read(build(window(), tmp_path, ignored=IGNORED))

    assert [(row["cluster_id"], row["line_number"]) for row in index] == [
        (cluster, number) for cluster in sorted(lines) for number in range(len(lines[cluster]))
    ]
    for row in index:
        line = lines[row["cluster_id"]][row["line_number"]]
        shown = line if is_conversation(line) else line[:-1]
        shown = [one for one in shown if "actions" not in one]
        assert [uris[number].split("/")[2] for number in row["messages"]] == [one["user_id"] for one in shown]
        assert (row["user_id"], row["event_time_us"]) == (line[-1]["user_id"], line[-1]["unix_epoch"])
        assert row["action"] == (row["action"] if is_conversation(line) else act_of(line))
        assert row["text"] == (None if is_conversation(line) else line[-1].get("text"))
    assert {"post", "reply", "quote", "like", "unlike", "follow", "ignore"} <= {row["action"] for row in index}


def test_an_act_has_the_address_of_its_record_and_an_ignored_message_has_none(tmp_path):
    _, index, uris = read(build(window(), tmp_path, ignored=IGNORED))

    def found(action, user="ann"):
        return {row["uri"] for row in index if row["action"] == action and row["user_id"] == user}

    assert found("like") == found("unlike") == {uri_of("ann", "l", "like")}
    assert found("profile_update", "dan") == {uri_of("dan", "k", "profile_update")}
    assert found("ignore", "eve") == {None}
    ignored_quotes = [
        row for row in index if row["action"] == "ignore" and uris[row["messages"][-1]] == uri_of("bob", "z")
    ]
    assert [(row["user_id"], row["text"]) for row in ignored_quotes] == [("eve", None)]
    replies = [row for row in index if row["action"] == "reply"]
    assert [row["uri"] for row in replies] == [uris[row["messages"][-1]] for row in replies]


def test_the_same_window_gives_the_same_bytes(tmp_path):
    made = [build(window(), tmp_path, ignored=IGNORED) for _ in range(2)]
    for one in made:
        lines_of(one)

    first, second = ({name: file.read_bytes() for name, file in one.line_tables.items()} for one in made)
    assert first == second

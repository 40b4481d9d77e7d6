import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.cluster_jsonl import build as build_module
from persona_assets.errors import MemoryLimitError
from persona_assets_tests.assets.cluster_jsonl.builders import (
    accounted,
    act,
    build,
    inputs,
    is_conversation,
    lines_of,
    message,
    uri_of,
)

USERS = ["ann", "bob", "cyd", "dan", "eve"]
CLUSTERS = {"ann": 0, "bob": 0, "cyd": 1}  # dan is kept, but in no cluster; eve is not kept
KEYS = ["1", "2", "3"]
uris = st.builds(uri_of, st.sampled_from(USERS), st.sampled_from(KEYS)) | st.sampled_from(
    ["at://gone/app.bsky.feed.post/1", "at://ann/app.bsky.feed.generator/1"]
)
times = st.integers(1, 30)
texts = st.sampled_from(["words", "", None, " ", 'a "quote"\n'])
messages = st.builds(
    message,
    st.sampled_from(USERS),
    st.sampled_from(KEYS),
    times,
    texts,
    answers=st.none() | uris,
    quotes=st.none() | uris,
    english=st.booleans(),
)
acts = st.builds(
    act,
    st.sampled_from(USERS),
    st.sampled_from([action for action in tables.ACTIONS if action not in tables.MESSAGES]),
    times,
    key=st.sampled_from(KEYS),
    on=st.none() | uris,
    toward=st.sampled_from([*USERS, "gone"]),
    text=texts,
)
windows = st.lists(messages | acts, max_size=40)
many = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def build_any(rows, tmp_path):
    return build(inputs(rows, CLUSTERS, kept=[*CLUSTERS, "dan"]), tmp_path)


@many
@given(rows=windows)
def test_every_action_has_exactly_one_outcome(tmp_path, rows):
    counted = accounted(build_any(rows, tmp_path))

    seen = {}
    for row in rows:
        key = (CLUSTERS.get(row["user_id"]), row["action"])
        seen[key] = seen.get(key, 0) + 1
    assert {
        key: sum(count for (cluster, action, _), count in counted.items() if (cluster, action) == key) for key in seen
    } == seen
    assert sum(counted.values()) == len(rows)


@many
@given(rows=windows)
def test_the_number_of_written_actions_is_the_number_of_lines(tmp_path, rows):
    made = build_any(rows, tmp_path)
    lines = lines_of(made)

    written = {}
    for (cluster, action, outcome), count in accounted(made).items():
        if outcome == "written" and action not in {"post", "reply"}:
            written[cluster] = written.get(cluster, 0) + count
    act_lines = {cluster: sum(not is_conversation(line) for line in found) for cluster, found in lines.items()}
    assert {cluster: count for cluster, count in act_lines.items() if count} == written
    conversations = sum(is_conversation(line) for found in lines.values() for line in found)
    assert conversations == made.n_conversations


@many
@given(rows=windows, random=st.randoms(use_true_random=False))
def test_the_same_window_in_any_order_gives_the_same_bytes(tmp_path, rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)
    once, twice = build_any(rows, tmp_path), build_any(shuffled, tmp_path)

    assert list(once.lines) == list(twice.lines)
    assert once.accounting.equals(twice.accounting)


def test_the_database_is_closed_after_the_lines_are_read_or_abandoned(tmp_path):
    read, left = (build_any([message("ann", "1", 1)], tmp_path) for _ in range(2))
    connections = [made.lines.gi_frame.f_locals["con"] for made in (read, left)]
    list(read.lines)
    next(left.lines)
    left.lines.close()

    for con in connections:
        with pytest.raises(duckdb.ConnectionException):
            con.execute("SELECT 1")


def test_a_window_with_too_many_messages_for_the_limit_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "BYTES_PER_MESSAGE", 500_000_000)

    with pytest.raises(MemoryLimitError, match=r"needs 1\.0 GB .* may use 1GB: set PERSONA_MEMORY_LIMIT to 1\.4GB"):
        build_any([message("ann", "1", 1), message("bob", "1", 2), act("bob", "like", 3)], tmp_path)

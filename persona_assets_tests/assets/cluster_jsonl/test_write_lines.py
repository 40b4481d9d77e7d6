import pytest

from persona_assets.assets.cluster_jsonl import write_lines as lines_module
from persona_assets_tests.assets.cluster_jsonl.builders import act, act_of, build, inputs, lines_of, message, uri_of
from persona_assets_tests.hash_twins import twin_keys


def test_lines_are_in_the_order_of_time_then_user_then_uri(tmp_path):
    rows = [
        message("bob", "z", 5, "5 bob z"),
        message("bob", "a", 5, "5 bob a"),
        message("ann", "q", 5, "5 ann q", quotes=uri_of("bob", "p")),
        message("bob", "p", 9, "9 bob p"),
        act("ann", "like", 1, on=uri_of("bob", "p")),
    ]

    found = lines_of(build(inputs(rows, {"ann": 0, "bob": 0}), tmp_path))[0]

    assert [line[-1].get("text", "like") for line in found] == [
        "like",
        "5 ann q",
        "5 ann q",
        "5 bob a",
        "5 bob z",
        "9 bob p",
    ]
    assert ["actions" in line[-1] for line in found[1:3]] == [False, True]  # the message before the act


def test_a_long_thread_is_cut_to_the_messages_nearest_its_end(tmp_path):
    rows = [message("ann", "0", 0, "0")]
    rows += [message("ann", str(n), n, str(n), answers=uri_of("ann", str(n - 1))) for n in range(1, 500)]

    (line,) = lines_of(build(inputs(rows, {"ann": 0}), tmp_path, max_thread_messages=64))[0]

    assert [message["text"] for message in line] == [str(n) for n in range(436, 500)]


def test_lines_that_cross_batches_stay_whole(tmp_path, monkeypatch):
    rows = []
    for thread in range(30):
        rows.append(message("ann", f"{thread}-0", thread, f"{thread}-0"))
        rows += [
            message("ann", f"{thread}-{n}", thread + n, f"{thread}-{n}", answers=uri_of("ann", f"{thread}-{n - 1}"))
            for n in range(1, thread % 7)
        ]
    whole = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))
    monkeypatch.setattr(lines_module, "SEGMENTS_PER_BATCH", 3)

    assert lines_of(build(inputs(rows, {"ann": 0}), tmp_path)) == whole
    assert len(whole[0]) == 30


@pytest.mark.parametrize("segments_at_once", [1, 4, 50])
def test_serialisation_in_batches_of_any_size_gives_whole_lines(tmp_path, monkeypatch, segments_at_once):
    rows = []
    for thread in range(40):
        rows.append(message("ann", f"{thread}-0", 10 * thread, f"{thread}-0"))
        rows += [
            message("bob", f"{thread}-{n}", 10 * thread + n, f"{thread}-{n}", answers=uri_of("ann", f"{thread}-0"))
            for n in range(1, thread % 4)
        ]
    whole = lines_of(build(inputs(rows, {"ann": 0, "bob": 1}), tmp_path))
    monkeypatch.setattr(lines_module, "SEGMENTS_PER_SERIALISATION", segments_at_once)

    assert lines_of(build(inputs(rows, {"ann": 0, "bob": 1}), tmp_path)) == whole
    assert {cluster: len(lines) for cluster, lines in whole.items()} == {0: 40, 1: 30}


def test_lines_of_one_time_are_sorted_by_uri_across_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(lines_module, "SEGMENTS_PER_BATCH", 3)
    # Enough for several of DuckDB's vectors of 2,048 rows.
    keys = [f"{n * 7919 % 10_007:05}" for n in range(10_007)]
    rows = [message("ann", key, 5, key) for key in keys] + [message("bob", "p", 4, "p")]

    found = lines_of(build(inputs(rows, {"ann": 0, "bob": 0}), tmp_path))[0]

    assert [line[-1]["text"] for line in found] == ["p", *sorted(keys)]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_lines_of_one_time_whose_uris_have_one_hash_are_whole_and_sorted_by_uri(tmp_path, is_reversed):
    keys = twin_keys(uri_of("ann", ""))
    likes = twin_keys(uri_of("ann", "", "like"))
    rows = [message("bob", "p", 1, "first"), message("bob", "q", 1, "second")]
    rows += [message("ann", key, 5, key, answers=uri_of("bob", "p")) for key in keys]
    rows += [act("ann", "like", 5, key=key, on=uri_of("bob", on)) for key, on in zip(likes, "pq", strict=True)]

    found = lines_of(build(inputs(rows[::-1] if is_reversed else rows, {"ann": 0}), tmp_path))[0]

    assert [[message_.get("text", "like") for message_ in line] for line in found] == [
        ["first", "like"],
        ["second", "like"],
        *(["first", key] for key in keys),
    ]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_two_actions_of_one_record_and_time_are_sorted_by_target(tmp_path, is_reversed):
    keys = twin_keys(uri_of("bob", ""))
    rows = [message("bob", key, 1, key) for key in keys]
    rows += [act("ann", "like", 5, key="k", on=uri_of("bob", key)) for key in keys]

    found = lines_of(build(inputs(rows[::-1] if is_reversed else rows, {"ann": 0}), tmp_path))[0]

    assert [(act_of(line), line[0]["text"]) for line in found] == [("like", key) for key in keys]

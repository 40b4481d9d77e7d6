import pytest

from persona_assets.common import database as engine
from persona_assets.tables import SEEN_BEFORE
from persona_assets_tests.assets.cluster_jsonl.builders import (
    accounted,
    act,
    act_of,
    build,
    inputs,
    is_conversation,
    lines_of,
    message,
    uri_of,
)
from persona_assets_tests.hash_twins import twin_keys

OTHERS = uri_of("other", "p")


def acts(rows, clusters, tmp_path):
    made = build(inputs(rows, clusters), tmp_path)
    outcomes = {key[1:]: count for key, count in accounted(made).items() if key[0] is not None}
    return [line for line in lines_of(made).get(0, []) if not is_conversation(line)], outcomes


@pytest.mark.parametrize("action", ["like", "repost"])
def test_an_english_post_of_any_user_is_a_target(tmp_path, action):
    rows = [message("other", "p", 1, "hello"), act("ann", action, 5, on=OTHERS)]

    (line,), outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert line[0] == {"user_id": "other", "text": "hello", "unix_epoch": 1}
    assert (act_of(line), line[1]["user_id"], line[1]["unix_epoch"]) == (action, "ann", 5)
    assert outcomes == {(action, "written"): 1}


@pytest.mark.parametrize(
    ("rows", "on", "outcome"),
    [
        ([], OTHERS, "target outside the window"),
        ([message("other", "p", 1, "hallo", english=False)], OTHERS, "target not English"),
        ([message("other", "p", 1, " ", english=False)], OTHERS, "target without words"),
        ([message("other", "p", 1, None, english=False)], OTHERS, "target without words"),
        ([], "at://other/app.bsky.feed.generator/p", "target not a post"),
        ([message("other", "p", 1)], "at://other/app.bsky.feed.generator/p", "target not a post"),
        ([], None, "target not a post"),
        ([act("other", "post_delete", 2, key="p", on=OTHERS)], OTHERS, "target deleted"),
    ],
)
def test_an_action_without_a_line_is_counted_with_its_reason(tmp_path, rows, on, outcome):
    lines, outcomes = acts([*rows, act("ann", "like", 5, on=on)], {"ann": 0}, tmp_path)

    assert lines == []
    assert outcomes == {("like", outcome): 1}


def test_a_post_that_is_deleted_later_stays_a_target(tmp_path):
    rows = [
        message("other", "p", 1, "hello"),
        act("other", "post_delete", 2, key="p", on=OTHERS),
        act("ann", "like", 5, on=OTHERS),
    ]

    (line,), _ = acts(rows, {"ann": 0}, tmp_path)

    assert line[0]["text"] == "hello"


@pytest.mark.parametrize("action", ["like", "repost"])
def test_an_undo_has_the_target_of_its_original(tmp_path, action):
    rows = [
        message("other", "p", 1, "hello"),
        act("ann", action, 5, key="a", on=OTHERS),
        act("ann", f"un{action}", 6, key="a"),
        act("ann", f"un{action}", 7, key="long ago"),
    ]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert [(act_of(line), line[0]["text"], line[1]["unix_epoch"]) for line in lines] == [
        (action, "hello", 5),
        (f"un{action}", "hello", 6),
    ]
    assert outcomes[f"un{action}", "unknown original"] == 1


@pytest.mark.parametrize("action", ["follow", "block"])
def test_the_target_of_a_follow_is_the_last_english_post_of_the_account(tmp_path, action):
    rows = [
        message("other", "p1", 10, "first"),
        message("other", "p2", 20, "second"),
        message("other", "p3", 25, "dritter", english=False),
        message("other", "p4", 30, "fourth", quotes="at://x/app.bsky.feed.post/y"),
        act("ann", action, 20, key="a", toward="other"),
        act("ann", f"un{action}", 31, key="a"),
        act("ann", action, 9, key="b", toward="other"),
        act("ann", f"un{action}", 40, key="c"),
    ]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert [(act_of(line), line[0]["text"]) for line in lines] == [(action, "second"), (f"un{action}", "fourth")]
    assert outcomes == {
        (action, "written"): 1,
        (action, "no post before the act"): 1,
        (f"un{action}", "written"): 1,
        (f"un{action}", "unknown original"): 1,
    }


def test_updates_and_deletions_of_own_posts_are_written_in_any_language(tmp_path):
    rows = [
        message("ann", "p", 1, "hallo", english=False),
        act("ann", "post_update", 2, key="p", on=uri_of("ann", "p"), text="hallo du"),
        act("ann", "post_delete", 3, key="p", on=uri_of("ann", "p")),
        act("ann", "post_delete", 4, key="older", on=uri_of("ann", "older")),
    ]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert [act_of(line) for line in lines] == ["post_update", "post_delete"]
    assert [line[0]["text"] for line in lines] == ["hallo", "hallo"]
    assert lines[0][1]["text"] == "hallo du"
    assert "text" not in lines[1][1]
    assert outcomes["post_delete", "target outside the window"] == 1


def test_a_quote_is_written_as_a_message_and_as_an_action(tmp_path):
    rows = [message("other", "p", 1, "hello"), message("ann", "q", 2, "so true", quotes=OTHERS)]

    found = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))[0]

    assert found[0] == [{"user_id": "ann", "text": "so true", "unix_epoch": 2}]
    assert [message.get("text") for message in found[1]] == ["hello", "so true"]
    assert act_of(found[1]) == "quote"


def test_a_quote_of_an_unknown_post_is_written_as_a_message(tmp_path):
    made = build(inputs([message("ann", "q", 2, "so true", quotes=OTHERS)], {"ann": 0}), tmp_path)

    assert accounted(made) == {(0, "quote", "target outside the window"): 1}
    assert lines_of(made) == {0: [[{"user_id": "ann", "text": "so true", "unix_epoch": 2}]]}


def test_a_reply_that_quotes_is_written_in_its_thread_and_as_a_quote(tmp_path):
    rows = [
        message("other", "p", 1, "hello"),
        message("bob", "b", 2, "a question"),
        message("ann", "q", 3, "so true", quotes=OTHERS, answers=uri_of("bob", "b")),
    ]

    conversation, quote = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))[0]

    assert [message["text"] for message in conversation] == ["a question", "so true"]
    assert [message["text"] for message in quote] == ["hello", "so true"]


def test_a_profile_update_is_a_line_of_one_message_and_account_status_has_none(tmp_path):
    rows = [
        act("ann", "profile_update", 2, key="self", text="into tests"),
        act("ann", "profile_update", 3, key="self"),
        act("ann", "account_status", 4),
    ]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert [[act_of(line), line[0].get("text"), len(line)] for line in lines] == [
        ["profile_update", "into tests", 1],
        ["profile_update", None, 1],
    ]
    assert outcomes == {("profile_update", "written"): 2, ("account_status", "no line for this kind"): 1}


POST = message("bob", "p", 1, "hello")


@pytest.mark.parametrize("later", [0, 3])
@pytest.mark.parametrize(
    "done",
    [
        act("ann", "like", 5, on=POST["uri"]),
        act("ann", "repost", 5, on=POST["uri"]),
        act("ann", "follow", 5, toward="bob"),
        act("ann", "block", 5, toward="bob"),
        message("ann", "q", 5, "a quote", quotes=POST["uri"]),
        act("bob", "post_delete", 5, key="p"),
    ],
    ids=lambda row: row["action"],
)
def test_an_action_in_the_files_of_two_days_is_written_once(tmp_path, done, later):
    again = {**done, "event_time_us": done["event_time_us"] + later}

    made = build(inputs([POST, done, again], {"ann": 0, "bob": 0}), tmp_path)

    counted = accounted(made)
    assert counted[0, done["action"], "written"] == counted[0, done["action"], SEEN_BEFORE] == 1
    assert sum(counted.values()) == 3
    assert [act_of(line) for line in lines_of(made)[0] if not is_conversation(line)] == [done["action"]]


def test_duplicate_actions_are_found_in_any_number_of_passes(tmp_path, monkeypatch):
    rows = [POST, *(act("ann", "like", at, key=str(at % 50), on=POST["uri"]) for at in range(100))]
    once = build(inputs(rows, {"ann": 0}), tmp_path)
    monkeypatch.setattr(engine, "_HASHES_PER_PASS", 7)

    assert accounted(build(inputs(rows, {"ann": 0}), tmp_path)) == accounted(once)
    assert accounted(once)[0, "like", SEEN_BEFORE] == 50


def test_the_post_of_the_greatest_uri_is_the_target_if_several_have_one_time(tmp_path):
    rows = [message("bob", key, 5, key) for key in "acb"] + [act("ann", "follow", 6, toward="bob")]

    (line,) = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))[0]

    assert line[0]["text"] == "c"


@pytest.mark.parametrize("action", ["like", "follow"])
def test_an_undo_in_the_files_of_two_days_is_written_once(tmp_path, action):
    rows = [POST, act("ann", action, 5, on=POST["uri"], toward="bob")]
    rows += [act("ann", f"un{action}", at) for at in (7, 7, 8)]

    made = build(inputs(rows, {"ann": 0}), tmp_path)

    assert accounted(made)[0, f"un{action}", SEEN_BEFORE] == 2
    assert [(act_of(line), line[1]["unix_epoch"]) for line in lines_of(made)[0]] == [(action, 5), (f"un{action}", 7)]


def test_each_like_record_and_each_update_is_an_action(tmp_path):
    rows = [POST, *(act("ann", "like", 5, key=key, on=POST["uri"]) for key in "ab")]
    rows += [act("ann", "profile_update", at, key="self", text="me") for at in (6, 7, 7)]

    counted = accounted(build(inputs(rows, {"ann": 0}), tmp_path))

    assert counted[0, "like", "written"] == 2
    assert (counted[0, "profile_update", "written"], counted[0, "profile_update", SEEN_BEFORE]) == (2, 1)


@pytest.mark.parametrize("action", ["like", "repost"])
def test_an_action_is_not_attributed_to_a_member_with_the_same_hash(tmp_path, action):
    user, stranger = twin_keys()
    rows = [POST, act(user, action, 5, key="own", on=POST["uri"]), act(stranger, action, 6, key="k", on=POST["uri"])]

    made = build(inputs(rows, {user: 0}), tmp_path)

    assert [(line[1]["user_id"], line[1]["unix_epoch"]) for line in lines_of(made)[0]] == [(user, 5)]
    assert accounted(made)[None, action, "user not kept"] == 1


def test_a_target_is_not_replaced_by_a_post_with_the_same_hash(tmp_path):
    keys = twin_keys(uri_of("other", ""))
    rows = [message("other", key, 1, key) for key in keys]
    rows += [act("ann", "like", 5, key=key, on=uri_of("other", key)) for key in keys]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert [line[0]["text"] for line in lines] == list(keys)
    assert outcomes == {("like", "written"): 2}


@pytest.mark.parametrize("action", ["like", "repost", "quote", "post_delete"])
def test_a_target_outside_the_window_is_not_found_by_its_hash(tmp_path, action):
    there, gone = (uri_of("ann", key) for key in twin_keys(uri_of("ann", "")))
    rows = [message("ann", there.rpartition("/")[2], 1, "hello")]
    if action == "quote":
        rows += [message("ann", "q", 5, "look", quotes=gone)]
    else:
        rows += [act("ann", action, 5, key=gone.rpartition("/")[2], on=gone)]

    lines, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert lines == []
    assert outcomes[action, "target outside the window"] == 1


def test_a_post_does_not_count_as_deleted_because_one_with_the_same_hash_is(tmp_path):
    deleted, gone = twin_keys(uri_of("other", ""))
    rows = [act("other", "post_delete", 2, key=deleted, on=uri_of("other", deleted))]
    rows += [act("ann", "like", 5, on=uri_of("other", gone))]

    assert acts(rows, {"ann": 0}, tmp_path) == ([], {("like", "target outside the window"): 1})


@pytest.mark.parametrize("action", ["like", "repost"])
def test_an_undo_does_not_match_a_record_with_the_same_hash(tmp_path, action):
    keys = twin_keys(uri_of("ann", "", action))
    rows = [message("other", key, 1, key) for key in keys]
    rows += [act("ann", action, 5, key=key, on=uri_of("other", key)) for key in keys]
    rows += [act("ann", f"un{action}", at, key=key) for at, key in zip((6, 7), keys, strict=True)]

    lines, _ = acts(rows, {"ann": 0}, tmp_path)

    assert [line[0]["text"] for line in lines] == [*keys, *keys]


@pytest.mark.parametrize("action", ["like", "follow"])
def test_an_undo_without_an_original_does_not_match_one_with_the_same_hash(tmp_path, action):
    there, gone = twin_keys(uri_of("ann", "", action))
    rows = [
        POST,
        act("ann", action, 5, key=there, on=POST["uri"], toward="bob"),
        act("ann", f"un{action}", 6, key=gone),
    ]

    _, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert outcomes == {(action, "written"): 1, (f"un{action}", "unknown original"): 1}


@pytest.mark.parametrize("action", ["like", "repost", "follow", "block"])
def test_an_action_is_no_duplicate_of_one_with_the_same_hash(tmp_path, action):
    keys = twin_keys(uri_of("ann", "", action))
    rows = [POST, *(act("ann", action, 5, key=key, on=POST["uri"], toward="bob") for key in keys)]

    _, outcomes = acts(rows, {"ann": 0}, tmp_path)

    assert outcomes == {(action, "written"): 2}


@pytest.mark.parametrize("action", ["unlike", "unfollow"])
def test_an_undo_is_no_duplicate_of_one_with_the_same_hash(tmp_path, action):
    keys = twin_keys(uri_of("ann", "", action))
    rows = [act("ann", action, 5, key=key) for key in keys]

    assert acts(rows, {"ann": 0}, tmp_path) == ([], {(action, "unknown original"): 2})


@pytest.mark.parametrize(
    ("action", "column"), [("like", "target_uri"), ("follow", "target_user_id"), ("profile_update", "text")]
)
def test_two_actions_of_one_record_with_different_targets_of_the_same_hash_are_no_duplicates(tmp_path, action, column):
    before = OTHERS if column == "target_uri" else ""
    twins = [act("ann", action, 5) | {column: before + key} for key in twin_keys(before)]

    _, outcomes = acts(twins, {"ann": 0}, tmp_path)

    assert sum(outcomes.values()) == 2
    assert SEEN_BEFORE not in {outcome for _, outcome in outcomes}


def test_the_original_of_an_undo_does_not_depend_on_the_order_of_rows(tmp_path):
    keys = twin_keys(uri_of("other", ""))
    rows = [message("other", key, 1, key) for key in keys]
    rows += [act("ann", "like", 5, key="k", on=uri_of("other", key)) for key in keys]
    undo = act("ann", "unlike", 6, key="k")

    once, twice = (acts(given, {"ann": 0}, tmp_path)[0] for given in ([*rows, undo], [undo, *rows[::-1]]))

    assert once == twice
    assert once[-1][0]["text"] == keys[0]

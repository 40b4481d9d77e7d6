import duckdb
import pytest

from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS
from persona_assets.assets.cluster_jsonl.load import load_window
from persona_assets.common.content_file import ContentFile
from persona_assets_tests.assets.cluster_jsonl.builders import accounted, act, build, inputs, lines_of, message, uri_of
from persona_assets_tests.hash_twins import twin_keys


def texts(made):
    return {tuple(message["text"] for message in line) for lines in lines_of(made).values() for line in lines}


def test_an_event_on_both_sides_of_midnight_is_one_message(tmp_path):
    rows = [message("ann", "p", 1, "hello"), message("ann", "p", 1, "hello")]

    made = build(inputs(rows, {"ann": 0}), tmp_path)

    assert accounted(made) == {(0, "post", "written"): 1, (0, "post", "record seen before"): 1}
    assert texts(made) == {("hello",)}


def test_the_last_version_of_a_record_created_again_is_kept(tmp_path):
    rows = [
        message("ann", "p", 3, "again"),
        message("ann", "p", 1, "hello"),
        message("bob", "r", 5, "hi", answers=uri_of("ann", "p")),
    ]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {("again", "hi")}


def test_a_cycle_is_cut_at_its_earliest_message(tmp_path):
    rows = [
        message("ann", "a", 3, "late", answers=uri_of("bob", "b")),
        message("bob", "b", 1, "early", answers=uri_of("ann", "a")),
    ]

    assert texts(build(inputs(rows, {"ann": 0, "bob": 0}), tmp_path)) == {("early", "late")}


def test_a_message_that_answers_itself_starts_its_thread(tmp_path):
    rows = [
        message("ann", "a", 1, "me", answers=uri_of("ann", "a")),
        message("bob", "b", 2, "you", answers=uri_of("ann", "a")),
    ]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {("me", "you")}


def test_a_reply_to_a_missing_message_starts_its_thread(tmp_path):
    rows = [message("ann", "a", 1, "me", answers=uri_of("gone", "g"))]

    assert texts(build(inputs(rows, {"ann": 0}), tmp_path)) == {("me",)}


@pytest.mark.parametrize("rows", [[], [act("ann", "account_status", 1)]])
def test_a_window_without_messages_has_no_thread(rows, tmp_path):
    with duckdb.connect() as con:
        forest = load_window(con, inputs(rows, {"ann": 0}), ContentFile(tmp_path / "contents"), LINE_FORMATS["arrays"])

    assert (len(forest.parents), len(forest.clusters)) == (0, 0)


def test_a_user_is_not_taken_for_one_with_the_same_hash(tmp_path):
    user, stranger = twin_keys()
    rows = [message(user, "p", 1, "mine"), message(stranger, "q", 2, "not mine")]

    made = build(inputs(rows, {user: 0}), tmp_path)

    assert accounted(made) == {(0, "post", "written"): 1, (None, "post", "user not kept"): 1}
    assert texts(made) == {("mine",)}


def test_users_with_the_same_hash_in_two_clusters_keep_their_own_messages(tmp_path):
    users = twin_keys()
    rows = [message(user, "p", 1, user) for user in users]

    found = lines_of(build(inputs(rows, {user: cluster for cluster, user in enumerate(users)}), tmp_path))

    assert {cluster: line[0]["text"] for cluster, (line,) in found.items()} == dict(enumerate(users))


def test_a_reply_is_not_attached_to_a_post_with_the_same_hash(tmp_path):
    keys = twin_keys(uri_of("ann", ""))
    rows = [message("ann", key, at, key) for at, key in enumerate(keys)]
    rows += [message("bob", f"to {key}", 5, f"to {key}", answers=uri_of("ann", key)) for key in keys]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {(key, f"to {key}") for key in keys}


def test_a_reply_to_a_post_outside_the_window_is_not_attached_by_its_hash(tmp_path):
    gone, there = twin_keys(uri_of("ann", ""))
    rows = [message("ann", there, 1, "there"), message("bob", "r", 2, "an answer", answers=uri_of("ann", gone))]

    assert texts(build(inputs(rows, {"bob": 0}), tmp_path)) == {("an answer",)}


def test_a_message_is_not_english_because_one_with_the_same_hash_is(tmp_path):
    english, other = twin_keys(uri_of("ann", ""))
    rows = [message("ann", english, 1, "words"), message("ann", other, 2, "wörter", english=False)]
    rows += [act("bob", "like", 5, on=uri_of("ann", other))]

    assert accounted(build(inputs(rows, {"bob": 0}), tmp_path))[0, "like", "target not English"] == 1


def test_the_kept_text_of_a_record_does_not_depend_on_the_order_of_rows(tmp_path):
    rows = [message("ann", "p", 1, text) for text in twin_keys()]

    once, twice = (build(inputs(given, {"ann": 0}), tmp_path) for given in (rows, rows[::-1]))

    assert texts(once) == texts(twice) == {(twin_keys()[1],)}

import numpy as np
import pytest

from persona_assets.cluster_jsonl.ignored import IgnoredOptions, weigh_centres
from persona_assets_tests.cluster_jsonl.builders import (
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
DAY = 24 * HOUR
PERSONA = {"ann": 0, "bob": 0, "cyd": 0, "dan": 0, "eve": 0}
NEAR, FAR = [1.0, 0.1], [-0.5, 1.0]
OPTIONS = IgnoredOptions(similarity_threshold=0.7, cap_ignored_messages=1000, seed=0)


def post(user, key, hours, text="words"):
    return message(user, key, int(hours * HOUR), text)


def did(user, action, hours, **given):
    return act(user, action, int(hours * HOUR), **given)


def ignored(rows, tmp_path, *, options=OPTIONS, clusters=PERSONA, vectors=None):
    """Who let which post pass, and when (hours)."""
    vectors = {row["uri"]: NEAR for row in rows if row.get("english")} | (vectors or {})
    found = lines_of(build(inputs(rows, clusters, vectors=vectors), tmp_path, ignored=options))
    lines = [line for lines in found.values() for line in lines if not is_conversation(line)]
    return [
        (line[1]["user_id"], line[0]["text"], line[1]["unix_epoch"] / HOUR)
        for line in lines
        if act_of(line) == "ignore"
    ]


FOLLOWS = did("ann", "follow", 1, key="f", toward="star")
ACTS = did("ann", "like", 5, on="at://gone/app.bsky.feed.post/1")


def test_a_post_by_a_followed_account_before_an_act_was_let_pass(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2, "seen"), ACTS, post("star", "2", 6, "too late")]

    assert ignored(rows, tmp_path) == [("ann", "seen", 5)]


def test_a_line_has_the_post_and_the_time_of_the_act_before_which_it_was_seen(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2, "seen"), ACTS]
    made = build(inputs(rows, PERSONA, vectors={uri_of("star", "1"): NEAR}), tmp_path, ignored=OPTIONS)

    (line,) = [line for line in lines_of(made)[0] if act_of(line) == "ignore"]

    assert line[0] == {"user_id": "star", "text": "seen", "unix_epoch": 2 * HOUR}
    assert list(line[1]) == ["user_id", "actions", "unix_epoch"]
    assert made.ignored == 1


@pytest.mark.parametrize("action", ["like", "repost"])
def test_what_a_followed_account_passes_on_is_shown_when_it_does(tmp_path, action):
    rows = [FOLLOWS, post("other", "1", -50, "old"), did("star", action, 3, on=uri_of("other", "1")), ACTS]
    rows += [did("bob", "like", 4, key="l", on=uri_of("other", "1"))]

    assert ignored(rows, tmp_path) == [("ann", "old", 5)]


def test_nothing_is_seen_more_than_a_day_before_an_act(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2), did("ann", "like", 27, on="at://gone/app.bsky.feed.post/1")]

    assert ignored(rows, tmp_path) == []


def test_an_account_event_is_no_act(tmp_path):
    assert ignored([FOLLOWS, post("star", "1", 2), did("ann", "account_status", 3)], tmp_path) == []


@pytest.mark.parametrize(
    "touch",
    [
        did("ann", "like", 9, key="l", on=uri_of("star", "1")),
        did("ann", "repost", 9, key="l", on=uri_of("star", "1")),
        message("ann", "r", 9 * HOUR, "an answer", answers=uri_of("star", "1")),
        message("ann", "q", 9 * HOUR, "a quote", quotes=uri_of("star", "1")),
    ],
)
def test_what_a_user_acts_on_at_any_time_was_not_let_pass(tmp_path, touch):
    rows = [FOLLOWS, post("star", "1", 2), ACTS, touch]

    assert [found for found in ignored(rows, tmp_path) if found[0] == "ann"] == []


def test_ones_own_posts_are_not_let_pass(tmp_path):
    rows = [FOLLOWS, post("ann", "1", 2, "mine"), did("star", "repost", 3, on=uri_of("ann", "1")), ACTS]

    assert ignored(rows, tmp_path) == []


def test_nothing_is_seen_of_an_account_that_is_not_followed_any_more(tmp_path):
    rows = [FOLLOWS, did("ann", "unfollow", 3, key="f"), post("star", "1", 4), ACTS]

    assert ignored(rows, tmp_path) == []


@pytest.mark.parametrize(("threshold", "expected"), [(-1, {"near", "far"}), (0.7, {"near"}), (0.9999, set())])
def test_only_what_is_close_to_what_the_cluster_engages_with_counts(tmp_path, threshold, expected):
    rows = [FOLLOWS, post("star", "1", 2, "near"), post("star", "2", 3, "far"), ACTS]
    rows += [post("other", "1", 0, "engaging"), did("bob", "like", 1, key="x", on=uri_of("other", "1"))]
    vectors = {uri_of("star", "2"): FAR}
    options = OPTIONS._replace(similarity_threshold=threshold)

    assert {text for _, text, _ in ignored(rows, tmp_path, vectors=vectors, options=options)} == expected


def test_the_cap_keeps_the_nearest_posts_of_each_user(tmp_path):
    rows = [FOLLOWS, did("bob", "follow", 1, key="f", toward="star"), ACTS, did("bob", "profile_update", 5, key="self")]
    rows += [post("star", str(n), 2 + n / 10, str(n)) for n in range(20)]
    vectors = {uri_of("star", str(n)): [1.0, n / 20] for n in range(20)}

    found = ignored(rows, tmp_path, vectors=vectors, options=OPTIONS._replace(cap_ignored_messages=3))

    assert [user for user, _, _ in found] == ["ann"] * 3 + ["bob"] * 3
    assert {text for user, text, _ in found if user == "ann"} == {text for user, text, _ in found if user == "bob"}


def test_a_small_cluster_lets_nothing_pass(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2), ACTS]

    assert ignored(rows, tmp_path, clusters={"ann": 0, "bob": 0, "cyd": 0, "dan": 0}) == []


def test_nothing_is_let_pass_where_nobody_asks(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2), ACTS]

    assert ignored(rows, tmp_path, options=None) == []


def test_posts_without_a_vector_are_left_out(tmp_path):
    rows = [FOLLOWS, post("star", "1", 2), ACTS]
    made = build(inputs(rows, PERSONA, vectors={"at://nobody/app.bsky.feed.post/0": NEAR}), tmp_path, ignored=OPTIONS)

    assert made.ignored == 0


def test_the_same_window_in_another_order_lets_the_same_pass(tmp_path):
    rng = np.random.default_rng(5)
    rows = [did(user, "follow", 1, key=f"f{star}", toward=f"star{star}") for user in PERSONA for star in range(3)]
    rows += [post(f"star{n % 3}", str(n), 2 + n / 10, str(n)) for n in range(60)]
    rows += [did(user, "like", 6, on="at://gone/app.bsky.feed.post/1") for user in PERSONA]
    vectors = {uri_of(f"star{n % 3}", str(n)): rng.normal(size=4) for n in range(60)}
    options = OPTIONS._replace(similarity_threshold=0.5, cap_ignored_messages=7)

    once = list(build(inputs(rows, PERSONA, vectors=vectors), tmp_path, ignored=options).lines)
    rng.shuffle(rows)
    shuffled = dict(sorted(vectors.items(), reverse=True))
    twice = list(build(inputs(rows, PERSONA, vectors=shuffled), tmp_path, ignored=options).lines)

    assert once == twice
    assert sum(lines.count(b'"ignore":true') for _, lines in once) == 5 * 7


def test_a_centre_leans_to_what_weighs_more():
    vectors = np.array([[1, 0], [0, 1]], dtype=np.float32)

    (centre,) = weigh_centres(vectors, np.array([3, 1], dtype=np.float32), seed=0)

    assert centre == pytest.approx(np.array([3, 1]) / np.sqrt(10), abs=1e-6)


def test_there_are_ten_centres_at_most_and_one_for_ten_posts():
    vectors = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = np.ones(200, dtype=np.float32)

    assert len(weigh_centres(vectors, weights, seed=0)) == 10
    assert len(weigh_centres(vectors[:35], weights[:35], seed=0)) == 3
    assert len(weigh_centres(vectors[:1], weights[:1], seed=0)) == 1

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.cluster_jsonl.ignored_candidates import MIN_CLUSTER_USERS
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE
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

HOUR = 3_600_000_000
DAY = 24 * HOUR
PERSONA = {"ann": 0, "bob": 0, "cyd": 0, "dan": 0, "eve": 0}
NEAR, FAR = [1.0, 0.1], [-0.5, 1.0]
OPTIONS = IgnoredOptions(source="follows", similarity_threshold=0.7, cap_ignored_messages=1000, seed=0)


def post(user, key, hours, text="words"):
    return message(user, key, int(hours * HOUR), text)


def did(user, action, hours, **given):
    return act(user, action, int(hours * HOUR), **given)


def ignored(rows, tmp_path, *, options=OPTIONS, clusters=PERSONA, vectors=None):
    """Return (user, text of the ignored post, time in hours) of each line of "ignore"."""
    vectors = {row["uri"]: NEAR for row in rows if row.get("english")} | (vectors or {})
    found = lines_of(build(inputs(rows, clusters, vectors=vectors), tmp_path, ignored=options))
    lines = [line for lines in found.values() for line in lines if not is_conversation(line)]
    return [
        (line[1]["user_id"], line[0]["text"], line[1]["unix_epoch"] / HOUR)
        for line in lines
        if act_of(line) == "ignore"
    ]


FOLLOW = did("ann", "follow", 1, key="f", toward="star")
ACTION = did("ann", "like", 5, on="at://gone/app.bsky.feed.post/1")


def test_a_post_by_a_followed_account_before_an_action_was_ignored(tmp_path):
    rows = [FOLLOW, post("star", "1", 2, "seen"), ACTION, post("star", "2", 6, "too late")]

    assert ignored(rows, tmp_path) == [("ann", "seen", 5)]


def test_a_line_has_the_ignored_post_and_the_time_of_the_users_next_action(tmp_path):
    rows = [FOLLOW, post("star", "1", 2, "seen"), ACTION]
    made = build(inputs(rows, PERSONA, vectors={uri_of("star", "1"): NEAR}), tmp_path, ignored=OPTIONS)

    (line,) = [line for line in lines_of(made)[0] if act_of(line) == "ignore"]

    assert line[0] == {"user_id": "star", "text": "seen", "unix_epoch": 2 * HOUR}
    assert list(line[1]) == ["user_id", "actions", "unix_epoch"]
    assert made.n_ignored == 1


@pytest.mark.parametrize("action", ["like", "repost"])
def test_a_post_that_a_followed_account_likes_or_reposts_is_shown_at_that_time(tmp_path, action):
    rows = [FOLLOW, post("other", "1", -50, "old"), did("star", action, 3, on=uri_of("other", "1")), ACTION]
    rows += [did("bob", "like", 4, key="l", on=uri_of("other", "1"))]

    assert ignored(rows, tmp_path) == [("ann", "old", 5)]


def test_a_post_shown_more_than_a_day_before_an_action_was_not_ignored(tmp_path):
    rows = [FOLLOW, post("star", "1", 2), did("ann", "like", 27, on="at://gone/app.bsky.feed.post/1")]

    assert ignored(rows, tmp_path) == []


def test_account_status_is_no_action_of_the_user(tmp_path):
    assert ignored([FOLLOW, post("star", "1", 2), did("ann", "account_status", 3)], tmp_path) == []


@pytest.mark.parametrize(
    "touch",
    [
        did("ann", "like", 9, key="l", on=uri_of("star", "1")),
        did("ann", "repost", 9, key="l", on=uri_of("star", "1")),
        message("ann", "r", 9 * HOUR, "an answer", answers=uri_of("star", "1")),
        message("ann", "q", 9 * HOUR, "a quote", quotes=uri_of("star", "1")),
    ],
)
def test_a_post_that_the_user_acts_on_at_any_time_was_not_ignored(tmp_path, touch):
    rows = [FOLLOW, post("star", "1", 2), ACTION, touch]

    assert [found for found in ignored(rows, tmp_path) if found[0] == "ann"] == []


def test_own_posts_are_not_ignored(tmp_path):
    rows = [FOLLOW, post("ann", "1", 2, "mine"), did("star", "repost", 3, on=uri_of("ann", "1")), ACTION]

    assert ignored(rows, tmp_path) == []


def test_posts_after_an_unfollow_are_not_ignored(tmp_path):
    rows = [FOLLOW, did("ann", "unfollow", 3, key="f"), post("star", "1", 4), ACTION]

    assert ignored(rows, tmp_path) == []


@pytest.mark.parametrize(("threshold", "expected"), [(-1, {"near", "far"}), (0.7, {"near"}), (0.9999, set())])
def test_only_posts_similar_to_what_the_cluster_engages_with_are_ignored(tmp_path, threshold, expected):
    rows = [FOLLOW, post("star", "1", 2, "near"), post("star", "2", 3, "far"), ACTION]
    rows += [post("other", "1", 0, "engaging"), did("bob", "like", 1, key="x", on=uri_of("other", "1"))]
    vectors = {uri_of("star", "2"): FAR}
    options = OPTIONS._replace(similarity_threshold=threshold)

    assert {text for _, text, _ in ignored(rows, tmp_path, vectors=vectors, options=options)} == expected


def test_the_maximum_keeps_the_most_similar_posts_of_each_user(tmp_path):
    rows = [
        FOLLOW,
        did("bob", "follow", 1, key="f", toward="star"),
        ACTION,
        did("bob", "profile_update", 5, key="self"),
    ]
    rows += [post("star", str(n), 2 + n / 10, str(n)) for n in range(20)]
    vectors = {uri_of("star", str(n)): [1.0, n / 20] for n in range(20)}

    found = ignored(rows, tmp_path, vectors=vectors, options=OPTIONS._replace(cap_ignored_messages=3))

    assert [user for user, _, _ in found] == ["ann"] * 3 + ["bob"] * 3
    assert {text for user, text, _ in found if user == "ann"} == {text for user, text, _ in found if user == "bob"}


def test_users_of_a_small_cluster_ignore_nothing(tmp_path):
    rows = [FOLLOW, post("star", "1", 2), ACTION]

    assert ignored(rows, tmp_path, clusters={"ann": 0, "bob": 0, "cyd": 0, "dan": 0}) == []


def test_nothing_is_ignored_without_options(tmp_path):
    rows = [FOLLOW, post("star", "1", 2), ACTION]

    assert ignored(rows, tmp_path, options=None) == []


def test_posts_without_a_vector_are_left_out(tmp_path):
    rows = [FOLLOW, post("star", "1", 2), ACTION]
    made = build(inputs(rows, PERSONA, vectors={"at://nobody/app.bsky.feed.post/0": NEAR}), tmp_path, ignored=OPTIONS)

    assert made.n_ignored == 0


def test_ignored_messages_do_not_depend_on_the_order_of_rows(tmp_path):
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
    assert sum(bytes(lines).count(b'"ignore":true') for _, lines, _ in once) == 5 * 7


def evidence_of(made):
    return pq.read_table(made.ignored_evidence, schema=IGNORED_EVIDENCE).to_pylist()


@pytest.mark.parametrize(
    ("shows", "rule", "hours"),
    [
        (post("star", "1", 2), "followed author", 2),
        (did("star", "like", 3, key="l", on=uri_of("other", "1")), "followed liker", 3),
        (did("star", "repost", 4, key="l", on=uri_of("other", "1")), "followed reposter", 4),
    ],
)
def test_the_evidence_has_who_showed_the_post_when_and_the_next_action(tmp_path, shows, rule, hours):
    rows = [FOLLOW, post("other", "1", 0), shows, ACTION]
    rows += [
        post("other", "2", 0),
        did("bob", "like", 1, key="x", on=uri_of("other", "2")),
    ]  # what the cluster engages with
    vectors = {row["uri"]: NEAR for row in rows if row.get("english")}

    (row,) = evidence_of(build(inputs(rows, PERSONA, vectors=vectors), tmp_path, ignored=OPTIONS))

    assert (row["user_id"], row["cluster_id"], row["rule"], row["shown_by"]) == ("ann", 0, rule, "star")
    assert row["uri"] == (shows["uri"] if rule == "followed author" else uri_of("other", "1"))
    assert (row["shown_time_us"], row["event_time_us"]) == (hours * HOUR, 5 * HOUR)
    assert row["similarity"] == pytest.approx(1, abs=1e-3)
    # 1, and half of one follower in the cluster; the cluster acted on neither.
    assert row["weight"] == (1.5 if rule == "followed author" else 1)


def test_the_weight_of_a_post_counts_who_acted_on_it_and_who_follows_its_author(tmp_path):
    rows = [did(user, "follow", 1, key="f", toward="star") for user in ("ann", "bob", "cyd")]
    rows += [post("star", "1", 2), ACTION, did("bob", "like", 3, key="l", on=uri_of("star", "1"))]

    made = build(inputs(rows, PERSONA, vectors={uri_of("star", "1"): NEAR}), tmp_path, ignored=OPTIONS)

    assert [(row["user_id"], row["weight"]) for row in evidence_of(made)] == [("ann", 1 + 2 + 1.5)]


def test_there_is_no_evidence_without_options_and_an_empty_table_if_nothing_was_ignored(tmp_path):
    given_inputs = inputs([post("star", "1", 2)], PERSONA)

    assert build(given_inputs, tmp_path).ignored_evidence is None
    assert evidence_of(build(given_inputs, tmp_path, ignored=OPTIONS)) == []


def test_ignored_messages_are_in_the_accounting(tmp_path):
    rows = [FOLLOW, post("star", "1", 2), ACTION]

    made = build(inputs(rows, PERSONA, vectors={uri_of("star", "1"): NEAR}), tmp_path, ignored=OPTIONS)

    assert accounted(made)[0, "ignore", "written"] == made.n_ignored == 1


AUTHORS = [*PERSONA, "star", "other"]
posts_at = st.builds(post, st.sampled_from(AUTHORS), st.sampled_from("123456"), st.integers(0, 40))
touches = st.builds(
    did,
    st.sampled_from(AUTHORS),
    st.sampled_from(["like", "repost"]),
    st.integers(0, 60),
    key=st.sampled_from("abc"),
    on=st.builds(uri_of, st.sampled_from(AUTHORS), st.sampled_from("123456")),
)
follows = st.builds(
    did, st.sampled_from([*PERSONA]), st.just("follow"), st.integers(0, 20), key=st.just("f"), toward=st.just("star")
)


@pytest.mark.parametrize("candidates", ["follows", "cluster"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(posts_at | touches | follows, min_size=5, max_size=40),
    threshold=st.sampled_from([-1, 0.5]),
    cap=st.integers(0, 3),
)
def test_every_ignored_message_satisfies_the_conditions(tmp_path, candidates, rows, threshold, cap):
    vectors = {row["uri"]: [1, len(row["uri"]) % 3, int(row["uri"][-1]) - 3] for row in rows if row.get("english")}
    given_inputs = inputs(rows, PERSONA, vectors=vectors | {uri_of("nobody", "0"): [1, 0, 0]})
    options = IgnoredOptions(candidates, similarity_threshold=threshold, cap_ignored_messages=cap, seed=0)

    made = build(given_inputs, tmp_path, ignored=options)
    found = evidence_of(made)
    lines = [line for line in lines_of(made).get(0, []) if not is_conversation(line) and act_of(line) == "ignore"]

    acted_on = {(row["user_id"], row["target_uri"]) for row in rows if row["target_uri"]}
    acts = {(row["user_id"], row["event_time_us"]) for row in rows}
    assert [(line[1]["user_id"], line[1]["unix_epoch"]) for line in lines] == [
        (row["user_id"], row["event_time_us"]) for row in found
    ]
    for row in found:
        assert row["uri"].split("/")[2] != row["user_id"]
        assert (row["user_id"], row["uri"]) not in acted_on
        assert (row["user_id"], row["event_time_us"]) in acts
        assert row["shown_time_us"] < row["event_time_us"] <= row["shown_time_us"] + DAY
        assert row["similarity"] > threshold
    assert len({(row["user_id"], row["uri"]) for row in found}) == len(found)
    assert all(sum(row["user_id"] == user for row in found) <= cap for user in PERSONA)
    assert (
        made.ignored_evidence.read_bytes()
        == build(given_inputs, tmp_path, ignored=options).ignored_evidence.read_bytes()
    )


DRAWS = OPTIONS._replace(source="cluster")


def test_by_draw_each_similar_post_is_ignored_by_one_active_user(tmp_path):
    rows = [post("other", str(n), n / 100, str(n)) for n in range(40)] + [post("ann", "mine", 0, "mine")]
    rows += [did(user, "like", 1, on=uri_of("ann", "mine")) for user in ("bob", "cyd")]  # what the cluster likes
    rows += [did("ann", "profile_update", 2, key="self"), did("dan", "profile_update", 30, key="self")]  # too late

    found = ignored(rows, tmp_path, options=DRAWS)

    texts = [text for _, text, _ in found]
    assert len(texts) == len(set(texts)) > 10
    assert "mine" not in texts
    assert {(user, hour) for user, _, hour in found} == {("ann", 2), ("bob", 1), ("cyd", 1)}


def test_a_post_that_a_user_of_the_cluster_acted_on_is_not_drawn(tmp_path):
    rows = [post("other", str(n), 0, str(n)) for n in range(20)]
    rows += [did("ann", "like", 1, key=str(n), on=uri_of("other", str(n))) for n in range(20)]
    rows += [did(user, "profile_update", 2, key="self") for user in PERSONA]

    assert ignored(rows, tmp_path, options=DRAWS) == []


def test_the_evidence_of_a_draw_has_no_account_that_showed_the_post(tmp_path):
    rows = [post("other", str(n), 0) for n in range(20)] + [
        post("ann", "x", 1),
        did("bob", "like", 2, on=uri_of("ann", "x")),
    ]
    rows += [did(user, "profile_update", 2, key="self") for user in PERSONA]
    vectors = {row["uri"]: NEAR for row in rows if row.get("english")}

    found = evidence_of(build(inputs(rows, PERSONA, vectors=vectors), tmp_path, ignored=DRAWS))

    assert {(row["rule"], row["shown_by"], row["shown_time_us"]) for row in found} == {("drawn in cluster", None, 0)}
    assert len(PERSONA) == MIN_CLUSTER_USERS

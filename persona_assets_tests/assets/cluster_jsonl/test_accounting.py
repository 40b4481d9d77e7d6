from persona_assets import tables
from persona_assets.assets.cluster_jsonl.accounting import sum_outcomes_over_clusters
from persona_assets_tests.assets.cluster_jsonl.builders import accounted, act, build, inputs, lines_of, message, uri_of
from persona_assets_tests.hash_twins import twin_keys

CLUSTERS = {"ann": 0, "bob": 0, "cyd": 1}
GONE = "at://gone/app.bsky.feed.post/1"


def build_with_dan(rows, tmp_path):
    """Build the lines of a window in which dan is in `english_users`, but in no cluster."""
    return build(inputs(rows, CLUSTERS, kept=[*CLUSTERS, "dan"]), tmp_path)


def test_users_in_no_cluster_are_distinguished_from_users_not_kept(tmp_path):
    rows = [message("dan", "1", 1), message("eve", "1", 1), act("eve", "like", 2, on=uri_of("dan", "1"))]

    made = build_with_dan(rows, tmp_path)

    assert accounted(made) == {
        (None, "post", "user in no cluster"): 1,
        (None, "post", "user not kept"): 1,
        (None, "like", "user not kept"): 1,
    }
    assert lines_of(made) == {}
    assert made.user_clusters == CLUSTERS


def test_the_accounting_has_its_schema_and_is_sorted(tmp_path):
    rows = [message(user, "1", 1) for user in ("eve", "cyd", "ann")] + [act("ann", "like", 2, on=GONE)]

    made = build_with_dan(rows, tmp_path)

    assert made.accounting.schema.equals(tables.ACTION_ACCOUNTING)
    assert list(accounted(made)) == [
        (0, "like", "target outside the window"),
        (0, "post", "written"),
        (1, "post", "written"),
        (None, "post", "user not kept"),
    ]


def test_outcomes_are_totalled_over_clusters(tmp_path):
    rows = [message("cyd", "1", 1), message("ann", "1", 1), act("bob", "like", 2, on=GONE)]

    assert sum_outcomes_over_clusters(build_with_dan(rows, tmp_path).accounting) == {
        ("post", "written"): 2,
        ("like", "target outside the window"): 1,
    }


def test_messages_cut_from_a_long_thread_are_not_counted_as_written(tmp_path):
    """The first two messages of ann are above the maximum of two messages; cyd's line is of another cluster."""
    rows = [message("ann", "0", 0)]
    rows += [message("ann", str(n), n, answers=uri_of("ann", str(n - 1))) for n in (1, 2)]
    rows += [message("bob", "3", 3, answers=uri_of("ann", "2")), message("cyd", "c", 4, answers=uri_of("ann", "0"))]

    made = build(inputs(rows, CLUSTERS), tmp_path, max_thread_messages=2)

    assert accounted(made) == {
        (0, "post", "cut from a long thread"): 1,
        (0, "reply", "cut from a long thread"): 1,
        (0, "reply", "written"): 2,
        (1, "reply", "written"): 1,
    }


def test_a_quote_that_is_cut_from_a_long_thread_is_written_as_an_action(tmp_path):
    rows = [message("other", "p", 1), message("ann", "0", 2, quotes=uri_of("other", "p"))]
    rows += [message("ann", str(n), 2 + n, answers=uri_of("ann", str(n - 1))) for n in (1, 2)]

    made = build(inputs(rows, CLUSTERS), tmp_path, max_thread_messages=2)

    assert accounted(made) == {
        (0, "quote", "written"): 1,
        (0, "reply", "written"): 2,
        (None, "post", "user not kept"): 1,
    }
    assert [line[-1].get("actions", {}).get("quote") for line in lines_of(made)[0]] == [True, None]


def test_an_action_is_not_counted_for_a_member_with_the_same_hash(tmp_path):
    user, stranger = twin_keys()
    rows = [message(stranger, "1", 1)] + [act(stranger, action, 2) for action in ("like", "follow", "profile_update")]

    counted = accounted(build(inputs(rows, {user: 0}), tmp_path))

    assert counted == {(None, row["action"], "user not kept"): 1 for row in rows}


HOUR = 3_600_000_000
ROWS = [
    message("ann", "1", 2 * HOUR),
    message("ann", "2", 26 * HOUR),
    message("bob", "3", 5 * HOUR, answers=uri_of("ann", "1")),
    act("bob", "like", 5 * HOUR + 1, on=uri_of("ann", "1")),
    act("bob", "account_status", 6 * HOUR),
    act("nobody", "like", 7 * HOUR, on=uri_of("ann", "1")),
]


def count_activity(rows, clusters, tmp_path):
    made = build(inputs(rows, clusters), tmp_path)
    hours = {
        (row["cluster_id"], row["action"], row["hour"]): row["actions"] for row in made.actions_by_hour.to_pylist()
    }
    medians = {(row["cluster_id"], row["action"]): row["median"] for row in made.actions_per_user.to_pylist()}
    return hours, medians


def test_actions_are_counted_by_the_hour_of_the_day(tmp_path):
    hours, _ = count_activity(ROWS, {"ann": 0, "bob": 1}, tmp_path)

    assert hours == {(0, "post", 2): 2, (1, "reply", 5): 1, (1, "like", 5): 1}


def test_the_median_includes_users_who_did_nothing(tmp_path):
    _, medians = count_activity(ROWS, {"ann": 0, "bob": 0, "cyd": 0}, tmp_path)

    assert medians == {(0, "post"): 0, (0, "reply"): 0, (0, "like"): 0, (0, "total"): 2}


def test_an_event_in_the_files_of_two_days_counts_once(tmp_path):
    hours, medians = count_activity([*ROWS, *ROWS], {"ann": 0, "bob": 1}, tmp_path)

    assert (hours[0, "post", 2], hours[1, "like", 5]) == (2, 1)
    assert (medians[0, "total"], medians[1, "total"]) == (2, 2)


def test_a_quote_counts_as_one_action(tmp_path):
    hours, medians = count_activity([message("ann", "1", 1, quotes=uri_of("bob", "2"))], {"ann": 0}, tmp_path)

    assert hours == {(0, "quote", 0): 1}
    assert medians == {(0, "quote"): 1, (0, "total"): 1}

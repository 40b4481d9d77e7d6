from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, message, uri_of

HOUR = 3_600_000_000
ROWS = [
    message("ann", "1", 2 * HOUR),
    message("ann", "2", 26 * HOUR),
    message("bob", "3", 5 * HOUR, answers=uri_of("ann", "1")),
    act("bob", "like", 5 * HOUR + 1, on=uri_of("ann", "1")),
    act("bob", "account_status", 6 * HOUR),
    act("nobody", "like", 7 * HOUR, on=uri_of("ann", "1")),
]


def activity(rows, clusters, tmp_path):
    made = build(inputs(rows, clusters), tmp_path)
    hours = {(row["cluster_id"], row["action"], row["hour"]): row["actions"] for row in made.by_hour.to_pylist()}
    medians = {(row["cluster_id"], row["action"]): row["median"] for row in made.per_user.to_pylist()}
    return hours, medians


def test_actions_are_counted_by_the_hour_of_the_day(tmp_path):
    hours, _ = activity(ROWS, {"ann": 0, "bob": 1}, tmp_path)

    assert hours == {(0, "post", 2): 2, (1, "reply", 5): 1, (1, "like", 5): 1}


def test_a_median_is_over_all_users_of_a_cluster(tmp_path):
    _, medians = activity(ROWS, {"ann": 0, "bob": 0, "cyd": 0}, tmp_path)

    assert medians == {(0, "post"): 0, (0, "reply"): 0, (0, "like"): 0, (0, "total"): 2}


def test_what_two_days_files_hold_is_one_action(tmp_path):
    hours, medians = activity([*ROWS, *ROWS], {"ann": 0, "bob": 1}, tmp_path)

    assert (hours[0, "post", 2], hours[1, "like", 5]) == (2, 1)
    assert (medians[0, "total"], medians[1, "total"]) == (2, 2)


def test_a_quote_is_one_action(tmp_path):
    hours, medians = activity([message("ann", "1", 1, quotes=uri_of("bob", "2"))], {"ann": 0}, tmp_path)

    assert hours == {(0, "quote", 0): 1}
    assert medians == {(0, "quote"): 1, (0, "total"): 1}

"""Compare the results for a capture day with the output of the reference pipeline for the same day.

General properties are asserted for a generated day, and for the day of the reference's output. Users and action lines
of the reference that this project does not have fall into named groups. Each group is a defect of the reference, and
its exact content is asserted. `test_golden_day.py` has a day with each row and line written by hand.
"""

import gzip
import json
import tarfile
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import pytest

from persona_assets import tables
from persona_assets.sample.write import write_capture
from persona_assets_tests.processed_day import DAY, is_conversation, process_day

REFERENCE = "the reference's golden day and its output (BluePrint)"


class Day(NamedTuple):
    """Results of the assets for a day, and the language of each planted user."""

    actions: list[dict]  # user_actions
    english: set[str]  # URIs of english_posts
    users: set[str]  # english_users
    lines: list[list[dict]]  # lines of one cluster with all kept users
    accounting: list[dict]
    languages: dict[str, str]  # of each user, as planted

    def messages(self):
        return [row for row in self.actions if row["action"] in tables.MESSAGES]

    def message_at(self):
        """Messages by author and time, which identify them in a line."""
        return {(row["user_id"], row["event_time_us"]): row for row in self.messages()}


def see_day(capture, new_folder, languages):
    found = process_day(capture, new_folder)
    return Day(
        found.user_actions,
        {row["uri"] for row in found.english_posts},
        {row["user_id"] for row in found.english_users},
        found.lines,
        found.accounting,
        languages,
    )


@pytest.fixture(scope="module")
def golden(third_party_data):
    """The folder with capture and output of the reference."""
    return third_party_data("golden", REFERENCE)


@pytest.fixture(scope="module")
def generated_day(tmp_path_factory):
    capture = tmp_path_factory.mktemp("generated") / "capture"
    write_capture(capture, days=1, start_date=DAY, users=1500, personas=8, seed=11)
    languages = {row["user_id"]: row["language"] for row in read_truth(capture)}
    return see_day(capture, tmp_path_factory.mktemp, languages)


@pytest.fixture(scope="module")
def reference_day(golden, tmp_path_factory):
    capture = tmp_path_factory.mktemp("capture")
    with tarfile.open(golden / "g20k_input.tar.gz") as tar:
        tar.extractall(capture, filter="data")
    (root,) = (folder for folder in (capture / "input").iterdir() if folder.is_dir())
    return see_day(root, tmp_path_factory.mktemp, {row["did"]: row["lang"] for row in read_truth(root)})


@pytest.fixture(params=["generated_day", pytest.param("reference_day", marks=pytest.mark.shared_data)])
def day(request):
    return request.getfixturevalue(request.param)


def read_truth(root):
    (file,) = root.parent.glob("*.truth.jsonl")
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def reference(golden):
    """The reference's lines."""
    with gzip.open(golden / "g20k_reference_k1.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def reference_users(golden):
    return set(json.loads((golden / "g20k_reference_kept_users.json").read_text(encoding="utf-8")))


def as_key(line):
    return json.dumps(line, sort_keys=True)


def has_words(row):
    return bool((row["text"] or "").strip())


# --- who is kept


@pytest.mark.shared_data
def test_the_users_of_the_reference_are_kept_less_those_of_three_defects(reference_day, reference_users):
    assert len(reference_users) == 304
    written = {}
    for row in reference_day.messages():
        written.setdefault(row["user_id"], []).append(row)

    def reason(user):
        if len(written[user]) < 2:
            return "one post, delivered twice, counted as two"
        if reference_day.languages[user] != "en":
            return "posts in another language counted as English, because they are tagged so"
        if sum(has_words(row) for row in written[user]) < 2:
            return "blank posts counted as English"
        return "none"

    assert Counter(reason(user) for user in reference_users - reference_day.users) == {
        "one post, delivered twice, counted as two": 1,
        "posts in another language counted as English, because they are tagged so": 17,
        "blank posts counted as English": 10,
    }


@pytest.mark.shared_data
def test_users_that_only_this_project_keeps_have_quotes_or_other_tags_than_en(reference_day, reference_users):
    written = {}
    for row in reference_day.messages():
        if row["uri"] in reference_day.english:
            written.setdefault(row["user_id"], []).append(row)

    only_ours = reference_day.users - reference_users
    for user in only_ours:
        as_reference = [row for row in written[user] if row["langs"] == ["en"] and row["action"] != "quote"]
        assert len(as_reference) < 2 <= len(written[user])
    # Their number depends on the detector; they were planted as writers of English.
    assert len(only_ours) > 100
    assert sum(reference_day.languages[user] == "en" for user in only_ours) > 0.98 * len(only_ours)


# --- what they did


@pytest.mark.shared_data
def test_action_lines_of_the_reference_are_among_ours_less_those_of_four_defects(reference_day, reference):
    rows = Counter(as_key(line) for line in reference if not is_conversation(line))
    ours = {as_key(line) for line in reference_day.lines}
    assert (rows.total(), len(rows)) == (1320, 1315)  # five likes that were delivered twice are written twice

    reasons = Counter(why_not_ours(reference_day, json.loads(row)) for row in rows if row not in ours)

    assert sum(row in ours for row in rows) + reasons.total() == 1315
    assert reasons == {
        "by a user that is kept by a defect of the filter": 89,
        "on a blank post, which is no English post": 56,
        "on a post in another language that is tagged en": 8,
        "follows and blocks: the account's latest English post is another": 17,
    }


def why_not_ours(day, line):
    content, act = line
    target = day.message_at()[content["user_id"], content["unix_epoch"]]
    (action,) = [name for name, is_set in act["actions"].items() if is_set]
    if act["user_id"] not in day.users:
        return "by a user that is kept by a defect of the filter"
    if action in {"follow", "unfollow", "block", "unblock"}:
        assert stands_for_another_post(day, target, act)
        return "follows and blocks: the account's latest English post is another"
    if not has_words(target):
        return "on a blank post, which is no English post"
    assert target["uri"] not in day.english
    assert target["langs"] == ["en"]
    assert day.languages[target["user_id"]] != "en"
    return "on a post in another language that is tagged en"


def stands_for_another_post(day, target, act):
    """Whether the reference's latest post is not English, or not the latest English one because it ignores quotes."""
    later = [
        row
        for row in day.messages()
        if row["user_id"] == target["user_id"]
        and target["event_time_us"] < row["event_time_us"] <= act["unix_epoch"]
        and row["uri"] in day.english
    ]
    return target["uri"] not in day.english or any(row["action"] == "quote" for row in later)


def test_most_likes_of_english_posts_in_the_capture_are_written(day):
    likes = [row for row in day.actions if row["action"] == "like" and row["user_id"] in day.users]
    english = [row for row in likes if row["target_uri"] in day.english]
    written = sum(row["actions"] for row in day.accounting if (row["action"], row["outcome"]) == ("like", "written"))

    assert written == len(english)
    assert written > 1500  # the reference writes 937 for its day and its users


def test_every_action_of_the_day_is_accounted_for(day):
    assert sum(row["actions"] for row in day.accounting) == len(day.actions)
    of_clusters = Counter(row["action"] for row in day.actions if row["user_id"] in day.users)
    counted = Counter()
    for row in day.accounting:
        if row["cluster_id"] is not None:
            counted[row["action"]] += row["actions"]
    assert counted == of_clusters


# --- what they wrote


def test_every_message_of_a_kept_user_is_in_a_line(day):
    said = {(m["user_id"], m["unix_epoch"]) for line in day.lines if is_conversation(line) for m in line}
    wanted = {(row["user_id"], row["event_time_us"]) for row in day.messages() if row["user_id"] in day.users}

    assert len(wanted) > 1095  # messages of users that the reference keeps; it loses 21 of them
    assert wanted <= said


def test_every_message_follows_the_one_that_it_answers_at_its_true_time(day):
    at = day.message_at()
    follow = 0
    for line in filter(is_conversation, day.lines):
        rows = [at[message["user_id"], message["unix_epoch"]] for message in line]
        assert [message.get("text", "") for message in line] == [row["text"] or "" for row in rows]
        for before, after in pairwise(rows):
            assert after["parent_uri"] == before["uri"]
            follow += 1
    assert follow > 200


def test_a_line_starts_where_its_thread_starts_for_us(day):
    at, known = day.message_at(), {row["uri"] for row in day.messages()}
    for line in filter(is_conversation, day.lines):
        first = at[line[0]["user_id"], line[0]["unix_epoch"]]
        assert len(line) == 64 or first["parent_uri"] not in known


@pytest.mark.shared_data
def test_every_message_of_the_references_conversations_by_a_kept_user_is_in_ours(reference_day, reference):
    ours = {(m["user_id"], m.get("text")) for line in reference_day.lines if is_conversation(line) for m in line}
    theirs = {(m["user_id"], m.get("text")) for line in reference if is_conversation(line) for m in line}

    assert {message for message in theirs if message[0] in reference_day.users} <= ours


def test_no_time_is_zero(day):
    assert all(message["unix_epoch"] > 0 for line in day.lines for message in line)


@pytest.mark.shared_data
def test_the_reference_has_times_of_zero(reference):
    zero = sum(m["unix_epoch"] == 0 for line in reference if is_conversation(line) for m in line)

    assert zero == 242  # a defect of the reference: only the first message of a chain has its time

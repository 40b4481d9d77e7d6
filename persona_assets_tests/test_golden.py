"""A generated day of 20,000 events, and what the reference pipeline makes of it: where we differ, and why.

The day runs through the functions of all assets up to the lines, with one cluster of all kept users: no model is
needed. Users and action lines of the reference that are not among ours fall into named groups; each group is a
defect of the reference's, and each is asserted in full.
"""

import datetime as dt
import gzip
import json
import tarfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import Inputs
from persona_assets.assets.english_posts.detect import build_language_decider
from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden"
MEMORY = "1GB"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs ../shared/data/golden"),
]


class Day(NamedTuple):
    """The golden day as our assets see it."""

    actions: list[dict]  # user_actions
    english: set[str]  # URIs of english_posts
    users: set[str]  # english_users
    lines: list[list[dict]]  # of one cluster of all kept users
    accounting: list[dict]
    languages: dict[str, str]  # of each user, as planted

    def messages(self):
        return [row for row in self.actions if row["action"] in tables.MESSAGES]

    def message_at(self):
        """Messages by author and time, which is how a line names them."""
        return {(row["user_id"], row["event_time_us"]): row for row in self.messages()}


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    new_folder = tmp_path_factory.mktemp
    with tarfile.open(GOLDEN / "g20k_input.tar.gz") as tar:
        capture = new_folder("capture")
        tar.extractall(capture, filter="data")
    (root,) = (folder for folder in (capture / "input").iterdir() if folder.is_dir())
    date = dt.date(2025, 3, 1)
    files = find_files(UPath(root), date, pattern=None)
    parsed = parse_files(files, day=date, workers=1, scratch=new_folder("raw"), on_progress=lambda _: None)
    raw_events = pads.dataset(parsed.raw_events)
    extract = extract_distinct_actions(raw_events, memory_limit=MEMORY, scratch=new_folder("actions"))
    user_actions = pads.dataset(extract.user_actions)
    filtered = filter_posts(
        user_actions,
        build_language_decider("en"),
        scratch=new_folder("english"),
        memory_limit=MEMORY,
        on_progress=lambda _: None,
    )
    posts = pads.dataset(filtered.posts)
    selected = select_english_users(
        posts, user_actions, min_english_posts=2, memory_limit=MEMORY, scratch=new_folder("users")
    )
    users = selected.users["user_id"].to_pylist()
    made = build_lines(
        Inputs(one_cluster(users), pads.dataset(selected.users), user_actions, posts, embeddings=None),
        ignored=None,
        max_thread_messages=64,
        line_format="arrays",
        memory_limit=MEMORY,
        scratch=new_folder("lines"),
    )
    return Day(
        user_actions.to_table().to_pylist(),
        set(posts.to_table(columns=["uri"])["uri"].to_pylist()),
        set(users),
        [json.loads(line) for _, lines, _ in made.lines for line in bytes(lines).splitlines()],
        made.accounting.to_pylist(),
        {row["did"]: row["lang"] for row in read_truth(root)},
    )


def read_truth(root):
    (file,) = root.parent.glob("*.truth.jsonl")
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def reference():
    """The reference's lines."""
    with gzip.open(GOLDEN / "g20k_reference_k1.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def reference_users():
    return set(json.loads((GOLDEN / "g20k_reference_kept_users.json").read_text(encoding="utf-8")))


def one_cluster(users):
    columns = [users, pa.array([0] * len(users), pa.int32()), pa.array([1.0] * len(users), pa.float32())]
    return pads.dataset(pa.table(columns, schema=tables.CLUSTERS))


def as_key(line):
    return json.dumps(line, sort_keys=True)


def is_conversation(line):
    return not any("actions" in message for message in line)


def has_words(row):
    return bool((row["text"] or "").strip())


# --- who is kept


def test_the_users_of_the_reference_are_kept_less_those_of_three_defects(day, reference_users):
    assert len(reference_users) == 304
    written = {}
    for row in day.messages():
        written.setdefault(row["user_id"], []).append(row)

    def reason(user):
        if len(written[user]) < 2:
            return "one post, delivered twice, counted as two"
        if day.languages[user] != "en":
            return "posts in another language counted as English, because they are tagged so"
        if sum(has_words(row) for row in written[user]) < 2:
            return "blank posts counted as English"
        return "none"

    assert Counter(reason(user) for user in reference_users - day.users) == {
        "one post, delivered twice, counted as two": 1,
        "posts in another language counted as English, because they are tagged so": 17,
        "blank posts counted as English": 10,
    }


def test_users_that_only_we_keep_have_quotes_or_other_tags_than_en(day, reference_users):
    written = {}
    for row in day.messages():
        if row["uri"] in day.english:
            written.setdefault(row["user_id"], []).append(row)

    only_ours = day.users - reference_users
    for user in only_ours:
        as_reference = [row for row in written[user] if row["langs"] == ["en"] and row["action"] != "quote"]
        assert len(as_reference) < 2 <= len(written[user])
    # How many they are is the detector's to say; that they write English was planted.
    assert len(only_ours) > 100
    assert sum(day.languages[user] == "en" for user in only_ours) > 0.98 * len(only_ours)


# --- what they did


def test_action_lines_of_the_reference_are_among_ours_less_those_of_four_defects(day, reference):
    rows = Counter(as_key(line) for line in reference if not is_conversation(line))
    ours = {as_key(line) for line in day.lines}
    assert (rows.total(), len(rows)) == (1320, 1315)  # five likes that were delivered twice are written twice

    reasons = Counter(why_not_ours(day, json.loads(row)) for row in rows if row not in ours)

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
    """Whether the reference's latest post is not English, or not the latest English one: quotes it cannot see."""
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
    assert written > 1500  # the reference writes 937 for its own users


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

    assert len(wanted) > 1095  # those of the reference's kept users, which loses 21 of them
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


def test_every_message_of_the_references_conversations_by_a_kept_user_is_in_ours(day, reference):
    ours = {(m["user_id"], m.get("text")) for line in day.lines if is_conversation(line) for m in line}
    theirs = {(m["user_id"], m.get("text")) for line in reference if is_conversation(line) for m in line}

    assert {message for message in theirs if message[0] in day.users} <= ours


def test_no_time_is_zero(day, reference):
    zero = sum(m["unix_epoch"] == 0 for line in reference if is_conversation(line) for m in line)

    assert zero == 242  # the defect: only the head of a chain has its time
    assert all(message["unix_epoch"] > 0 for line in day.lines for message in line)

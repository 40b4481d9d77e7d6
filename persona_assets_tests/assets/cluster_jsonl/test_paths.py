"""The conversations of a large window are those of a recursive oracle.

40,000 messages are about what 200,000 events contain. There are no other actions, because only messages make paths.
"""

import random
import sys

import pytest

from persona_assets_tests.assets.cluster_jsonl.builders import build, inputs, is_conversation, lines_of, message, uri_of

MESSAGES = 40_000
USERS = [f"user{number:05d}" for number in range(3_000)]


@pytest.fixture(scope="module")
def planted():
    """Return messages in threads of all shapes: wide, 500 deep, with missing parents, cycles, replies to themselves."""
    rng = random.Random(7)  # noqa: S311 - a seed, not a secret
    rows, hot = [], []
    for number in range(MESSAGES):
        user = rng.choice(USERS[:40]) if rng.random() < 0.2 else rng.choice(USERS)
        answers = None
        if rows and rng.random() < 0.6:
            answers = rng.choice(hot if hot and rng.random() < 0.3 else rows[-2_000:])["uri"]
        elif rng.random() < 0.1:
            answers = uri_of("gone", str(number))
        rows.append(message(user, str(number), 1_000 + number, f"text {number}", answers=answers))
        if rng.random() < 0.001:
            hot.append(rows[-1])
    for chain in range(4):
        above = None
        for step in range(500):
            bot = USERS[chain * 2 + step % 2]
            rows.append(
                message(bot, f"c{chain}-{step}", 10**6 + chain * 1_000 + step, f"{chain} {step}", answers=above)
            )
            above = rows[-1]["uri"]
    for number, (one, two) in enumerate(zip(USERS[:20], USERS[20:40], strict=True)):
        rows.append(message(one, f"x{number}", 2 * 10**6 + number, "one", answers=uri_of(two, f"y{number}")))
        rows.append(message(two, f"y{number}", 3 * 10**6 + number, "two", answers=uri_of(one, f"x{number}")))
        rows.append(message(one, f"z{number}", 4 * 10**6 + number, "self", answers=uri_of(one, f"z{number}")))
    rng.shuffle(rows)
    return rows


def oracle(rows, clusters, max_messages):
    """Return (cluster, texts) of each conversation line, found by recursion over each thread."""
    by_uri = {row["uri"]: row for row in rows}
    parents = {uri: row["parent_uri"] for uri, row in by_uri.items() if row["parent_uri"] in by_uri}
    for uri in sorted(parents, key=lambda uri: by_uri[uri]["event_time_us"]):  # cut cycles at their earliest message
        seen, here = {uri}, parents.get(uri)
        while here is not None and here not in seen:
            seen.add(here)
            here = parents.get(here)
        if here == uri:
            del parents[uri]
    answers = {}
    for uri, parent in parents.items():
        answers.setdefault(parent, []).append(uri)
    found = set()

    def walk(uri, path):
        """Return the clusters of the authors of `uri` and of all messages below it."""
        path = [*path, uri]
        below = set()
        for answer in answers.get(uri, []):
            below |= walk(answer, path)
        own = clusters.get(by_uri[uri]["user_id"])
        if own is not None and own not in below:
            found.add((own, tuple(by_uri[each]["text"] for each in path[-max_messages:])))
        return below | {own}

    for uri in by_uri:
        if uri not in parents:
            walk(uri, [])
    return found


@pytest.mark.parametrize("count", [1, 25, 100])
def test_paths_are_those_of_a_recursive_oracle(planted, count, tmp_path):
    clusters = {user: number % count for number, user in enumerate(USERS) if number % 3}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5_000)
    try:
        expected = oracle(planted, clusters, 64)
    finally:
        sys.setrecursionlimit(limit)

    found = [
        (cluster, tuple(each["text"] for each in line))
        for cluster, lines in lines_of(build(inputs(planted, clusters), tmp_path)).items()
        for line in lines
        if is_conversation(line)
    ]

    assert set(found) == expected
    assert len(found) >= len(expected)

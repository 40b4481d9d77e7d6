"""The hand-written day through the functions of all assets: each row and line is as expected."""

import pytest

from persona_assets import tables
from persona_assets_tests import golden_day as golden
from persona_assets_tests.processed_day import DAY, process_day


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    capture = tmp_path_factory.mktemp("golden") / "capture"
    golden.write_capture(capture)
    return process_day(capture, tmp_path_factory.mktemp)


def without_nulls(rows):
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_the_day_has_every_action_and_is_the_same_bytes_each_time(tmp_path):
    assert {row["action"] for row in golden.USER_ACTIONS} == set(tables.ACTIONS)
    for name in ("one", "other"):
        golden.write_capture(tmp_path / name)
    for name in (golden.PLAIN_FILE, golden.GZIP_FILE):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_every_event_is_a_row_of_raw_events(day):
    assert without_nulls(day.raw_events) == [row | {"day": DAY} for row in golden.RAW_EVENTS]


def test_every_bad_line_is_kept_with_its_place_and_reason(day):
    assert day.rejected_lines == [row | {"day": DAY} for row in golden.REJECTED]


def test_every_action_is_a_row_of_user_actions_once(day):
    assert without_nulls(day.user_actions) == golden.USER_ACTIONS
    assert day.duplicates == len(golden.DELIVERED_AGAIN)
    assert day.no_action == golden.NO_ACTION


def test_posts_are_english_by_their_text_and_not_by_their_tag_alone(day):
    found = {}
    for row in day.english_posts:
        found.setdefault(row["language_reason"], set()).add(row["uri"])

    assert found == golden.ENGLISH
    assert day.dropped_posts == golden.NOT_ENGLISH


def test_english_posts_are_as_they_were_written(day):
    written = {row["uri"]: row for row in golden.USER_ACTIONS if row["action"] in tables.MESSAGES}
    columns = ("uri", "user_id", "action", "text", "event_time_us")

    assert [{name: row[name] for name in columns} for row in day.english_posts] == [
        {name: written[uri][name] for name in columns} for uri in sorted(set().union(*golden.ENGLISH.values()))
    ]


def test_users_with_two_english_posts_are_kept(day):
    assert day.english_users == golden.ENGLISH_USERS
    assert day.dropped_users == golden.OTHER_USERS


def test_lines_are_those_that_were_written_by_hand_in_their_order(day):
    assert day.lines == golden.LINES


def test_every_action_is_written_or_counted_with_its_reason(day):
    counted = {(row["cluster_id"], row["action"], row["outcome"]): row["actions"] for row in day.accounting}

    assert counted == golden.ACCOUNTING
    assert sum(golden.ACCOUNTING.values()) == len(golden.USER_ACTIONS)

import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.assets.consent_records.statements import EVENT_COLUMNS, build_statements
from persona_assets.consent.schemas import CONSENT_RECORDS
from persona_assets_tests.assets.consent_records.builders import account, intents, preference, profile


def statements_of(events):
    table = pa.Table.from_pylist(events, schema=tables.RAW_EVENTS)
    return build_statements(table.select(EVENT_COLUMNS))


def test_no_events_give_no_statements():
    found = statements_of([])

    assert found.rows.schema.equals(CONSENT_RECORDS)
    assert (len(found.rows), found.events.total(), found.dropped.total(), found.problems.total()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["!no-unauthenticated"], (True, False)),
        (["bot"], (False, True)),
        (["x", "bot", "!no-unauthenticated", "bot"], (True, True)),
        (["BOT", "no-unauthenticated"], (False, False)),
        ([], (False, False)),
    ],
)
def test_labels_become_two_flags(labels, expected):
    found = statements_of([profile(), profile(*labels), profile("x")])

    rows = found.rows.select(["no_unauthenticated", "bot"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(False, False), expected, (False, False)]


def test_a_batch_may_be_part_of_a_longer_one():
    table = pa.Table.from_pylist([profile("bot"), profile("x"), profile("bot")], schema=tables.RAW_EVENTS)
    batch = table.select(EVENT_COLUMNS).to_batches()[0].slice(1)

    assert build_statements(batch).rows["bot"].to_pylist() == [False, True]


def test_events_are_counted_by_kind():
    events = [account("deleted"), profile(), preference(allow={"training": False, "embedding": False}), intents()]

    found = statements_of(events)

    assert found.events == dict.fromkeys(["account_status", "self_labels", "ai_preference", "user_intents"], 1)
    assert len(found.rows) == 5

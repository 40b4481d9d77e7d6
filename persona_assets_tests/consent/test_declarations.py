import datetime as dt
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.lexicon import AI_PREFERENCE, CONSENT_COLLECTIONS, POST, USER_INTENTS
from persona_assets.consent.declarations import (
    NOT_READABLE,
    UNKNOWN_SCOPE,
    WRONG_ALLOW,
    WRONG_TIME,
    Declaration,
    Preference,
    parse_declaration,
)
from persona_assets.consent.purposes import PURPOSES

NOON = 1_740_830_400_000_000
NOON_TEXT = "2025-03-01T12:00:00.000Z"
GLOBAL = {"$type": f"{AI_PREFERENCE}#globalScope"}


def read(record, collection=AI_PREFERENCE):
    problems = Counter()
    text = record if record is None or isinstance(record, str) else json.dumps(record)
    return parse_declaration(collection, text, event_time_us=NOON, problems=problems), dict(problems)


def test_preferences_are_read_by_purpose_with_their_times():
    earlier = {"allow": False, "updatedAt": "2025-03-01T11:59:59.5Z"}
    record = {
        "scope": GLOBAL,
        "updatedAt": NOON_TEXT,
        "preferences": {"training": {"allow": False}, "syntheticContent": earlier, "embedding": {"allow": True}},
    }

    assert read(record) == (
        Declaration(
            "global",
            None,
            [
                Preference("training", allow=False, updated_at_us=NOON),
                Preference("synthetic_content", allow=False, updated_at_us=NOON - 500_000),
                Preference("embedding", allow=True, updated_at_us=NOON),
            ],
        ),
        {},
    )


@pytest.mark.parametrize("prefix", ["", "org.user-intents."])
def test_intents_are_read_in_both_spellings(prefix):
    record = {
        f"{prefix}syntheticContentGeneration": {"allow": False, "updatedAt": NOON_TEXT},
        f"{prefix}bulkDataset": {"updatedAt": NOON_TEXT},
        f"{prefix}publicAccessArchive": {"allow": True},
        f"{prefix}protocolBridging": {"allow": False},
    }

    found, problems = read(record, USER_INTENTS)

    assert found == Declaration(
        "global",
        None,
        [
            Preference("synthetic_content", allow=False, updated_at_us=NOON),
            Preference("archive", allow=True, updated_at_us=None),
        ],
    )
    assert problems == {}


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (None, ("global", None)),
        (GLOBAL, ("global", None)),
        ({"$type": f"{AI_PREFERENCE}#entityScope", "entity": "lab.example"}, ("entity", "lab.example")),
        ({"$type": f"{AI_PREFERENCE}#collectionScope", "collection": POST}, ("collection", POST)),
        ({"$type": f"{AI_PREFERENCE}#entityScope"}, ("unknown", None)),
        ({"$type": f"{AI_PREFERENCE}#entityScope", "entity": "x" * 3000}, ("unknown", None)),
        ({"$type": f"{AI_PREFERENCE}#entityScope", "entity": "a\nb"}, ("unknown", None)),
        ({"$type": f"{AI_PREFERENCE}#regionScope", "region": "EU"}, ("unknown", None)),
        ({"$type": 7}, ("unknown", None)),
        ("global", ("unknown", None)),
    ],
)
def test_scopes(scope, expected):
    record = {"scope": scope, "preferences": {"training": {"allow": False}}}

    (name, value, preferences), problems = read(record)

    assert (name, value) == expected
    assert [preference.allow for preference in preferences] == [False]
    assert problems == ({UNKNOWN_SCOPE: 1} if expected[0] == "unknown" else {})


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", '"x"', "null", "[" * 5000, f'{{"a": {"9" * 5000}}}'])
def test_what_is_no_object_is_counted_and_says_nothing(text):
    assert read(text) == (None, {NOT_READABLE: 1})


@pytest.mark.parametrize("preference", ["no", 0, [], {"allow": "false"}, {"allow": 0}, {"allow": []}, True])
def test_an_allow_of_another_type_says_nothing_and_is_counted(preference):
    record = {"preferences": {"training": preference, "inference": {"allow": False}}}

    found, problems = read(record)

    assert [said.purpose for said in found.preferences] == ["inference"]
    assert problems == {WRONG_ALLOW: 1}


@pytest.mark.parametrize(
    "time",
    ["9999-12-31T23:59:59Z", "2025-03-01T12:00:01Z", "2025-03-01T11:00:00", "1969-01-01T00:00:00Z", "x", 7, "1" * 999],
)
def test_a_time_that_cannot_be_is_left_out_and_counted(time):
    found, problems = read({"preferences": {"training": {"allow": False, "updatedAt": time}}})

    assert found.preferences == [Preference("training", allow=False, updated_at_us=None)]
    assert problems == {WRONG_TIME: 1}


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.just(NOON_TEXT)
    | st.just(f"{AI_PREFERENCE}#x"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["scope", "$type", "preferences", "training", "allow", "updatedAt", "bulkDataset", "entity", "x"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(ANY_JSON | st.text(max_size=30), st.sampled_from(CONSENT_COLLECTIONS))
def test_no_content_of_a_record_raises(record, collection):
    found, problems = read(record if isinstance(record, str) else json.dumps(record), collection)

    assert (found is None) == (NOT_READABLE in problems)
    if found is not None:
        assert all(said.purpose in PURPOSES and isinstance(said.allow, bool) for said in found.preferences)
        assert all(said.updated_at_us is None or 0 <= said.updated_at_us <= NOON for said in found.preferences)


def test_noon_is_noon():
    assert dt.datetime.fromtimestamp(NOON / 1e6, dt.UTC) == dt.datetime.fromisoformat(NOON_TEXT)

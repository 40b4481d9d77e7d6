"""Users are numbered in each line, or named by keyed pseudonyms."""

import numpy as np
import pyarrow as pa
import pytest

from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.user_names import build_user_namer
from persona_assets.pseudonyms import PseudonymKey

USERS = pa.array([f"did:plc:{number}" for number in range(5)])
KEY = PseudonymKey(bytes(range(32)))
BATCH = LineBatch(
    3,
    np.array([70, 71]),
    np.array([4, 2], np.int32),
    pa.array(["like", "reply"]),
    np.array([False, True]),
    np.array([1, 2]),
    pa.array(["at://a", "at://b"]),
    np.array([-1, -1]),
    pa.array([None, None], pa.string()),
    np.array([0, 1, 3], np.int32),
    np.array([0, 1, 2], np.int32),
)
NUMBERS, ROWS = np.array([0, 4, 3, 0, 2], np.int32), np.array([0, 0, 1, 1, 1])


def name(scope, key=KEY, release="2025-03-02"):
    namer = build_user_namer(USERS, scope=scope, key=key, release=release, persona=lambda cluster: f"persona_{cluster}")
    return namer(BATCH, NUMBERS, ROWS).to_pylist()


def test_without_a_key_users_are_numbered_in_each_line_and_the_author_is_0():
    assert name("line", None) == ["user_1", "user_0", "user_1", "user_2", "user_0"]


@pytest.mark.parametrize("scope", ["persona", "release"])
def test_a_wider_scope_needs_a_key(scope):
    with pytest.raises(ValueError, match="need a key"):
        name(scope, None)


@pytest.mark.parametrize("scope", ["line", "persona", "release"])
def test_a_pseudonym_is_the_same_within_its_scope_and_tells_no_id(scope):
    names = name(scope)

    assert (names[0] == names[3]) == (scope != "line")  # one user in two lines
    assert len(set(names)) == (5 if scope == "line" else 4)
    assert not any("did" in one for one in names)
    assert set(name(scope, release="2025-04-01")).isdisjoint(names)

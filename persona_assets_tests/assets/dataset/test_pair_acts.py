import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets.assets.dataset.pair_acts import (
    DRAWN,
    NO_ACT,
    NO_EVIDENCE,
    NOT_SEEN,
    PAIRED,
    PAIRS,
    USED,
    find_target_messages,
    pair_acts,
)
from persona_assets_tests.assets.cluster_jsonl.builders import uri_of
from persona_assets_tests.assets.dataset.pair_builders import NEAR, OPTIONS, PERSONA, Window, did, follow, like, post

ROWS = [
    follow("ann", "star"),
    post("star", "ignored", 2, "nobody cares"),
    post("other", "liked", 1, "very good"),
    like("ann", "other", "liked", 3),
]


@pytest.fixture
def window(tmp_path):
    return lambda rows, **given: Window(rows, tmp_path, **given)


def pair(window, *, splits=None, evidence=None):
    with window.open() as con:
        return pair_acts(
            con,
            window.batches(),
            window.splits() if splits is None else splits,
            window.store,
            window.evidence if evidence is None else evidence,
        )


def with_evidence(window, **columns):
    """Return the evidence with some columns set to a value in all rows."""
    table, nullable = window.evidence.to_table(), True
    for name, value in columns.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(name)
        table = table.set_column(place, field.with_nullable(nullable), pa.array([value] * len(table), field.type))
    return pads.dataset(table)


def test_a_like_is_paired_with_the_post_that_was_shown_before_it_and_ignored(window) -> None:
    made = window(ROWS)

    pairs = pair(made)

    (row,) = pairs.table.to_pylist()
    assert made.describe(row["line_id"]) == ("ann", "like", ["very good"])
    assert made.describe(row["ignored_line_id"]) == ("ann", "ignore", ["nobody cares"])
    assert made.store.texts[row["ignored_message"]].as_py() == "nobody cares"
    assert (row["rule"], row["shown_minutes"], row["apart_minutes"]) == ("followed author", 60, 0)
    assert pairs.outcomes == {PAIRED: 1}
    assert pairs.table.schema.equals(PAIRS)


def test_a_post_by_somebody_who_is_not_followed_is_in_no_pair(window) -> None:
    assert pair(window([*ROWS[1:], follow("ann", "somebody")])).outcomes == {}


def test_a_post_that_was_drawn_at_random_is_in_no_pair(window) -> None:
    active = [did(user, "block", 3.5, key="b", toward="rude") for user in PERSONA]
    made = window([*ROWS, *active], options=OPTIONS._replace(source="cluster"))

    pairs = pair(made)

    assert set(pairs.outcomes) == {DRAWN}
    assert len(pairs.table) == 0


@pytest.mark.parametrize(
    "changed", [{"shown_time_us": 0}, {"shown_time_us": 4 * 3_600_000_000}, {"shown_time_us": -(10**12)}]
)
def test_a_post_shown_before_it_was_written_or_after_the_action_is_in_no_pair(window, changed) -> None:
    made = window(ROWS)

    assert pair(made, evidence=with_evidence(made, **changed)).outcomes == {NOT_SEEN: 1}


def test_an_ignored_post_without_evidence_is_in_no_pair(window) -> None:
    made = window(ROWS)

    assert pair(made, evidence=with_evidence(made, user_id="bob")).outcomes == {NO_EVIDENCE: 1}


def test_an_action_more_than_an_hour_after_the_next_one_of_the_user_is_in_no_pair(window) -> None:
    rows = [*ROWS[:3], did("ann", "block", 2.5, toward="rude"), like("ann", "other", "liked", 3.4)]
    late = [*ROWS[:3], did("ann", "block", 2.5, toward="rude"), like("ann", "other", "liked", 3.6)]

    assert pair(window(rows)).table["apart_minutes"].to_pylist() == [54]
    assert pair(window(late)).outcomes == {NO_ACT: 1}


def test_a_line_in_another_split_or_in_none_is_in_no_pair(window) -> None:
    made = window(ROWS)
    splits = made.splits()
    (row,) = pair(made).table.to_pylist()

    splits[row["line_id"]] = 2
    assert pair(made, splits=splits).outcomes == {NO_ACT: 1}
    splits[row["ignored_line_id"]] = -1
    assert pair(made, splits=splits).outcomes == {}


def test_an_action_is_paired_once_with_the_most_similar_post(window) -> None:
    rows = [*ROWS, post("star", "second", 2.2, "far away")]
    made = window(rows, vectors={uri_of("star", "second"): [0.7, 0.7]})

    pairs = pair(made)

    assert pairs.outcomes == {PAIRED: 1, USED: 1}
    assert made.describe(pairs.table["ignored_line_id"][0].as_py())[2] == ["nobody cares"]


def test_a_reply_counts_as_an_action_on_the_post_that_it_answers(window) -> None:
    rows = [*ROWS[:3], post("ann", "answer", 3, "so true", answers=uri_of("other", "liked"))]
    made = window(rows)

    (row,) = pair(made).table.to_pylist()

    assert made.describe(row["line_id"]) == ("ann", "reply", ["very good", "so true"])
    (batch,) = made.batches()
    targets = find_target_messages(batch)
    shown = [None if target < 0 else made.store.texts[int(target)].as_py() for target in targets]
    assert dict(zip(batch.acts.to_pylist(), shown, strict=True))["reply"] == "very good"


def test_every_line_with_an_ignored_post_has_one_outcome_and_pairs_are_possible(window) -> None:
    rng = np.random.default_rng(1)
    rows = [follow(user, "star") for user in ("ann", "bob", "cyd")]
    rows += [post("star", f"s{number}", float(rng.uniform(0, 30))) for number in range(30)]
    rows += [post("other", f"o{number}", float(rng.uniform(0, 10))) for number in range(30)]
    rows += [
        like(user, "other", f"o{number}", float(rng.uniform(10, 40)))
        for number in range(30)
        for user in ("ann", "bob", "cyd")
        if rng.random() < 0.5
    ]
    made = window(rows)

    pairs = pair(made)

    acts = np.concatenate([np.array(batch.acts.to_pylist()) for batch in made.batches()])
    assert sum(pairs.outcomes.values()) == (acts == "ignore").sum() > 20
    assert pairs.outcomes[PAIRED] == len(pairs.table) > 5
    for row in pairs.table.to_pylist():
        (user, act, _), (other, ignored, _) = made.describe(row["line_id"]), made.describe(row["ignored_line_id"])
        assert (user, act, ignored) == (other, "like", "ignore")
        assert 0 < row["shown_minutes"] <= 24 * 60
        assert 0 <= row["apart_minutes"] <= 60
    assert len(set(pairs.table["line_id"].to_pylist())) == len(pairs.table)


def test_a_window_without_ignored_posts_has_no_pairs(window) -> None:
    made = window([post("ann", "1", 1), like("bob", "ann", "1", 2)], vectors={"at://x/app.bsky.feed.post/1": NEAR})

    pairs = pair(made)

    assert (len(pairs.table), pairs.outcomes) == (0, {})

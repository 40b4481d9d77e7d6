import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.dataset.normalise import normalise_texts
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.splits import DROPPED_REASONS, LINE_SPLITS, split_lines
from persona_assets.errors import SplitError
from persona_assets_tests.assets.dataset.line_builders import (
    HOUR_US,
    Line,
    any_lines,
    batches,
    connected_lines,
    line_table,
)

MODES = {
    "components": SplitOptions(),
    "time": SplitOptions(mode="time", gap_hours=6),
    "time, known users": SplitOptions(mode="time", gap_hours=6, hold_out_users=False),
}


def find_shared(table: pa.Table, split: pd.Series, column: str) -> set[str]:
    """Return the values that are in two splits, by Python sets."""
    sets: dict[str, set[str]] = {}
    for values, name in zip(table[column].to_pylist(), split, strict=True):
        if isinstance(name, str):
            normalised = [text for text in normalise_texts(values) if len(text.split()) >= 5]
            sets.setdefault(name, set()).update(normalised if column == "texts" else values)
    names = sorted(sets)
    return {one for first in names for second in names if first < second for one in sets[first] & sets[second]}


@pytest.mark.parametrize("mode", MODES)
def test_no_user_thread_or_text_is_in_two_splits(mode) -> None:
    table = connected_lines(4000)

    split = split_lines(batches(table), MODES[mode]).lines["split"].to_pandas()

    assert set(split.dropna()) == {"train", "validation", "test"}
    assert bool(find_shared(table, split, "users")) == (mode == "time, known users")
    assert not find_shared(table, split, "threads")
    assert not find_shared(table, split, "texts")


@pytest.mark.parametrize("mode", ["time", "time, known users"])
def test_splits_by_time_keep_the_gap(mode) -> None:
    table = connected_lines(4000)

    split = split_lines(batches(table), MODES[mode]).lines["split"].to_pandas()

    times = table.select(["first_time_us", "last_time_us"]).to_pandas().groupby(split)
    first, last = times["first_time_us"].min(), times["last_time_us"].max()
    assert first["validation"] - last["train"] >= 6 * HOUR_US
    assert first["test"] - last["validation"] >= 6 * HOUR_US


@pytest.mark.parametrize("mode", ["components", "time, known users"])
def test_lines_that_are_kept_have_nearly_the_asked_shares_for_each_persona(mode) -> None:
    result = split_lines(batches(connected_lines(12_000)), MODES[mode])

    kept = np.array(list(result.kept.values()))
    assert np.abs(kept / kept.sum() - [0.8, 0.1, 0.1]).max() < 0.04
    by_persona = result.by_persona.to_pandas()[["train", "validation", "test"]].to_numpy()
    assert np.abs(by_persona / by_persona.sum(axis=1, keepdims=True) - [0.8, 0.1, 0.1]).max() < 0.08


def test_lines_that_nothing_connects_are_all_kept() -> None:
    lines = [Line([f"u{number}"], [f"t{number}"], persona=number % 5) for number in range(1000)]

    result = split_lines(batches(line_table(lines)), SplitOptions())

    assert result.dropped == {}
    assert result.kept == {"train": 800, "validation": 100, "test": 100}
    assert result.by_persona["train"].to_pylist() == [160] * 5


def test_a_persona_of_three_users_is_in_all_splits() -> None:
    lines = [Line([f"u{number % 3}"], [f"t{number}"], persona=1) for number in range(30)]
    lines += [Line([f"v{number}"], [f"w{number}"], persona=0) for number in range(300)]

    by_persona = split_lines(batches(line_table(lines)), SplitOptions()).by_persona.to_pylist()

    assert min(by_persona[1][split] for split in ("train", "validation", "test")) > 0


@settings(max_examples=40, deadline=None)
@given(any_lines(), st.sampled_from(["components", "time, known users"]), st.randoms())
def test_every_line_is_kept_or_dropped_and_the_order_of_lines_changes_nothing(table, mode, random) -> None:
    order = list(range(len(table)))
    random.shuffle(order)
    options = MODES[mode] if len(table) else SplitOptions()
    try:
        result = split_lines(batches(table), options)
    except SplitError:  # too little time for three periods
        assert options.mode == "time"
        return

    assert result.read == len(table) == sum(result.kept.values()) + sum(result.dropped.values())
    assert result.lines.schema.equals(LINE_SPLITS)
    assert set(result.dropped) <= set(DROPPED_REASONS)
    lines = result.lines.to_pandas()
    assert (lines["split"].isna() == lines["dropped_reason"].notna()).all()
    by_persona = result.by_persona.to_pandas()
    assert by_persona[["train", "validation", "test", "dropped"]].to_numpy().sum() == len(table)
    assert not find_shared(table, lines["split"], "threads")
    assert not find_shared(table, lines["split"], "texts")
    if options.hold_out_users:
        assert not find_shared(table, lines["split"], "users")
    again = split_lines(batches(table.take(pa.array(order, pa.int64())), 7), options).lines.sort_by("line_id")
    assert again.equals(result.lines.sort_by("line_id"))


def test_another_seed_makes_another_split() -> None:
    table = connected_lines(1000)

    splits = [split_lines(batches(table), SplitOptions(seed=seed)).lines for seed in (1, 2)]

    assert not splits[0].equals(splits[1])

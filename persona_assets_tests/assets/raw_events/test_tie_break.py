import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.raw_events.tie_break import count_repeated_rows, make_sort_keys


def table_of(*rows):
    empty = dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 1, "user_id": "a", "kind": "commit"}
    return pa.Table.from_pylist([empty | row for row in rows], schema=tables.RAW_EVENTS)


def test_lists_sort_item_by_item():
    langs = [[], [""], ["en"], ["en", "de"], ["en\0"], ["en\1"], ["enx"]]

    keys = make_sort_keys(table_of(*({"langs": one} for one in langs)))["langs"].to_pylist()

    assert keys == sorted(keys)
    assert len(set(keys)) == len(langs)


def test_rows_that_are_equal_in_every_column_are_counted():
    rows = [{"text": "a"}, {"text": "a"}, {"text": "a", "seq": 0}, {}, {}]

    assert count_repeated_rows(make_sort_keys(table_of(*rows))) == 2
    assert count_repeated_rows(make_sort_keys(table_of({}))) == 0

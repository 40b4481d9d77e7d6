from persona_assets import tables
from persona_assets.io_managers.later_columns import add_later_columns


def test_columns_that_were_added_later_are_put_where_they_belong():
    stored = tables.add_day_field(tables.RAW_EVENTS)
    older = stored.remove(stored.get_field_index("self_labels"))

    assert add_later_columns("raw_events", older) == stored
    assert add_later_columns("raw_events", stored) == stored


def test_no_other_column_and_no_other_table_is_completed():
    without_seq = tables.RAW_EVENTS.remove(tables.RAW_EVENTS.get_field_index("seq"))

    assert add_later_columns("raw_events", without_seq) == without_seq
    assert add_later_columns("clusters", tables.RAW_EVENTS.remove(17)) == tables.RAW_EVENTS.remove(17)

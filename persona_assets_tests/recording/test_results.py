from persona_assets.recording.results import Filters, find_excluded_collections

NEEDED = ("a.b.c", "a.b.d", "x.y.z")


def test_a_filter_leaves_out_what_it_does_not_name():
    assert find_excluded_collections(Filters(), NEEDED) == []
    assert find_excluded_collections(Filters(("a.b.c",)), NEEDED) == ["a.b.d", "x.y.z"]
    assert find_excluded_collections(Filters(("a.b.*", "x.y.z")), NEEDED) == []

from persona_assets.recording.results import Filters, missing_collections

NEEDED = ("a.b.c", "a.b.d", "x.y.z")


def test_a_filter_leaves_out_what_it_does_not_name():
    assert missing_collections(Filters(), NEEDED) == []
    assert missing_collections(Filters(("a.b.c",)), NEEDED) == ["a.b.d", "x.y.z"]
    assert missing_collections(Filters(("a.b.*", "x.y.z")), NEEDED) == []

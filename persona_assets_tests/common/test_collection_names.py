from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.collection_names import merge_rare_collections

ID = "plc.aaaaaaaaaaaaaaaaaaaaaaaa"


def test_official_collections_are_always_shown():
    kinds = {"app.bsky.feed.post create": 1, "chat.bsky.actor.declaration delete": 2, "identity": 3}

    assert merge_rare_collections(kinds) == kinds


def test_unofficial_collections_are_shown_if_they_are_frequent():
    kinds = {"com.example.thing create": 1000, "com.example.thing delete": 999, "fm.teal.play delete": 1}

    assert merge_rare_collections(kinds) == {"com.example.thing create": 1000, "other collections delete": 1000}


def test_ids_and_sentences_in_names_are_not_shown():
    names = [f"app.did.{ID}", f"app.{ID}", "app.bsky.aliceLivesAtTheCornerOfElmStreet", "app." + "a.b" * 30, "x y"]

    assert merge_rare_collections({f"{name} create": 10**6 for name in names}) == {
        "other collections create": 5 * 10**6
    }


NAMES = st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,25}){2}", fullmatch=True)
KINDS = st.tuples(NAMES, st.sampled_from(["create", "delete"])).map(" ".join)


@given(st.dictionaries(KINDS, st.integers(1, 10**5), max_size=300))
def test_counts_add_up_and_keys_are_few(kinds):
    shown = merge_rare_collections(kinds)

    assert sum(shown.values()) == sum(kinds.values())
    assert len(shown) <= 103

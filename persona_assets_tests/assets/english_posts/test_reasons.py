"""The reasons for keeping or dropping a post."""

from persona_assets.assets.english_posts import reasons


def test_each_reason_either_keeps_or_drops_and_is_explained():
    stated = {value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}

    assert stated == {*reasons.KEPT, *reasons.DROPPED}
    assert not set(reasons.KEPT) & set(reasons.DROPPED)
    assert all({**reasons.KEPT, **reasons.DROPPED}.values())

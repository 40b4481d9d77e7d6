"""A day with two accounts whose ids have the same DuckDB hash, from the capture to the lines."""

from persona_assets_tests.assets.raw_events.builders import NOON_US, like, post, write_file
from persona_assets_tests.hash_twins import twin_keys
from persona_assets_tests.processed_day import DAY, process_day

AUTHOR = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
TEXTS = (
    "I was thinking about the bread and the oven again today",
    "There is nothing better than the smell of a fresh loaf in the morning",
)


def test_likes_of_an_account_with_a_colliding_hash_are_not_mixed_up(tmp_path_factory):
    victim, stranger = (f"did:web:{key}" for key in twin_keys("did:web:"))
    posts = [
        post(text, user=user, langs=["en"], time_us=NOON_US + number)
        for user in (AUTHOR, victim)
        for number, text in enumerate(TEXTS)
    ]
    liked = f"at://{AUTHOR}/app.bsky.feed.post/{posts[0]['commit']['rkey']}"
    likes = [
        like(liked, user=user, time_us=NOON_US + 10 + number)
        for user, times in ((victim, 4), (stranger, 5))
        for number in range(times)
    ]
    capture = tmp_path_factory.mktemp("capture")
    write_file(capture / f"{DAY}" / "12.jsonl", [*posts, *likes])

    day = process_day(capture, tmp_path_factory.mktemp)

    likers = [line[-1]["user_id"] for line in day.lines if line[-1].get("actions", {}).get("like")]
    assert likers == [victim] * 4
    assert {
        (row["cluster_id"], row["outcome"]): row["actions"] for row in day.accounting if row["action"] == "like"
    } == {
        (0, "written"): 4,
        (None, "user not kept"): 5,
    }

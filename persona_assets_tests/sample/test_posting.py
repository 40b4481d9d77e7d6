"""Records of messages have every form: replies, quotes, pictures, links."""

import numpy as np

from persona_assets.sample.people import Person
from persona_assets.sample.posting import FORM_SHARES, SamplePost, make_post_record
from persona_assets.sample.records import StrongRef

AUTHOR = Person("did:plc:a", "a.example.com", "en", "chess", "right")
ROOT = StrongRef("bafyreiroot", "at://did:plc:b/app.bsky.feed.post/3a")
PARENT = StrongRef("bafyreiparent", "at://did:plc:c/app.bsky.feed.post/3b")


def post_records(count=1, *, parent=None, root=None, quoted=None):
    rng = np.random.default_rng(5)
    return [
        make_post_record(AUTHOR, 10**15, personas=["chess"], parent=parent, root=root, quoted=quoted, rng=rng)
        for _ in range(count)
    ]


def test_a_reply_names_its_parent_and_the_start_of_its_thread():
    (record,) = post_records(parent=PARENT, root=ROOT)

    assert record["reply"] == {"parent": PARENT._asdict(), "root": ROOT._asdict()}


def test_a_reply_can_quote_too():
    (record,) = post_records(parent=PARENT, root=ROOT, quoted=ROOT)

    assert record["reply"]["parent"]["uri"] == PARENT.uri
    assert record["embed"]["$type"].startswith("app.bsky.embed.record")


def test_quotes_have_either_embed():
    kinds = {record["embed"]["$type"] for record in post_records(60, quoted=ROOT)}

    assert kinds == {"app.bsky.embed.record", "app.bsky.embed.recordWithMedia"}


def test_posts_have_all_forms():
    records = post_records(400)

    assert any(record.get("embed", "") is None for record in records)
    assert any(record.get("reply", "") is None for record in records)
    assert any(not record["text"] and record["embed"] for record in records)
    assert any(record["text"].startswith("https://") for record in records)
    assert any(not any(map(str.isalnum, record["text"])) and record["text"] for record in records)
    assert any("facets" in record for record in records)
    assert abs(sum(FORM_SHARES.values()) - 1) < 1e-9


def test_a_reply_to_a_reply_has_the_same_root():
    (reply,), (start,) = post_records(parent=PARENT, root=ROOT), post_records()

    assert SamplePost(AUTHOR, "3c", PARENT, reply).root == ROOT
    assert SamplePost(AUTHOR, "3c", PARENT, start).root == PARENT

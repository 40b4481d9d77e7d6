"""Events have the format of Jetstream."""

import numpy as np

from persona_assets.common.lexicon import LIKE
from persona_assets.sample import records
from persona_assets.sample.records import StrongRef

QUOTED = StrongRef("bafyreiaaa", "at://did:plc:b/app.bsky.feed.post/3k")


def rng():
    return np.random.default_rng(0)


def test_a_create_commit_has_the_fields_of_jetstream_in_their_order():
    record = records.make_record(LIKE, 1_000_000, subject=records.to_ref_json(QUOTED))
    event = records.make_commit_event("did:plc:a", 2_000_000, "create", (LIKE, "3k"), record=record, rng=rng())

    assert list(event) == ["did", "time_us", "kind", "commit"]
    assert list(event["commit"]) == ["rev", "operation", "collection", "rkey", "record", "cid"]
    assert list(event["commit"]["record"]) == ["$type", "createdAt", "subject"]


def test_a_delete_commit_has_no_record():
    event = records.make_commit_event("did:plc:a", 2_000_000, "delete", (LIKE, "3k"), rng=rng())

    assert list(event["commit"]) == ["rev", "operation", "collection", "rkey"]


def test_an_active_account_has_no_status():
    active = records.make_account_event("did:plc:a", 1, status="active", seq=1)["account"]
    closed = records.make_account_event("did:plc:a", 1, status="takendown", seq=2)["account"]

    assert active == {"active": True, "did": "did:plc:a", "seq": 1, "time": "1970-01-01T00:00:00.000Z"}
    assert (closed["active"], closed["status"]) == (False, "takendown")


def test_a_quote_with_a_picture_has_its_reference_one_level_deeper():
    assert records.make_quote_embed(QUOTED)["record"]["uri"] == QUOTED.uri
    assert records.make_quote_and_picture_embed(QUOTED, rng())["record"]["record"]["uri"] == QUOTED.uri


def test_a_hashtag_is_marked_in_bytes_not_characters():
    text, facet = records.append_hashtag("Grüße 🔥", "baking")

    start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
    assert text.encode()[start:end] == b"#baking"

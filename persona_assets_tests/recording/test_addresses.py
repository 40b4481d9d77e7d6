import json

import pytest

from persona_assets.errors import SettingsError
from persona_assets.recording.addresses import V1_DICTIONARY_ID, parse_addresses, require_accepted_filters
from persona_assets.recording.results import Filters

V1, V2 = "wss://h.example/subscribe", "ws://h.example:99/xrpc/network.bsky.jetstream.subscribeEvents"
FILTERS = Filters(("app.bsky.feed.post",), ("did:plc:a",))


def test_the_path_decides_which_version_is_spoken():
    assert [address.protocol for address in parse_addresses(f"{V1}, {V2},")] == ["v1", "v2"]


@pytest.mark.parametrize(
    "urls", ["", "https://h.example/subscribe", "wss://h.example/other", "wss:///subscribe", f"{V1}?cursor=1"]
)
def test_other_addresses_are_refused(urls):
    with pytest.raises(SettingsError, match="PERSONA_JETSTREAM_URLS"):
        parse_addresses(urls)


def test_each_version_has_its_own_parameters():
    v1, v2 = parse_addresses([V1, V2])

    assert v1.build_url(FILTERS, cursor=5, dictionary_id=V1_DICTIONARY_ID, max_message_bytes=9) == (
        f"{V1}?wantedCollections=app.bsky.feed.post&wantedDids=did%3Aplc%3Aa&cursor=5&compress=true&maxMessageSizeBytes=9"
    )
    assert v2.build_url(FILTERS, cursor=5, dictionary_id=7, max_message_bytes=None) == (
        f"{V2}?collections=app.bsky.feed.post&dids=did%3Aplc%3Aa&cursor=5&zstdDictionary=7"
    )
    assert v1.build_url(Filters(), cursor=None, dictionary_id=None, max_message_bytes=None) == V1
    assert v2.dictionary_url == "http://h.example:99/xrpc/network.bsky.jetstream.getZstdDictionary"
    assert v2.host == "h.example:99"


def test_many_ids_go_into_a_message_on_v1_alone():
    v1, v2 = parse_addresses([V1, V2])
    many = Filters(dids=tuple(f"did:plc:{number}" for number in range(500)))

    assert v1.needs_hello(many)
    assert not v2.needs_hello(many)
    assert not v1.needs_hello(FILTERS)
    assert "wantedDids" not in v1.build_url(many, cursor=None, dictionary_id=None, max_message_bytes=None)
    hello = json.loads(v1.build_hello(many, max_message_bytes=None))
    assert hello["type"] == "options_update"
    assert len(hello["payload"]["wantedDids"]) == 500


def test_more_filters_than_servers_take_are_refused():
    require_accepted_filters(Filters(("a.b.c",) * 100, ("did:plc:a",) * 10_000))
    with pytest.raises(SettingsError, match="PERSONA_STREAM_COLLECTIONS"):
        require_accepted_filters(Filters(("a.b.c",) * 101))
    with pytest.raises(SettingsError, match="PERSONA_STREAM_DIDS"):
        require_accepted_filters(Filters(dids=("did:plc:a",) * 10_001))

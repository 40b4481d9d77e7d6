from persona_assets.recording.addresses import V1_DICTIONARY_ID, parse_addresses
from persona_assets.recording.dictionaries import DictionaryChooser, fetch_dictionary
from persona_assets_tests.jetstream_server import JetstreamServer, make_dictionary, running

V1, V2 = parse_addresses(["ws://h/subscribe", "ws://h/xrpc/network.bsky.jetstream.subscribeEvents"])
OLD, NEW, OF_V1 = make_dictionary(5), make_dictionary(6), make_dictionary(V1_DICTIONARY_ID)


def test_v1_uses_its_dictionary_if_it_is_at_hand():
    assert DictionaryChooser({5: OLD}, fetch=lambda _: NEW).choose_for_server(V1) is None
    given = DictionaryChooser({V1_DICTIONARY_ID: OF_V1}, fetch=lambda _: None)
    assert given.choose_for_server(V1) == (V1_DICTIONARY_ID, OF_V1)
    given.mark_rejected(V1, V1_DICTIONARY_ID)
    assert given.choose_for_server(V1) is None


def test_v2_uses_what_is_at_hand_then_the_servers_own_then_none():
    asked = []
    dictionaries = DictionaryChooser({5: OLD, V1_DICTIONARY_ID: OF_V1}, fetch=lambda url: asked.append(url) or NEW)

    assert dictionaries.choose_for_server(V2) == (5, OLD)
    assert asked == []
    dictionaries.mark_rejected(V2, 5)
    assert dictionaries.choose_for_server(V2) == dictionaries.choose_for_server(V2) == (6, NEW)
    assert asked == ["http://h/xrpc/network.bsky.jetstream.getZstdDictionary"]
    dictionaries.mark_rejected(V2, 6)
    assert dictionaries.choose_for_server(V2) is None


def test_what_is_no_dictionary_is_not_used():
    for content in (None, b"", b"<html>", NEW[:20]):
        assert DictionaryChooser({}, fetch=lambda _, content=content: content).choose_for_server(V2) is None


def test_a_dictionary_is_fetched_over_http():
    with running(server := JetstreamServer([])):
        (address,) = parse_addresses([server.url("v2")])
        assert fetch_dictionary(address.dictionary_url) == make_dictionary(20260811)
        server.v2_dictionary = None
        assert fetch_dictionary(address.dictionary_url) is None
    assert fetch_dictionary("http://127.0.0.1:9/") is None

import pytest

from persona_assets.personal_data import online
from persona_assets.personal_data.kinds import merge_spans


def found(finder, text):
    return [text[span.start : span.end] for span in merge_spans(finder(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask a.b+c@x-y.example.org.", ["a.b+c@x-y.example.org"]),
        ("'o'neil@x.ie'", ["o'neil@x.ie"]),
        ("look at the dot at the end", []),
        ("I shout at a (at) b.org (dot) net", ["a (at) b.org (dot) net"]),
        ("me at anna dot k at gmail dot com", ["anna dot k at gmail dot com"]),
        ("j.doe99 AT gmail.com", ["j.doe99 AT gmail.com"]),
        ("meet at noon at google.com", []),
        ("root@203.0.113.9 a@b @a.b.com", []),
    ],
)
def test_email_addresses(text, expected):
    assert found(online.find_emails, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(https://e.org/a_(b)), or www.x.org/y?z=1!", ["https://e.org/a_(b)", "www.x.org/y?z=1"]),
        ("see HTTP://A.B, x.com. And y.org:80/", ["HTTP://A.B", "x.com", "y.org:80/"]),
        ("end.The node.js 3.14 a.m. e.g. U.S. main.py", []),
        ("b\u00fccher.de \u00fcber alles", ["b\u00fccher.de"]),
        ("http://", []),
    ],
)
def test_links(text, expected):
    assert found(online.find_links, text) == expected


def test_accounts_of_bluesky_are_handles():
    assert [span.kind for span in online.find_links("anna.bsky.social? or anna.bsky.social/x")] == ["handle", "url"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".@anna.k.bsky.social, @b_1 @c@d.social (@e)", ["@anna.k.bsky.social", "@b_1", "@c@d.social", "@e"]),
        ("a@b @ 9 @9 @7pm @12:30 @3.5k //@x", []),
        ("by u/some_name and /u/other", ["u/some_name", "/u/other"]),
    ],
)
def test_handles(text, expected):
    assert found(online.find_handles, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4, 255.255.255.255:80 10.0.0.1/8", ["1.2.3.4", "255.255.255.255", "10.0.0.1"]),
        ("v1.2.3.4 version 1.2.3.4 1.2.3.4.5 256.1.1.1 1.2.3 $1.2.3.4", []),
        (
            "2001:db8::1 [::ffff:1.2.3.4] fe80::1ff:fe23:4567:890a",
            ["2001:db8::1", "::ffff:1.2.3.4", "fe80::1ff:fe23:4567:890a"],
        ),
        ("std::vector a::b 09:00:00 1:2 :: 12:34:56:78", []),
    ],
)
def test_ip_addresses(text, expected):
    assert found(online.find_ip_addresses, text) == expected


def test_dids_and_at_uris():
    text = "did:plc:abc234, at://did:web:a.org/app.bsky.feed.post/3k2. did: you"

    assert found(online.find_dids_and_uris, text) == ["did:plc:abc234", "at://did:web:a.org/app.bsky.feed.post/3k2"]

import pytest

from persona_assets.assets.raw_events.repo_paths import are_all_record_keys, is_nsid, is_record_key

# https://atproto.com/specs/nsid#examples and https://atproto.com/specs/record-key#examples, and bounds.
LABEL = "a" * 63
LONGEST = f"{'a' * 57}.{LABEL}.{LABEL}.{LABEL}.{'b' * 4}.{'c' * 62}"


@pytest.mark.parametrize(
    "name", ["com.example.fooBar", "net.users.bob.ping", "a-0.b-1.c", "a.b.c", "cn.8.lex.stuff", "a.b.c3", LONGEST]
)
def test_valid_nsids_are_recognised(name):
    assert is_nsid(name)


@pytest.mark.parametrize(
    "name",
    ["", "com.exa💩ple.thing", "com.example", "com.example.3", "com.example.foo-bar", "com.example.a b", "9a.b.c",
     "com..thing", "com.-a.thing", "com.a-.thing", "com.example.foo.*", "a.b.c\n", LONGEST + "c", f"a.b.{LABEL}a"],
)  # fmt: skip
def test_invalid_nsids_are_rejected(name):
    assert not is_nsid(name)


KEYS = ["3jui7kd54zh2y", "self", "example.com", "~1.2-3_", "dHJ1ZQ", "pre:fix", "_", "...", "k" * 512]
NO_KEYS = [
    "alpha/beta",
    ".",
    "..",
    "#extra",
    "@handle",
    "any space",
    "any+space",
    "number[3]",
    "dHJ1ZQ==",
    "é",
    "",
    "a\n",
]


@pytest.mark.parametrize("key", KEYS)
def test_valid_record_keys_are_recognised(key):
    assert is_record_key(key)


@pytest.mark.parametrize("key", [*NO_KEYS, "k" * 513])
def test_invalid_record_keys_are_rejected(key):
    assert not is_record_key(key)


def test_many_valid_record_keys_are_checked_at_once():
    assert are_all_record_keys([])
    assert are_all_record_keys(KEYS)


@pytest.mark.parametrize("key", [key for key in NO_KEYS if key])
def test_one_invalid_record_key_among_many_is_noticed(key):
    assert not are_all_record_keys(["self", key, "example.com"])

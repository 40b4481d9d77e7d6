"""What of an endpoint's answers may be shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.persona_labels.endpoint_answers import (
    DESCRIPTION_LENGTH,
    NAME_LENGTH,
    EndpointName,
    parse_completion,
    parse_name,
)
from persona_assets_tests.assets.persona_labels.endpoint_server import completion


def written(name="Cats", description="On cats.", **more):
    return json.dumps({"name": name, "description": description, **more})


@pytest.mark.parametrize(
    "name", ["Cats", "x" * NAME_LENGTH, "Node.js & C# developers", "Vélos à Paris", "猫の写真", "Art 🎨", "U.S. news"]
)
def test_a_plain_line_is_a_name(name):
    assert parse_name(written(f" {name} ")) == EndpointName(name, "On cats.")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "x" * (NAME_LENGTH + 1),
        "two\nlines",
        "two\u2028lines",
        "tab\there",
        "bell\x07",
        "\u202eright to left",
        "zero\u200bwidth",
        "half \ud83d of a pair",
        "see https://example.org",
        "www.example",
        "WWW.Example",
        "example.com fans",
        "fans of alice.bsky.social",
        "fans of @alice",
        "did:plc:abc",
        "<b>Cats</b>",
        "[Cats](x)",
        "`Cats`",
        "Cats | dogs",
    ],
)
def test_what_may_not_be_shown_is_no_name(name):
    assert parse_name(written(name)) is None


@pytest.mark.parametrize("description", ["x" * (DESCRIPTION_LENGTH + 1), "see www.example", "a\nb", "<i>x</i>", "\x00"])
def test_a_description_that_may_not_be_shown_spoils_the_answer(description):
    assert parse_name(written(description=description)) is None


@pytest.mark.parametrize("description", ["", "x" * DESCRIPTION_LENGTH])
def test_a_description_may_be_empty_or_long(description):
    assert parse_name(written(description=description)) == EndpointName("Cats", description)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"Cats"',
        '{"name": "Cats"}',
        '{"name": 1, "description": ""}',
        written(more=1),
        "{" * 100_000,
        "[" * 100_000,
        f"```json\n{written()}\n```",
        b"\xff",
    ],
)
def test_other_json_than_asked_for_is_no_name(text):
    assert parse_name(text) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (completion(written()), EndpointName("Cats", "On cats.")),
        (completion("Cats"), "bad_answer"),
        (completion("", refusal="no"), "refused"),
        (b'{"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}', "refused"),
        (b'{"choices": []}', "bad_answer"),
        (b'{"choices": [{"message": {"content": null}}]}', "bad_answer"),
        (b'{"choices": [{"message": {"content": ["text"]}}]}', "bad_answer"),
        (b'{"choices": [{"message": null}]}', "bad_answer"),
        (b'{"choices": {"0": 1}}', "bad_answer"),
        (b'{"error": "x"}', "bad_answer"),
        (b"[1]", "bad_answer"),
        (b"no", "bad_answer"),
    ],
)
def test_a_completion_is_a_name_or_a_reason(body, expected):
    assert parse_completion(body) == expected


KEYS = st.sampled_from(["choices", "message", "content"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
)


@given(JSON.map(json.dumps).map(str.encode) | st.binary())
def test_no_answer_raises(body):
    assert isinstance(parse_completion(body), EndpointName | str)


@given(st.text(max_size=100), st.text(max_size=400))
def test_a_name_is_one_line_that_can_be_written(name, description):
    found = parse_name(written(name, description))

    if found:
        assert 1 <= len(found.name) <= NAME_LENGTH
        assert len(found.description) <= DESCRIPTION_LENGTH
        assert len("".join(found).splitlines()) == 1
        "".join(found).encode()
        assert parse_name(written(*found)) == found

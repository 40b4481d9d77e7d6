import json
from itertools import chain

import pytest

from persona_assets.common.line_tables import ACTION_KEYS
from persona_assets_tests.assets.cluster_jsonl.builders import act, act_of, build, inputs, lines_of, message, uri_of


def test_the_keys_of_a_line_are_those_of_the_reference_in_its_order(tmp_path):
    rows = [message("bob", "p", 1_740_787_235_021_488, "hello"), act("ann", "like", 2, on=uri_of("bob", "p"))]

    (line,) = [bytes(line) for _, line, _ in build(inputs(rows, {"ann": 0}), tmp_path).lines]

    others = ",".join(f'"{key}":false' for key in ACTION_KEYS if key != "like")
    assert line.decode() == (
        '[{"user_id":"bob","text":"hello","unix_epoch":1740787235021488},'
        '{"user_id":"ann","actions":{"like":true,' + others + '},"unix_epoch":2}]\n'
    )


def test_the_key_of_an_empty_text_is_absent_and_a_blank_text_is_kept(tmp_path):
    rows = [message("ann", "1", 1, ""), message("ann", "2", 2, None), message("ann", "3", 3, " ")]

    found = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))[0]

    assert found == [
        [{"user_id": "ann", "unix_epoch": 1}],
        [{"user_id": "ann", "unix_epoch": 2}],
        [{"user_id": "ann", "text": " ", "unix_epoch": 3}],
    ]


def test_any_text_is_parsed_as_it_was_written(tmp_path):
    text = 'quote " back \\ slash / line\nreturn\r tab\t nul\0 bell\x07 del\x7f é 漢字 👩‍👩‍👧 \u2028 \ufeff </script>'

    (line,) = [bytes(line) for _, line, _ in build(inputs([message("ann", "p", 1, text)], {"ann": 0}), tmp_path).lines]

    assert json.loads(line)[0]["text"] == text
    assert line.index(b"\n") == len(line) - 1
    assert "é 漢字 👩‍👩‍👧".encode() in line  # UTF-8 as it is


def build_blueprint(rows, clusters, tmp_path):
    """Return the parsed lines by cluster in the format "blueprint"."""
    return lines_of(build(inputs(rows, clusters), tmp_path, line_format="blueprint"))


def test_the_blueprint_format_has_the_cluster_and_ranks_of_times(tmp_path):
    rows = [message("bob", "p", 1_740_787_235_021_488, "hello"), act("ann", "like", 1_740_787_235_021_489)]
    rows[1]["target_uri"] = uri_of("bob", "p")

    (line,) = [bytes(line) for _, line, _ in build(inputs(rows, {"ann": 3}), tmp_path, line_format="blueprint").lines]

    others = ",".join(f'"{key}":false' for key in ACTION_KEYS if key != "like")
    assert line.decode() == (
        '{"thread":[{"user_id":"bob","text":"hello","relative_integer_time":0},'
        '{"user_id":"ann","actions":{"like":true,' + others + '},"relative_integer_time":1}],"cluster_id":3}\n'
    )


def test_both_formats_have_the_same_messages_in_the_same_order(tmp_path):
    rows = [message("ann", "0", 5, "first"), message("bob", "1", 70, "second", answers=uri_of("ann", "0"))]
    rows += [act("bob", "like", 70, on=uri_of("ann", "0")), act("ann", "profile_update", 900, text="about")]
    rows += [message("cyd", "2", 900, "a quote", quotes=uri_of("bob", "1")), message("dan", "3", 6, "in no line")]
    clusters = {"ann": 0, "bob": 1, "cyd": 1}
    rank = {5: 0, 70: 1, 900: 2}

    arrays = lines_of(build(inputs(rows, clusters), tmp_path))

    for lines in arrays.values():
        for message_ in chain.from_iterable(lines):
            message_["relative_integer_time"] = rank[message_.pop("unix_epoch")]
    assert build_blueprint(rows, clusters, tmp_path) == {
        cluster: [{"thread": line, "cluster_id": cluster} for line in lines] for cluster, lines in arrays.items()
    }


def test_the_text_of_an_action_comes_after_its_time(tmp_path):
    rows = [act("ann", "profile_update", 7, text='"me"')]

    (line,) = build_blueprint(rows, {"ann": 0}, tmp_path)[0]

    assert list(line["thread"][0]) == ["user_id", "actions", "relative_integer_time", "text"]
    assert (act_of(line["thread"]), line["thread"][0]["text"]) == ("profile_update", '"me"')


# All characters at which str.splitlines splits.
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("line_format", ["arrays", "blueprint"])
def test_no_character_inside_a_line_ends_it_in_any_tool(tmp_path, line_format):
    text = f"one{LINE_ENDS}two"
    rows = [message(f"bob{text}", "p", 1, text), act(f"ann{text}", "like", 2, on=uri_of(f"bob{text}", "p"))]
    rows += [act(f"ann{text}", "profile_update", 3, key="self", text=text)]
    rows += [message(f"ann{text}", "q", 4, text, quotes=uri_of(f"bob{text}", "p"))]

    made = build(inputs(rows, {f"ann{text}": 0}), tmp_path, line_format=line_format)
    lines = b"".join(bytes(some) for _, some, _ in made.lines).decode()

    assert len(lines.splitlines()) == 4
    threads = [line["thread"] if line_format == "blueprint" else line for line in map(json.loads, lines.splitlines())]
    messages = [message for thread in threads for message in thread]
    assert {message["text"] for message in messages if "text" in message} == {text}
    assert {message["user_id"] for message in messages} == {f"ann{text}", f"bob{text}"}


def test_characters_near_line_ends_are_not_escaped(tmp_path):
    text = "\u2027\u202a\u0084\u0086\u2019 \\u2028"

    (line,) = [bytes(line) for _, line, _ in build(inputs([message("ann", "p", 1, text)], {"ann": 0}), tmp_path).lines]

    assert text.replace("\\", "\\\\").encode() in line

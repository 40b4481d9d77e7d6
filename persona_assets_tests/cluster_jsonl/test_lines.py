import json

from persona_assets.cluster_jsonl import lines as lines_module
from persona_assets.cluster_jsonl.lines import ACT_KEYS
from persona_assets_tests.cluster_jsonl.builders import act, build, inputs, lines_of, message, uri_of


def test_the_keys_of_a_line_are_the_references_in_its_order(tmp_path):
    rows = [message("bob", "p", 1_740_787_235_021_488, "hello"), act("ann", "like", 2, on=uri_of("bob", "p"))]

    (line,) = [line for _, line in build(inputs(rows, {"ann": 0}), tmp_path).lines]

    others = ",".join(f'"{key}":false' for key in ACT_KEYS if key != "like")
    assert line.decode() == (
        '[{"user_id":"bob","text":"hello","unix_epoch":1740787235021488},'
        '{"user_id":"ann","actions":{"like":true,' + others + '},"unix_epoch":2}]'
    )


def test_an_empty_text_is_left_out_and_a_blank_one_is_kept(tmp_path):
    rows = [message("ann", "1", 1, ""), message("ann", "2", 2, None), message("ann", "3", 3, " ")]

    found = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))[0]

    assert found == [
        [{"user_id": "ann", "unix_epoch": 1}],
        [{"user_id": "ann", "unix_epoch": 2}],
        [{"user_id": "ann", "text": " ", "unix_epoch": 3}],
    ]


def test_any_text_comes_back_as_it_was_written(tmp_path):
    text = 'quote " back \\ slash / line\nreturn\r tab\t nul\0 bell\x07 del\x7f é 漢字 👩‍👩‍👧 \u2028 \ufeff </script>'

    (line,) = [line for _, line in build(inputs([message("ann", "p", 1, text)], {"ann": 0}), tmp_path).lines]

    assert json.loads(line)[0]["text"] == text
    assert b"\n" not in line
    assert "é 漢字 👩‍👩‍👧".encode() in line  # UTF-8 as it is


def test_lines_are_in_the_order_of_time_then_user_then_uri(tmp_path):
    rows = [
        message("bob", "z", 5, "5 bob z"),
        message("bob", "a", 5, "5 bob a"),
        message("ann", "q", 5, "5 ann q", quotes=uri_of("bob", "p")),
        message("bob", "p", 9, "9 bob p"),
        act("ann", "like", 1, on=uri_of("bob", "p")),
    ]

    found = lines_of(build(inputs(rows, {"ann": 0, "bob": 0}), tmp_path))[0]

    assert [line[-1].get("text", "like") for line in found] == [
        "like",
        "5 ann q",
        "5 ann q",
        "5 bob a",
        "5 bob z",
        "9 bob p",
    ]
    assert ["actions" in line[-1] for line in found[1:3]] == [False, True]  # the message before the act


def test_a_thread_is_cut_to_its_nearest_messages(tmp_path):
    rows = [message("ann", "0", 0, "0")]
    rows += [message("ann", str(n), n, str(n), answers=uri_of("ann", str(n - 1))) for n in range(1, 500)]

    (line,) = lines_of(build(inputs(rows, {"ann": 0}), tmp_path, max_thread_messages=64))[0]

    assert [message["text"] for message in line] == [str(n) for n in range(436, 500)]


def test_lines_that_cross_the_borders_of_batches_stay_whole(tmp_path, monkeypatch):
    rows = []
    for thread in range(30):
        rows.append(message("ann", f"{thread}-0", thread, f"{thread}-0"))
        rows += [
            message("ann", f"{thread}-{n}", thread + n, f"{thread}-{n}", answers=uri_of("ann", f"{thread}-{n - 1}"))
            for n in range(1, thread % 7)
        ]
    whole = lines_of(build(inputs(rows, {"ann": 0}), tmp_path))
    monkeypatch.setattr(lines_module, "PARTS_AT_ONCE", 3)

    assert lines_of(build(inputs(rows, {"ann": 0}), tmp_path)) == whole
    assert len(whole[0]) == 30

"""Lines as those who train on them read them."""

import pytest

from persona_assets.assets.cluster_stats.inspect_lines import inspect_lines

ANN, BOB = b'{"user_id":"ann","text":"hi"}', b'{"user_id":"bob","actions":{}}'


@pytest.mark.parametrize("around", [b"[%s]", b'{"thread":[%s],"cluster_id":0}'])
def test_lines_with_a_part_of_a_member_are_well(around):
    lines = [around % (ANN + b"," + BOB), around % BOB]

    assert inspect_lines(lines, {"ann"}) == (2, 0, 1)
    assert inspect_lines(lines, {"bob"}) == (2, 0, 0)


@pytest.mark.parametrize("line", [b"[", b'{"cluster_id":0}', b'[{"text":"hi"}]', b"7", b"", b"\xff"])
def test_what_is_no_line_of_messages_is_unreadable(line):
    assert inspect_lines([line], {"ann"}) == (1, 1, 0)


def test_an_empty_line_of_messages_has_no_part_of_a_member():
    assert inspect_lines([b"[]"], {"ann"}) == (1, 0, 1)

"""What a user did is an object of the published keys, or plain text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.acts import render_act, render_acts, render_message, render_messages


@given(st.text(), st.sampled_from(["like", "quote"]))
def test_json_can_be_read_again(text, action):
    assert json.loads(render_message(text, acts="json")) == {"text": text}
    assert json.loads(render_act(action, text, acts="json")) == {"text": text, "actions": {action: True}}
    assert json.loads(render_act(action, None, acts="json")) == {"actions": {action: True}}


def test_plain_text_has_actions_in_brackets():
    assert render_messages(["a", "b"], acts="text") == ["a", "b"]
    assert render_acts(["like", "quote"], [None, "so"], acts="text") == ["[like]", "[quote] so"]


def test_many_acts_are_as_each_alone():
    actions, texts = ["like", "follow", "like", "quote"], [None, None, None, "x"]

    assert render_acts(actions, texts, acts="json") == [
        render_act(action, text, acts="json") for action, text in zip(actions, texts, strict=True)
    ]

"""OASIS itself needs versions of pandas and torch that this project does not: its steps are repeated here.

`oasis.social_agent.agents_generator` reads the CSV by `pandas.read_csv`, the lists by `ast.literal_eval`, and takes
`agent_info[column][agent_id]` for each row number; of the JSON it takes the keys listed below from each object.
"""

import ast
import io
import json

import pandas as pd

from persona_assets.assets.agent_profiles.oasis_files import (
    TWITTER_COLUMNS,
    render_oasis_reddit_json,
    render_oasis_twitter_csv,
)
from persona_assets_tests.assets.agent_profiles.builders import HOSTILE, cards_of, derive


def test_the_csv_is_read_as_oasis_reads_it(tmp_path):
    agents = derive(tmp_path, 100, 80)

    read = pd.read_csv(io.BytesIO(render_oasis_twitter_csv(agents)))

    assert tuple(read.columns) == TWITTER_COLUMNS
    assert len(read) == len(agents.agents) == 9
    following = agents.list_followed()
    for number in range(len(read)):
        assert read["user_id"][number] == number
        assert ast.literal_eval(read["following_agentid_list"][number]) == following[number]
        assert ast.literal_eval(read["previous_tweets"][number]) == []
        assert read["user_char"][number].startswith("You are a typical account of the group")
        assert read["following_count"][number] == len(following[number])
    assert read["username"].is_unique


def test_the_json_has_what_oasis_demands_and_makes_nothing_up(tmp_path):
    agents = derive(tmp_path, 40)

    listed = json.loads(render_oasis_reddit_json(agents))

    assert len(listed) == 2
    for agent in listed:
        assert {"realname", "username", "bio", "persona", "mbti", "gender", "age", "country"} <= set(agent)
        assert {agent[name] for name in ("mbti", "gender", "age", "country", "profession")} == {"unknown"}
        assert agent["interested_topics"] == ["balcony tomatoes", "compost"]


def test_cells_begin_with_our_words_and_stay_on_their_line(tmp_path):
    cards = {0: cards_of(1)[0]._replace(name=HOSTILE, phrases=(HOSTILE,))}

    content = render_oasis_twitter_csv(derive(tmp_path, 20, cards=cards))

    assert content.count(b"\n") == 2
    (row,) = pd.read_csv(io.BytesIO(content)).to_dict("records")
    assert all(str(value)[0] not in "=+-@" for value in row.values())

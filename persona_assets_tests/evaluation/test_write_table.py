"""The table and the JSON have each score."""

import json
import math

from persona_assets.evaluation.bootstrap import Estimate
from persona_assets.evaluation.evaluate import Scores
from persona_assets.evaluation.write_table import render_score_table, to_json

NOTHING = Estimate(math.nan, math.nan, math.nan)
SCORES = Scores(
    "mine", 10, 3, 1, 0, 0, Estimate(0.5, 0.4, 0.6), NOTHING, Estimate(0.25, math.nan, math.nan), None, None, None
)


def test_the_table_has_a_row_for_each_model_and_is_blank_where_there_is_no_score():
    head, rule, row = render_score_table([SCORES]).splitlines()

    assert head.count("|") == rule.count("|") == row.count("|") == 8
    assert "macro-F1 rare" in head
    assert row == "| mine | 0.500 (0.400 to 0.600) |  |  | 0.250 |  |  |"


def test_the_json_has_null_for_what_is_not_defined():
    found = json.loads(to_json([SCORES], dataset="2025-03-01"))

    assert found["dataset"] == "2025-03-01"
    (model,) = found["models"]
    assert model["macro_f1_frequent"] == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert model["macro_f1_rare"] == {"value": None, "low": None, "high": None}
    assert (model["name"], model["missing"], model["diagonality"]) == ("mine", 1, None)

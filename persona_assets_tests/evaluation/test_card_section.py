"""The scores are in a section of the card that is replaced, and the rest of the card stays."""

from persona_assets.evaluation.bootstrap import Estimate
from persona_assets.evaluation.card_section import put_scores
from persona_assets.evaluation.evaluate import Scores, ScoringOptions

HALF = Estimate(0.5, 0.4, 0.6)
CARD = "---\nlicense: other\n---\n# Personas\n\n## Audit\n\n| a |\n\n## Limits\n\n- One.\n"


def scores(name, rows=1200):
    return Scores(name, rows, 3, 0, 0, 0, HALF, HALF, None, None, None, None)


def put(card, *names, text_model=None):
    return put_scores(
        card, [scores(name) for name in names], ScoringOptions(samples=1000, seed=7), text_model=text_model
    )


def test_the_section_comes_before_the_limits_and_says_what_was_measured():
    card = put(CARD, "majority", "mine", text_model="small-model")

    before, section, after = card.partition("## Scores\n")
    assert before == CARD[: CARD.index("## Limits")] + "<!-- scores: begin -->\n"
    assert section
    assert after.endswith("<!-- scores: end -->\n\n## Limits\n\n- One.\n")
    assert "1,200 rows of the split `test`" in after
    assert "1,000 bootstrap samples of rows (seed 7). Texts were embedded by `small-model`." in after
    assert "| majority | 0.500 (0.400 to 0.600) |" in after
    assert "| mine | 0.500 (0.400 to 0.600) |" in after


def test_it_is_replaced_and_nothing_else_changes():
    once = put(CARD, "majority", "first")

    again = put(once, "majority", "second")

    assert again == put(CARD, "majority", "second")
    assert put(again, "majority", "first") == once
    assert "embedded" not in again


def test_a_card_without_limits_gets_it_at_its_end():
    card = put("# Mine\n\nText.\n\n\n", "majority")

    assert card.startswith("# Mine\n\nText.\n\n<!-- scores: begin -->\n## Scores\n")
    assert card.endswith("<!-- scores: end -->\n")
    assert put(card, "majority") == card


def test_a_name_cannot_break_the_table_or_end_the_section():
    card = put(CARD, "a|b <!-- scores: end -->")

    assert card.count("<!-- scores: end -->") == 1
    (row,) = [line for line in card.splitlines() if "0.500" in line]
    assert row.startswith(r"| a\|b \<\!-- scores: end --\> | 0.500")

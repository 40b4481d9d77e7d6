"""The table and the verdict that the demo prints."""

from persona_assets.sample.demo_report import (
    ReportCluster,
    ReportStats,
    ReportWord,
    format_cluster_table,
    format_verdict,
    is_good_match,
)
from persona_assets.sample.score import MainPersona, Score

STATS = ReportStats(
    day="2025-03-03",
    clusters=[
        ReportCluster(
            cluster_id=0, users=1200, words=[ReportWord(word) for word in ("dough", "oven", "rye", "yeast", "crust")]
        ),
        ReportCluster(cluster_id=1, users=400, words=[]),
    ],
)


def score(agreement=0.9, *, unplanted=0):
    return Score(
        users=1600,
        unplanted=unplanted,
        adjusted_rand_index=agreement,
        matched=1500,
        main_personas={0: MainPersona("baking", 1140), 1: MainPersona("chess", 360)},
    )


def read(text):
    return " ".join(text.split())


def test_each_cluster_has_a_line_with_its_persona_and_words():
    _, *lines = format_cluster_table(STATS, score()).splitlines()

    assert [line.split() for line in lines] == [
        ["0", "1,200", "baking", "95%", "of", "it", "dough,", "oven,", "rye,", "yeast"],
        ["1", "400", "chess", "90%", "of", "it"],
    ]


def test_a_cluster_without_planted_users_has_no_persona():
    *_, last = format_cluster_table(STATS, score()._replace(main_personas={0: MainPersona("baking", 3)})).splitlines()

    assert last.split() == ["1", "400"]


def test_the_verdict_has_matched_users_and_explains_the_index():
    said = read(format_verdict(score(0.914), 2))

    assert "2 of 2 planted personas have a cluster of their own" in said
    assert "1,500 of 1,600 users (94%)" in said
    assert "Adjusted Rand index: 0.91, where 1 is the planted groups exactly" in said
    assert "NOT MATCH" not in said


def test_users_without_a_planted_persona_are_counted():
    assert "7 more users are in clusters" in read(format_verdict(score(unplanted=7), 2))


def test_a_low_agreement_is_reported_as_no_match():
    poor = score(0.4)

    assert not is_good_match(poor)
    assert "THE CLUSTERS DO NOT MATCH THE PLANTED PERSONAS" in read(format_verdict(poor, 3))
    assert "2 of 3 planted personas" in read(format_verdict(poor, 3))

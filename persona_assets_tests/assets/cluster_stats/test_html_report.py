"""The HTML report."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.count_actions import COLUMNS, sum_counts_over_clusters
from persona_assets.assets.cluster_stats.html_report import (
    CARDS,
    COMPARED,
    build_outcome_row,
    make_page_data,
    render_html_page,
    share_by_action_group,
)
from persona_assets.assets.cluster_stats.map_data import MapData
from persona_assets.common.pictures import choose_colour

COUNTS = dict.fromkeys(COLUMNS, 0) | {"users": 12, "total": 10, "posts": 4, "quote": 1, "like": 3, "block": 2}
PNG = "data:image/png;base64,AAAA"


def stats_of(n_clusters, *, medoids=({"uri": "at://a/b/c", "similarity": 0.9},), note=None):
    clusters = [
        {
            "cluster_id": number,
            "persona_id": 7 + number,
            "label": f"word{number}",
            "description": f"About word{number}.",
            "phrases": [f"word{number}"],
            "users": 12,
            "share": 1 / n_clusters,
            "counts": COUNTS,
            "medians": dict.fromkeys(COLUMNS, 1.5),
            "hours": [1 / 24] * 24,
            "nearest": [{"cluster_id": n_clusters - 1, "similarity": 0.5}] if number < n_clusters - 1 else [],
            "words": [{"word": f"word{number}", "score": 0.1, "users": 9}],
            "medoids": list(medoids),
            "topics": [] if note else [["one", "two"]],
            "topics_coherence": None if note else 0.5,
            "topics_note": note,
        }
        for number in range(n_clusters)
    ]
    totals = sum_counts_over_clusters([COUNTS] * n_clusters)
    outcomes = {"post": {"written": 4}, "like": {"written": 1, "target not English": 2, "target deleted": 5}}
    outcomes["ignore"] = {"written": 77777}
    return {
        "day": "2025-03-03",
        "provenance": None,
        "n_clusters": n_clusters,
        "totals": totals,
        "without_persona": COUNTS,
        "outcomes": outcomes,
        "clusters": clusters,
    }


def page_of(n_clusters, *, stats=None, context=None, **given):
    stats = stats or stats_of(n_clusters, **given)
    return render_html_page(stats, np.eye(n_clusters, dtype=np.float32), sizes=PNG, user_map=PNG, context=context)


@pytest.mark.parametrize("n_clusters", [1, 2, CARDS + 1, 1000])
def test_the_page_renders_for_any_number_of_clusters(n_clusters):
    page = page_of(n_clusters)

    assert page.count('class="card"') == min(n_clusters, CARDS)
    assert page.count('<tr id="row-') == n_clusters
    assert page.count('scope="row"') == (0 if n_clusters == 1 else min(n_clusters, COMPARED))
    assert len(page) < 1_500_000


@pytest.mark.parametrize("n_clusters", [1, CARDS + 1])
def test_links_lead_to_what_is_on_the_page(n_clusters):
    page = page_of(n_clusters)

    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_the_page_needs_no_network():
    page = page_of(3)

    assert page.count(f'src="{PNG}"') == 2
    without_digests = re.sub(r"'sha256-[^']+'", "", page)  # base64 can have "//" too
    assert re.findall(r"(?:https?:)?//[a-z]", without_digests) == []
    assert re.findall(r"<link|@import|url\(", page) == []


def test_the_policy_allows_the_pages_own_style_and_script_by_their_digests_and_nothing_else():
    page = page_of(3)

    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)
    inline = [re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script")]
    style, script = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for (one,) in inline)
    assert policy.split("; ") == [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "img-src data:",
        f"style-src 'sha256-{style}'",
        f"script-src 'sha256-{script}'",
    ]
    assert page.index("Content-Security-Policy") < page.index("<style")
    assert re.findall(r'\s(?:style|on\w+)="', page) == []  # a digest allows no attributes


def test_ignored_messages_are_not_in_the_table_of_outcomes():
    assert "77,777" not in page_of(1)
    assert ">like</td>" in page_of(1)


def test_texts_are_escaped():
    page = page_of(1, medoids=[{"uri": "at://a/b/c", "similarity": 0.9, "text": "<script>alert(1)</script>"}])

    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script") == 2  # the data and the page's own


def test_names_and_words_cannot_end_the_data_element():
    nasty = "</script><script>alert(1)</script><!--"
    stats = stats_of(1)
    word = {"word": nasty, "score": 0.1, "users": 9}
    stats["clusters"][0] |= {"label": nasty, "phrases": [nasty], "description": nasty, "words": [word]}

    page = page_of(1, stats=stats)

    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert json.loads(data)["names"] == [nasty] == json.loads(data)["words"][0]
    assert "<" not in data
    assert page.count("<script") == 2
    assert page.count("<!--") == 0


def test_the_data_of_the_script_has_one_value_for_each_cluster_and_the_colours_of_the_pictures():
    data = make_page_data(stats_of(25)["clusters"], None)

    assert {len(values) for name, values in data.items() if name not in {"palette", "levels", "further"}} == {25}
    assert [data["palette"][colour] for colour in data["colours"]] == [
        choose_colour(7 + number) for number in range(25)
    ]
    assert data["numbers"] == list(range(7, 32))
    assert "map" not in data


def test_the_page_of_a_thousand_personas_and_ten_thousand_users_is_small():
    stats = stats_of(1000)
    for number, cluster in enumerate(stats["clusters"]):
        cluster["label"] = f"a name of forty letters, with its number {number}"
        cluster["description"] = "Writes about one thing, another and a third. " * 4
        cluster["phrases"] = [f"key phrase {number} {n}" for n in range(8)]
        cluster["words"] = [{"word": f"word{number}of{n}", "score": 0.1, "users": 9} for n in range(10)]
        cluster["medoids"] = [{"uri": "at://a/b/c", "similarity": 0.9, "text": "x" * 300}] * 3
    positions = np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)
    map_data = MapData(positions, np.arange(10_000) % 1000, np.zeros(10_000, bool))

    page = render_html_page(stats, np.eye(1000, dtype=np.float32), sizes=PNG, user_map=PNG, map_data=map_data)

    assert len(page.encode()) < 1_400_000  # 100 kB are left for the pictures


def test_a_cluster_without_topics_says_why():
    assert "insufficient data: 3 posts" in page_of(1, note="insufficient data: 3 posts")


def test_shares_of_actions_add_up_to_one():
    shares = dict(share_by_action_group(COUNTS))

    assert shares == {"posts": 0.5, "replies": 0, "likes": 0.3, "reposts": 0, "follows": 0, "other": pytest.approx(0.2)}
    assert sum(share for _, share in share_by_action_group(dict.fromkeys(COLUMNS, 0))) == 0


def test_the_reasons_of_an_outcome_row_are_sorted_by_number():
    row = build_outcome_row("reply", {"written": 1, "target not English": 2, "target deleted": 5})

    assert row == {
        "action": "replies",
        "seen": 8,
        "written": 1,
        "reasons": [("target deleted", 5), ("target not English", 2)],
    }


def test_groups_are_called_by_the_names_that_stay_and_not_by_phrases_of_the_day():
    stats = stats_of(9)
    for number, cluster in enumerate(stats["clusters"]):
        cluster["label"] = f"name{number} · more" if number else "no common words (2)"

    (data,) = re.findall(r'id="data">(.*?)</script>', page_of(9, stats=stats), re.DOTALL)
    (level,) = json.loads(data)["levels"]
    named = [part for name in level["names"] for part in name.removesuffix("…").split(", ")]
    assert set(named) <= {f"name{number}" for number in range(1, 9)}
    assert named

import duckdb
import pytest

from persona_assets.assets.cluster_jsonl.ignored_candidates import create_candidates
from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS
from persona_assets.assets.cluster_jsonl.load import load_window
from persona_assets.assets.cluster_jsonl.targets import resolve_targets
from persona_assets.common.content_file import ContentFile
from persona_assets_tests.assets.cluster_jsonl.builders import act, inputs, message, uri_of

PERSONA = {"ann": 0, "bob": 0, "cyd": 0, "dan": 0, "eve": 0}
FOLLOW = act("ann", "follow", 1, key="f", toward="star")
NEXT_ACTION = act("ann", "profile_update", 9, key="self")


def candidates_of(rows, tmp_path, *, source="follows", seed=0):
    """Return (user, URI, time shown, rule, time of the next action) of each candidate, sorted."""
    with duckdb.connect() as con:
        contents = tmp_path / "contents"
        contents.unlink(missing_ok=True)
        load_window(con, inputs(rows, PERSONA), ContentFile(contents), LINE_FORMATS["arrays"])
        resolve_targets(con)
        create_candidates(con, source, seed=seed)
        found = con.sql("""
            SELECT members.user_id, uri, evidence.shown_us, evidence.rule, evidence.active_us
            FROM candidates JOIN members USING (member) JOIN messages ON messages.id = target_id
        """).fetchall()
    return sorted(found)


def test_a_post_shown_in_several_ways_is_one_candidate_with_the_first_time(tmp_path):
    rows = [FOLLOW, act("ann", "follow", 1, key="g", toward="fan"), message("star", "1", 2), NEXT_ACTION]
    rows += [act("fan", action, at, on=uri_of("star", "1")) for action, at in (("repost", 3), ("like", 4))]

    assert candidates_of(rows, tmp_path) == [("ann", uri_of("star", "1"), 2, "followed author", 9)]


def test_a_post_written_before_the_follow_counts_as_shown_from_the_follow_on(tmp_path):
    rows = [message("star", "1", 0), act("ann", "like", 1, on="at://gone/app.bsky.feed.post/1"), FOLLOW, NEXT_ACTION]

    assert candidates_of(rows, tmp_path) == [("ann", uri_of("star", "1"), 0, "followed author", 9)]


@pytest.mark.parametrize("source", ["follows", "cluster"])
def test_a_post_in_another_language_is_no_candidate(tmp_path, source):
    rows = [FOLLOW, message("star", "1", 2, english=False), NEXT_ACTION]

    assert candidates_of(rows, tmp_path, source=source) == []


def test_the_draw_assigns_a_post_to_one_user_whatever_other_posts_there_are(tmp_path):
    acts = [act(user, "profile_update", 9, key="self") for user in PERSONA]
    posts = [message("other", str(n), 2) for n in range(30)]

    few = candidates_of([*posts[:10], *acts], tmp_path, source="cluster")
    many = candidates_of([*posts, *acts], tmp_path, source="cluster")

    assert set(few) <= set(many)
    assert len(many) == len({uri for _, uri, *_ in many}) == 30
    assert {user for user, *_ in many} == set(PERSONA)


def test_the_drawn_user_depends_on_the_seed(tmp_path):
    acts = [act(user, "profile_update", 9, key="self") for user in PERSONA]
    rows = [*(message("other", str(n), 2) for n in range(30)), *acts]

    once, twice, other = (candidates_of(rows, tmp_path, source="cluster", seed=seed) for seed in (0, 0, 1))

    assert once == twice != other

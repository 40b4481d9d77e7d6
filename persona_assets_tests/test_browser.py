"""The UI as its users see it: a real browser opens the graph, launches a partition and reads what was made.

Screenshots are kept in `screenshots/`, for those who come to look.
"""

import datetime as dt

import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.embeddings.builders import make_model
from persona_assets_tests.ui import IS_INSTALLED, ROOT, SHOWS_WITHIN, STARTS_WITHIN, Pages, open_browser, start_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]

DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
PERSONAS = 4
RUNS_WITHIN = 600  # seconds, on a machine that does other things too


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`dagster dev` over a capture of yesterday, which is the graph's only day."""
    root = tmp_path_factory.mktemp("ui")
    write_capture(root / "capture", days=1, start_date=DAY, users=240, personas=PERSONAS, seed=0)
    settings = {
        "CAPTURE": root / "capture",
        "DATA": root / "data",
        "START_DATE": DAY,
        "N_CLUSTERS": PERSONAS,
        "MODEL": make_model(root / "model", pooling={"pooling_mode": "mean"}),
    }
    with start_server(root, settings) as server:
        yield server


@pytest.fixture(scope="module")
def pages(server, tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        pages = Pages(browser, server, ROOT / "screenshots")
        pages.wait(server.answers, STARTS_WITHIN, "the server answers")
        yield pages


def find_states(server):
    """The states of all runs."""
    runs = server.ask("{runsOrError {... on Runs {results {status}}}}")["runsOrError"]["results"]
    return [run["status"] for run in runs]


def test_a_newcomer_sees_the_graph_launches_a_day_and_reads_what_was_made(server, pages):
    pages.open("asset-groups", "Global asset lineage", "raw_events", "cluster_stats", picture="1_graph")

    pages.open("locations/persona_assets/jobs/process_day", "process_day", "Materialize all", picture="2_job")
    pages.click("Materialize all")
    # A click before the dialog has loaded its partitions chooses none of them.
    pages.click("Latest", until="Launch 1 run")
    pages.click("Launch 1 run")
    pages.wait(lambda: find_states(server) in (["SUCCESS"], ["FAILURE"]), RUNS_WITHIN, "the run has ended")
    assert find_states(server) == ["SUCCESS"]

    pages.open("asset-groups", "Global asset lineage", "raw_events", picture="3_graph_materialized")
    users = pages.open(
        "assets/english_users", "Latest materialization", f"{DAY}", "row_count", picture="4_english_users"
    )
    assert f"{DAY}" in users
    personas = pages.open("assets/cluster_stats", "personas", "top words", picture="5_cluster_stats")
    assert f"{DAY}" in personas
    pages.open("assets/clusters?view=checks", "Succeeded", picture="6_checks")
    pages.open("assets/clusters", "sizes", "mean_similarity", picture="7_clusters")
    pages.click("[Show Markdown]")  # the map is the first
    pages.wait(lambda: find_pictures(pages.browser), SHOWS_WITHIN, "the map of users is drawn")
    pages.take("8_map_of_users")


def find_pictures(browser):
    """The pictures inside the page's data that have been drawn, and are of some size."""
    is_drawn = "one.src.startsWith('data:image/png') && one.naturalWidth > 200"
    return browser.execute_script(f"return [...document.images].filter(one => {is_drawn}).length")

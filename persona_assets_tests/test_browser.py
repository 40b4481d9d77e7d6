"""The UI as its users see it: a real browser opens the graph, launches a partition and reads what was made.

Screenshots are kept in `screenshots/`, for those who come to look.
"""

import datetime as dt
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.embeddings.builders import make_model

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]

ROOT = Path(__file__).parent.parent
SCREENSHOTS = ROOT / "screenshots"
DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
PERSONAS = 4
# What keeps a browser from calling home, and from needing a screen.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=2400,1350",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
STARTS_WITHIN, SHOWS_WITHIN, RUNS_WITHIN = 300, 90, 600  # seconds, on a machine that does other things too


class Pages:
    """The UI in a browser."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address

    def open(self, page, *texts, picture):
        """Open a page, wait until it shows all these texts, take its picture, return all of its text."""
        self.browser.get(f"{self.address}/{page}")

        def is_shown():
            found = self.text
            return all(text in found for text in texts) and "Loading" not in found

        self.wait(is_shown, SHOWS_WITHIN, f"{page} shows {texts}")
        self.browser.save_screenshot(str(SCREENSHOTS / f"{picture}.png"))
        return self.text

    @property
    def text(self):
        return self.browser.execute_script("return document.body.innerText")

    def click(self, label, *, until=None):
        """Click what says this, or begins with it; again, if need be, until the page says something."""

        def click_one():
            if until is None:
                return self._try_to_click(label)
            return until in self.text or (self._try_to_click(label) and until in self.text)

        self.wait(click_one, SHOWS_WITHIN, f"{label!r} can be clicked" + (f" and {until!r} shows" if until else ""))

    def _try_to_click(self, label):
        """Click what says this and is not covered by something else; return whether there was any."""
        from selenium.common.exceptions import WebDriverException  # noqa: PLC0415 - where it is installed

        said = self.browser.find_elements("xpath", f"//*[starts-with(normalize-space(text()), '{label}')]")
        for element in reversed(said):  # a dialog comes last
            try:
                element.click()
            except WebDriverException:
                continue
            return True
        return False

    def wait(self, condition, seconds, what):
        from selenium.common.exceptions import StaleElementReferenceException  # noqa: PLC0415 - where it is installed
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - the same

        WebDriverWait(self.browser, seconds, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda _: condition(), f"waited {seconds} s until {what}; the page says: {self.text[:2000]}"
        )

    def ask(self, query):
        """Ask the server, in GraphQL."""
        return httpx.post(f"{self.address}/graphql", json={"query": query}, timeout=60).json()["data"]

    def states(self):
        """The states of all runs."""
        return [
            run["status"]
            for run in self.ask("{runsOrError {... on Runs {results {status}}}}")["runsOrError"]["results"]
        ]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`dagster dev` over a capture of yesterday, which is the graph's only day."""
    root = tmp_path_factory.mktemp("ui")
    write_capture(root / "capture", days=1, start_date=DAY, users=240, personas=PERSONAS, seed=0)
    model = make_model(root / "model", pooling={"pooling_mode": "mean"})
    (root / "home").mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", root / "home")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "CAPTURE": root / "capture",
        "DATA": root / "data",
        "START_DATE": DAY,
        "N_CLUSTERS": PERSONAS,
        "MODEL": model,
    }
    environment = os.environ | {f"PERSONA_{name}": str(value) for name, value in settings.items()}
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                Path(sys.executable).parent / "dagster",
                "dev",
                "-w",
                "workspace.yaml",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
            ],
            cwd=ROOT,
            env=environment | {"DAGSTER_HOME": str(root / "home")},
            stdout=log,
            stderr=log,
            start_new_session=True,
            # Python's own, which a parent in the background may have had it ignore.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads yet
        )
    yield f"http://127.0.0.1:{port}", process, root
    process.send_signal(signal.SIGINT)
    process.wait(timeout=90)


@pytest.fixture(scope="module")
def pages(server, tmp_path_factory):
    from selenium import webdriver  # noqa: PLC0415 - where it is installed

    address, process, root = server
    SCREENSHOTS.mkdir(exist_ok=True)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)) as browser:
        pages = Pages(browser, address)

        def answers():
            assert process.poll() is None, (root / "log").read_text()[-2000:]
            try:
                return pages.ask("{version}")
            except httpx.TransportError:
                return False

        pages.wait(answers, STARTS_WITHIN, "the server answers")
        yield pages


def test_a_newcomer_sees_the_graph_launches_a_day_and_reads_what_was_made(pages):
    pages.open("asset-groups", "Global asset lineage", "raw_events", "cluster_stats", picture="1_graph")

    pages.open("locations/persona_assets/jobs/process_day", "process_day", "Materialize all", picture="2_job")
    pages.click("Materialize all")
    # A click before the dialog has loaded its partitions chooses none of them.
    pages.click("Latest", until="Launch 1 run")
    pages.click("Launch 1 run")
    pages.wait(lambda: pages.states() in (["SUCCESS"], ["FAILURE"]), RUNS_WITHIN, "the run has ended")
    assert pages.states() == ["SUCCESS"]

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
    pages.browser.save_screenshot(str(SCREENSHOTS / "8_map_of_users.png"))


def find_pictures(browser):
    """The pictures inside the page's data that have been drawn, and are of some size."""
    is_drawn = "one.src.startsWith('data:image/png') && one.naturalWidth > 200"
    return browser.execute_script(f"return [...document.images].filter(one => {is_drawn}).length")

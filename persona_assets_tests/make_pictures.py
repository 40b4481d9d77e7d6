"""`python -m persona_assets_tests.make_pictures`: take the pictures of README and docs from a new demo.

The demo runs in a temporary folder, so that the pictures show only its results.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from persona_assets_tests.ports import find_free_port
from persona_assets_tests.ui import IS_INSTALLED, ROOT, SHOWS_WITHIN, STARTS_WITHIN, Pages, open_browser, start_server
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS, DAY_ASSETS, PERSONA_ASSETS

PICTURES = ROOT / "docs" / "pictures"
LAST_DAY = "2025-03-03"
SETTINGS = {"START_DATE": "2025-03-01", "END_DATE": LAST_DAY, "N_CLUSTERS": "8"}
COLOURS = 256  # colours of a picture: a third of the bytes without a visible difference
MADE_BY_DEMO = {*DAY_ASSETS, *PERSONA_ASSETS, *ALL_DAYS_ASSETS}
MARGIN = 8  # pixels around a part of a page
WIDE, TALL, GRAPH = (1600, 760), (1440, 1100), (1600, 1150)  # pixels of a window
CARDS = (1440, 1400)  # pixels of a window that shows whole cards
# Where elements are on the screen: left, top, right and bottom of each.
BOXES = "return arguments[0].map(one => one.getBoundingClientRect()).map(box => [box.x, box.y, box.right, box.bottom])"


def main(arguments: Sequence[str] | None = None) -> int:
    """Take all pictures; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m persona_assets_tests.make_pictures", description=__doc__)
    parser.add_argument("--demo", type=Path, help="folder of a demo (capture, assets, home); default: run a new one")
    parser.add_argument("--out", type=Path, default=PICTURES, help="default %(default)s")
    asked = parser.parse_args(arguments)
    if not IS_INSTALLED:
        parser.exit(1, f"{parser.prog}: install Debian's packages chromium and chromium-driver\n")
    with tempfile.TemporaryDirectory() as folder:
        root = asked.demo or Path(folder) / "demo"
        reports = f"http://127.0.0.1:{find_free_port()}"
        settings = {**SETTINGS, "CAPTURE": root / "capture", "DATA": root / "assets", "REPORTS_URL": reports}
        if asked.demo is None:
            run_demo(root, settings)
        with start_server(root, settings) as server, open_browser(Path(folder) / "profile") as browser:
            browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            pages = Pages(browser, server, asked.out)
            take_report(pages, root / "assets" / "cluster_stats" / LAST_DAY / "report.html")
            pages.wait(server.answers, STARTS_WITHIN, "the server answers")
            take_graph(pages)
            take_asset(pages)
    for picture in sorted(asked.out.glob("*.png")):
        # Of rare colours too, such as that of one dot.
        Image.open(picture).convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE).save(
            picture, optimize=True
        )
        sys.stdout.write(f"{picture}: {picture.stat().st_size / 1000:.0f} kB\n")
    return 0


def run_demo(root: Path, settings: dict[str, object]) -> None:
    """Run the demo before the server starts, as two processes that create the same Dagster instance can fail."""
    (root / "home").mkdir(parents=True)
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", root / "home")
    given = {f"PERSONA_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "persona_assets.sample.demo"]
    subprocess.run(command, cwd=ROOT, env=os.environ | given | {"DAGSTER_HOME": str(root / "home")}, check=True)


def take_report(pages: Pages, report: Path) -> None:
    """Take the top of the report, its map with the sizes of personas, and the first personas."""
    pages.browser.set_window_size(*TALL)
    pages.browser.get(report.as_uri())
    pages.wait_for("Personas of", "users in them")
    pages.take("report_top")
    take_elements(pages, ".stage, .side", "report_map")
    pages.browser.set_window_size(*CARDS)
    take_elements(pages, ".card:nth-child(-n + 3)", "report_personas")


def take_elements(pages: Pages, selector: str, picture: str) -> None:
    """Take a picture of exactly the elements that the selector matches."""
    found = pages.browser.find_elements("css selector", selector)
    pages.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found[0])
    boxes = pages.browser.execute_script(BOXES, found)
    pages.take(picture)
    left, top, right, bottom = zip(*boxes, strict=True)
    file = pages.screenshots / f"{picture}.png"
    with Image.open(file) as whole:
        whole.crop((min(left) - MARGIN, min(top) - MARGIN, max(right) + MARGIN, max(bottom) + MARGIN)).save(file)


def take_graph(pages: Pages) -> None:
    """Take the graph with all assets green, and the dialog that asks for days."""
    pages.browser.set_window_size(*GRAPH)
    pages.open("asset-groups", "Global asset lineage", "Hide navigation")
    wait_until_green(pages)
    pages.click("Hide navigation")
    pages.wait(lambda: "Hide navigation" not in pages.text, SHOWS_WITHIN, "the navigation is hidden")
    # The graph is drawn again in the larger window.
    pages.open("asset-groups", "Global asset lineage")
    wait_until_green(pages)
    # At first, the graph overlaps the buttons on its right.
    pages.browser.find_element("css selector", "[aria-label=zoom_out]").click()
    pages.take("graph")
    pages.browser.set_window_size(*WIDE)
    pages.click("Materialize all", until="Partition selection")
    pages.click("All", until="3 partitions")
    pages.take("materialize")


def wait_until_green(pages: Pages) -> None:
    """Wait until every asset that the demo makes, in the list beside the graph, has its green mark."""
    mark = "[role=img][aria-label=run_success]"
    pages.wait(
        lambda: len(pages.browser.find_elements("css selector", mark)) == len(MADE_BY_DEMO),
        SHOWS_WITHIN,
        "the demo's assets are green",
    )


def take_asset(pages: Pages) -> None:
    """Take the page of one asset."""
    pages.browser.set_window_size(*TALL)
    pages.open("assets/cluster_stats", "personas", "words", "Latest materialization", picture="asset")


if __name__ == "__main__":
    sys.exit(main())

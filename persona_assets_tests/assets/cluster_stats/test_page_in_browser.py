"""The HTML report in a real browser, with hostile posts."""

import http.server
import threading

import pytest

from persona_assets_tests.assets.cluster_stats.test_html_report import page_of, stats_of
from persona_assets_tests.ui import IS_INSTALLED, open_browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]

LONG = "x" * 10_000
WIDTHS = (390, 1440)


def hostile_texts(address):
    """Return texts that would fetch from `address`, run code or open dialogs if they were not escaped."""
    return [
        f'<img src="{address}/img" onerror="document.title=\'ran\';alert(1)">',
        f'<script src="{address}/script"></script><script>document.title="ran";alert(1)</script>',
        f'<link rel="stylesheet" href="{address}/link">',
        f'<style>@import url("{address}/import");body {{ display: none }}</style>',
        f'<iframe src="{address}/frame"></iframe><object data="{address}/object"></object>',
        f'<video src="{address}/video"></video>',
        f'<p style="background: url({address}/style); position: fixed; inset: 0">covers</p>',
        f'<base href="{address}/"><input autofocus onfocus="document.title=\'ran\'">',
        f'<meta http-equiv="refresh" content="0; url={address}/refresh">',
        "{{ 7 * 7 }} {% raw %} \u202eright to left \u2066 \u0000 \u2028 \u200b",
        LONG,
        "\u0e01" + "\u0e49" * 500,  # marks that are stacked on one letter
    ]


@pytest.fixture(scope="module")
def server():
    """Yield the address of a local server, and the list of paths that were requested from it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            del args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def open_page(browser, tmp_path, page):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    browser.get(file.as_uri())


def medoids_of(texts):
    return [{"uri": "at://a/b/c", "similarity": 0.9, "text": text} for text in texts]


def test_what_people_wrote_is_shown_as_it_is_and_nothing_is_fetched_or_run(browser, server, tmp_path):
    address, asked = server
    texts = hostile_texts(address)

    open_page(browser, tmp_path, page_of(12, medoids=medoids_of(texts)))

    shown = browser.execute_script(
        "return [...document.querySelector('.card').querySelectorAll('.post')].map(post => post.textContent)"
    )
    assert shown == [text.replace("\0", "") for text in texts]
    assert browser.title == "Personas of 2025-03-03"
    assert browser.get_log("browser") == []  # the policy stops nothing of the page's own
    assert asked == []


def test_an_unescaped_post_could_neither_fetch_nor_run_anything(browser, server, tmp_path):
    address, asked = server
    page = page_of(1, medoids=medoids_of(["PLACE"]))
    assert page.count("PLACE") == 1
    # Where a page takes you when you leave it no policy governs: of what is tried here, a refresh is left out.
    raw = "".join(text for text in hostile_texts(address) if "refresh" not in text)

    open_page(browser, tmp_path, page.replace("PLACE", raw))

    assert browser.title == "Personas of 2025-03-03"
    assert browser.execute_script("return getComputedStyle(document.body).display") == "block"
    assert len([entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]) >= 5
    assert asked == []


def test_the_pages_own_style_and_script_work_under_its_policy(browser, tmp_path):
    open_page(browser, tmp_path, page_of(12))

    assert browser.execute_script("return getComputedStyle(document.querySelector('.cards')).display") == "grid"
    first = "return document.querySelector('.sorts tbody td').textContent"
    assert browser.execute_script(first) == "7"
    browser.execute_script("document.querySelector('.sorts button').click()")
    assert browser.execute_script(first) == "18"
    browser.execute_script(
        "const box = document.getElementById('filter'); box.value = 'word7'; box.dispatchEvent(new Event('input'))"
    )
    visible = "return [...document.querySelectorAll('.sorts tbody tr')].filter(row => !row.hidden).length"
    assert browser.execute_script(visible) == 1
    colours = "return new Set([...document.querySelectorAll('.mix rect')].map(r => getComputedStyle(r).fill)).size"
    assert browser.execute_script(colours) == 6


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n_clusters", [1, 30])
def test_no_text_makes_the_page_wider_than_the_window(browser, tmp_path, width, n_clusters):
    stats = stats_of(n_clusters, medoids=medoids_of([LONG, "\u202e" + LONG]))
    for cluster in stats["clusters"]:
        cluster |= {"label": LONG, "words": [{"word": LONG, "score": 1.0, "users": 2}] * 3, "topics": [[LONG] * 3]}

    open_page(browser, tmp_path, page_of(n_clusters, stats=stats))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")

    root = "document.documentElement"
    scroll, client = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert client <= width
    assert scroll <= client

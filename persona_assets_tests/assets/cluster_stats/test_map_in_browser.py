"""The map of the report in a real browser: hover, search, click, keyboard, touch, dark mode, print, and how fast."""

import base64
import subprocess
import tarfile

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.html_report import render_html_page
from persona_assets.assets.cluster_stats.map_data import MapData
from persona_assets_tests.assets.cluster_stats.test_html_report import PNG, stats_of
from persona_assets_tests.ui import IS_INSTALLED, open_browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
]

# Milliseconds. On an idle machine all take less than 100; a bound that near would fail where other programs run.
ANSWERS_WITHIN = 2000
TRIES = 3  # the fastest counts, because other programs may run on the machine
AXE = "axe-core@4.14.1"
# Measures the milliseconds from an event until the next frame is painted.
TIME_EVENT = """
const done = arguments[arguments.length - 1];
window.took = new Promise((answer) => addEventListener(arguments[0], () => {
  const start = performance.now(), channel = new MessageChannel();
  channel.port1.onmessage = () => answer(performance.now() - start);
  requestAnimationFrame(() => channel.port2.postMessage(null));
}, { capture: true, once: true }));
done();
"""
SETTLE = """
const done = arguments[0];
let before = "";
const look = () => {
  const now = JSON.stringify(personaMap.view());
  if (now === before) return requestAnimationFrame(() => done());
  before = now;
  setTimeout(look, 60);
};
look();
"""
# Waits until the packed cards are there: from then on more of them are offered.
LOADED = """
const done = arguments[0];
const look = () => document.getElementById("more-cards").hidden ? setTimeout(look, 30) : done();
look();
"""
VISIBLE = "return [...document.querySelectorAll(arguments[0])].filter(one => !one.hidden).map(one => one.id)"


def planted_page(n_clusters, n_users=2000, *, names=None, phrases=None):
    """Return a page with clusters on a circle, or on a spiral if there are more than 20, each with one outlier."""
    rng = np.random.default_rng(0)
    stats = stats_of(n_clusters)
    for number, cluster in enumerate(stats["clusters"]):
        cluster["phrases"] = [f"phrase{number}", f"topic{number % 7}"]
        cluster["label"] = names[number] if names else f"name{number} of it"
    clusters = np.arange(n_users) % n_clusters
    angles = 2.39996 * clusters if n_clusters > 20 else 2 * np.pi * clusters / n_clusters
    far = np.sqrt(clusters + 0.5) if n_clusters > 20 else np.full(n_users, 5.0)
    noise = 0.3 * rng.normal(size=(n_users, 2))
    outliers = np.arange(n_users) < n_clusters
    positions = np.column_stack([far * np.cos(angles), far * np.sin(angles)]) + noise * (1 + 2 * outliers[:, None])
    map_data = MapData(positions.astype(np.float32), clusters, outliers, phrases)
    similarity = np.eye(n_clusters, dtype=np.float32)
    return render_html_page(stats, similarity, sizes=PNG, user_map=PNG, map_data=map_data)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


class Page:
    """A page in the browser, with the actions of a user on it."""

    def __init__(self, browser, folder, page):
        self.browser = browser
        file = folder / "report.html"
        file.write_text(page, encoding="utf-8")
        browser.get(file.as_uri())
        self.canvas = browser.find_element("id", "map")
        self.settle()

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def settle(self):
        """Wait until the map has stopped moving."""
        self.browser.execute_async_script(SETTLE)

    def visible(self, selector):
        return self.run(VISIBLE, selector)

    def view(self):
        return self.run("return personaMap.view()")

    def point_at(self, number, *, click=False):
        """Move the mouse to the middle of a persona; press and release it there if asked to."""
        x, y = self.run("return personaMap.find(arguments[0])", number)
        self.move_to(x, y, click=click)

    def move_to(self, x, y, *, click=False):
        from selenium.webdriver import ActionChains  # noqa: PLC0415 - where it is installed

        self.run("arguments[0].scrollIntoView({ block: 'center' })", self.canvas)
        size = self.canvas.size
        chain = ActionChains(self.browser, duration=0).move_to_element_with_offset(
            self.canvas, round(x - size["width"] / 2), round(y - size["height"] / 2)
        )
        (chain.click() if click else chain).perform()
        self.settle()

    def press(self, *keys):
        from selenium.webdriver import ActionChains  # noqa: PLC0415 - where it is installed

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()
        self.settle()

    def search(self, text):
        self.run("const box = document.getElementById('filter'); box.value = ''; box.focus()")
        self.press(text)

    def time(self, event, action):
        """Return the milliseconds from the event that `action` raises until the page is painted."""
        self.browser.execute_async_script(TIME_EVENT, event)
        action()
        return self.browser.execute_async_script("window.took.then(arguments[0])")

    def colours(self):
        """Return the number of pixels of each colour on the map, most frequent first."""
        return self.run(
            """
            const { data } = arguments[0].getContext("2d").getImageData(0, 0, arguments[0].width, arguments[0].height);
            const counts = new Map();
            for (let i = 0; i < data.length; i += 4) {
              if (data[i + 3] < 150) continue;
              const colour = `${data[i]},${data[i + 1]},${data[i + 2]}`;
              counts.set(colour, (counts.get(colour) || 0) + 1);
            }
            return [...counts].sort((a, b) => b[1] - a[1]);
            """,
            self.canvas,
        )


@pytest.fixture
def page(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(8))
    yield page
    assert browser.get_log("browser") == []


def test_the_map_has_a_dot_of_each_personas_colour_and_names_that_do_not_overlap(page):
    labels = page.run("return personaMap.labels()")

    assert {label["number"] for label in labels} == set(range(8))
    assert len(page.colours()) > 8
    for one in labels:
        for other in labels:
            apart = one["right"] <= other["left"] or one["bottom"] <= other["top"]
            assert one is other or apart or other["right"] <= one["left"] or other["bottom"] <= one["top"]


def test_a_label_leaves_out_whole_phrases_that_do_not_fit(browser, tmp_path):
    names = ["stanley cup · hockey · toronto maple leafs and their rivals", "x" * 90]
    page = Page(browser, tmp_path, planted_page(2, names=names))

    lines = {label["number"]: label["lines"] for label in page.run("return personaMap.labels()")}
    assert " ".join(lines[0]) == "stanley cup · hockey"
    assert lines[1][0].endswith("…")


def test_hovering_shows_the_persona_and_its_phrases(page):
    page.point_at(3)

    tooltip = page.browser.find_element("id", "tooltip")
    assert tooltip.is_displayed()
    assert "name3 of it" in tooltip.text
    assert "phrase3 · topic3" in tooltip.text
    page.move_to(page.canvas.size["width"] / 2, page.canvas.size["height"] / 2)  # nobody is in the middle of the circle
    assert not tooltip.is_displayed()


def test_hovering_shows_a_users_own_phrases(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(1, 1, phrases=["tea & <b>cake</b>"]))

    page.move_to(page.canvas.size["width"] / 2, page.canvas.size["height"] / 2)

    assert "This user: tea & <b>cake</b>" in browser.find_element("id", "tooltip").text


def test_a_click_shows_a_persona_alone_and_escape_shows_all_again(page):
    page.point_at(5, click=True)

    assert page.visible(".card") == ["persona-5"]
    assert page.visible(".sorts tbody tr") == ["row-5"]
    assert "name5 of it" in page.browser.find_element("id", "chosen").text
    assert page.run("return document.querySelectorAll('#list [aria-pressed=true]').length") == 1
    page.press("\ue00c")  # Escape
    assert len(page.visible(".card")) == 8
    assert page.view()["scale"] == pytest.approx(page.view()["fitted"])


def test_a_click_beside_all_dots_shows_all(page):
    page.point_at(5, click=True)
    page.move_to(page.canvas.size["width"] / 2, page.canvas.size["height"] / 2, click=True)

    assert len(page.visible(".card")) == 8


def test_a_search_filters_map_cards_and_table_and_enter_goes_from_match_to_match(page):
    page.search("TOPIC0")  # words are found whatever their case; personas 0 and 7 have it

    assert page.visible(".card") == ["persona-0", "persona-7"]
    assert page.visible(".sorts tbody tr") == ["row-0", "row-7"]
    assert {label["number"] for label in page.run("return personaMap.labels()")} == {0, 7}
    assert page.browser.find_element("id", "status").text == "2 of 8 personas, 24 users"
    page.press("\ue007")  # Enter
    assert page.visible(".card") == ["persona-0"]
    assert page.view()["scale"] > page.view()["fitted"]
    page.press("\ue007")
    assert page.visible(".card") == ["persona-7"]
    x, y = page.run("return personaMap.find(7)")
    size = page.canvas.size
    assert (x, y) == (pytest.approx(size["width"] / 2, abs=90), pytest.approx(size["height"] / 2, abs=90))
    page.search("no persona has this")
    assert page.visible(".card") == []
    assert page.browser.find_element("id", "nothing").is_displayed()
    page.browser.find_element("id", "reset").click()
    assert len(page.visible(".card")) == 8


def test_the_keyboard_does_all_that_a_mouse_does(page):
    page.run("arguments[0].focus()", page.canvas)
    start = page.view()
    page.press("+")
    assert page.view()["scale"] == pytest.approx(1.4 * start["scale"])
    page.press("-")
    assert page.view()["scale"] == pytest.approx(start["scale"])
    page.press(*["\ue014"] * 2)  # right
    assert page.view()["x"] > start["x"]
    page.press(*["\ue013"] * 2)  # up
    assert page.view()["y"] < start["y"]
    page.press("0")
    assert page.view() == start
    # Persona 0 is the rightmost. The tooltip shows what is in the middle, and Enter selects it.
    for _ in range(20):
        page.press("\ue014")
        if page.run("return !document.getElementById('tooltip').hidden"):
            break
    page.press("\ue007")
    assert page.visible(".card") == ["persona-0"]


def test_every_persona_is_reached_by_tab_and_chosen_by_enter(page):
    page.run("arguments[0].focus()", page.canvas)
    page.press(*["\ue004"] * 5)  # Tab: three buttons of the map, then the list

    assert "name1 of it" in page.run("return document.activeElement.textContent")
    page.press("\ue007")
    assert page.visible(".card") == ["persona-1"]


def test_drag_and_wheel_move_the_map_without_clicking(page):
    from selenium.webdriver import ActionChains  # noqa: PLC0415 - where it is installed
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin  # noqa: PLC0415 - the same

    before = page.view()
    chain = ActionChains(page.browser, duration=0).move_to_element(page.canvas).click_and_hold()
    chain.move_by_offset(40, 0).move_by_offset(40, 30).release().perform()
    page.settle()
    after = page.view()
    assert (before["x"] - after["x"]) * after["scale"] == pytest.approx(80, abs=1)
    assert (before["y"] - after["y"]) * after["scale"] == pytest.approx(30, abs=1)
    assert len(page.visible(".card")) == 8

    ActionChains(page.browser).scroll_from_origin(ScrollOrigin.from_element(page.canvas), 0, -400).perform()
    page.settle()
    assert page.view()["scale"] > 1.5 * before["scale"]


def test_two_fingers_zoom_and_one_moves(page):
    page.run("arguments[0].scrollIntoView({ block: 'center' })", page.canvas)
    box = page.run("return arguments[0].getBoundingClientRect().toJSON()", page.canvas)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.view()

    def touch(kind, *places):
        points = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(places)]
        page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x - 50, y), (x + 50, y))
    touch("touchMove", (x - 75, y), (x + 75, y))
    touch("touchMove", (x - 100, y), (x + 100, y))
    touch("touchEnd")
    page.settle()
    zoomed = page.view()
    assert zoomed["scale"] == pytest.approx(2 * before["scale"], rel=0.05)
    touch("touchStart", (x, y))
    touch("touchMove", (x + 30, y))
    touch("touchMove", (x + 60, y))
    touch("touchEnd")
    page.settle()
    assert page.view()["x"] < zoomed["x"]
    assert len(page.visible(".card")) == 8


def test_a_link_to_a_card_that_is_filtered_out_shows_it(page):
    page.point_at(3, click=True)
    page.run("document.querySelector('#persona-3 a[href=\"#persona-7\"]').click()")

    assert page.visible(".card") == ["persona-7"]


def test_more_names_show_with_zoom(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(300, 3000))

    def shown():
        width, height = page.canvas.size["width"], page.canvas.size["height"]
        inside = [
            number
            for number in range(300)
            if (place := page.run("return personaMap.find(arguments[0])", number))
            and 0 < place[0] < width
            and 0 < place[1] < height
        ]
        return len(page.run("return personaMap.labels()")) / len(inside)

    before = shown()
    page.run("arguments[0].focus()", page.canvas)
    page.press(*["+"] * 5)
    assert shown() > 1.5 * before


def test_the_table_shows_100_rows_at_first_and_all_on_demand(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(1000, 2000))

    def shown():
        rows = "[...document.querySelectorAll('.sorts tbody tr')]"
        return page.run(f"return {rows}.filter(row => row.checkVisibility()).length")

    assert shown() == 100
    page.search("name999")
    assert shown() == 1
    page.press("\ue007")
    assert not page.browser.find_element("id", "no-card").is_displayed()
    page.press("\ue00c")
    page.run("document.getElementById('personas-table-more').click()")
    assert shown() == 1000
    page.run("document.querySelector('.sorts th button').click()")
    assert page.visible(".sorts tbody tr")[0] == "row-999"


def test_hostile_names_do_not_break_the_map(browser, tmp_path):
    names = [
        "</script><script>document.title='ran'</script>",
        "<!--<script>",
        '"><img src=x onerror="document.title=\'ran\'">',
        "\u202eright to left \u2066 \u0000 \u2028 \u200b",
        "x" * 10_000,
        "\u0e01" + "\u0e49" * 500,
        "",
        "\U0001f469\u200d\U0001f52c" * 100,
    ]
    page = Page(browser, tmp_path, planted_page(8, names=names))

    assert page.run("return personas.map(persona => persona.name)") == names
    for number in range(8):
        page.point_at(number)
    page.point_at(0, click=True)
    assert browser.title == "Personas of 2025-03-03"
    root = "document.documentElement"
    assert page.run(f"return {root}.scrollWidth <= {root}.clientWidth")
    assert browser.get_log("browser") == []


def test_enter_goes_to_matching_names_before_matching_words(browser, tmp_path):
    names = [f"name{number}" for number in range(7)] + ["phrase2"]
    page = Page(browser, tmp_path, planted_page(8, names=names))

    page.search("phrase2")
    page.press("\ue007")
    assert page.visible(".card") == ["persona-7"]
    page.press("\ue007")
    assert page.visible(".card") == ["persona-2"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_map_follows_the_browsers_theme(page, theme):
    other = {"light": "dark", "dark": "light"}[theme]
    for value in (other, theme):  # also when the theme changes while the page is open
        page.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": value}]}
        )
    page.settle()
    # The page hears of the theme before one frame, and draws in the next one.
    page.browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))"
    )
    lightness = sum(
        map(int, page.run("return getComputedStyle(arguments[0]).backgroundColor", page.canvas)[4:-1].split(","))
    )
    ink = "29,36,44" if theme == "light" else "227,231,236"
    assert (lightness > 600) == (theme == "light")
    assert ink in dict(page.colours())
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_the_map_does_not_animate_if_reduced_motion_is_preferred(page, wish):
    page.browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": wish}]}
    )
    scale = page.run("personaMap.show([personas[2]]); return personaMap.view().scale")
    page.settle()
    end = page.view()["scale"]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert end > page.view()["fitted"]
    assert (scale == end) == (wish == "reduce")


def test_print_shows_the_pictures_and_not_the_map(page):
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = [page.browser.find_element("css selector", one).is_displayed() for one in (".static img", "#map", ".tools")]
    pdf = page.browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert shown == [True, False, False]
    assert base64.b64decode(pdf).startswith(b"%PDF")
    page.settle()
    assert page.canvas.is_displayed()


def test_the_pictures_are_shown_if_scripts_are_disabled(browser, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(planted_page(3), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(file.as_uri())
    shown = [browser.find_element("css selector", one).is_displayed() for one in (".static img", "#map")]
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert shown == [True, False]


@pytest.mark.parametrize("n_clusters", [8, 100, 1000])
def test_a_search_and_a_click_at_ten_thousand_users_are_answered(browser, tmp_path, n_clusters):
    page = Page(browser, tmp_path, planted_page(n_clusters, 10_000))
    took = [
        {
            "hover": page.time("pointermove", lambda: page.point_at(4)),
            "search": page.time("input", lambda: page.search("3")),
            "click": page.time("pointerup", lambda: page.point_at(3, click=True)),
            "all again": page.time("keydown", lambda: page.press("\ue00c")),
        }
        for _ in range(TRIES)
    ]
    best = {name: min(one[name] for one in took) for name in took[0]}
    print(n_clusters, best)  # noqa: T201 - shown if the test fails, or with -s

    assert len(page.visible(".sorts tbody tr")) == n_clusters
    assert max(best.values()) < ANSWERS_WITHIN


@pytest.fixture(scope="session")
def axe(request, tmp_path_factory):
    """The script of axe-core, downloaded once into pytest's cache where there is one."""
    cache = getattr(request.config, "cache", None)
    folder = cache.mkdir("axe-core") if cache else tmp_path_factory.mktemp("axe-core")
    archive = folder / f"{AXE.replace('@', '-')}.tgz"
    if not archive.is_file():
        try:
            subprocess.run(
                ["npm", "pack", AXE, "--silent", "--pack-destination", str(folder)],
                check=True, capture_output=True, timeout=60,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            pytest.skip(f"{AXE} cannot be downloaded with npm")
    with tarfile.open(archive) as files:
        return files.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_no_violation(page, axe, theme, width):
    page.browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    page.point_at(3, click=True)
    page.press("\ue00c")
    page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    # axe checks only what is laid out.
    page.run("document.querySelectorAll('.card, .scroll').forEach(one => one.style.contentVisibility = 'visible')")
    page.run(axe)
    found = page.browser.execute_async_script("axe.run().then(arguments[0])")
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert len(found["passes"]) > 20
    faults = [(one["id"], one["impact"], [node["target"] for node in one["nodes"]][:5]) for one in found["violations"]]
    assert faults == []


def test_cards_beyond_the_first_open_when_they_are_asked_for(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(200))
    cards = "return document.querySelectorAll('.card').length"
    page.browser.execute_async_script(LOADED)

    assert page.run(cards) == 60
    page.search("word150")
    assert page.visible(".card") == ["persona-150"]
    assert "posts" in page.run("return document.getElementById('persona-150').innerText")
    page.press("\ue00c")
    assert page.run(cards) == 60
    page.run("document.getElementById('more-cards').click()")
    assert page.run(cards) == 120


def test_words_beyond_those_shown_are_searched(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(200, names=[f"name{number} of it" for number in range(200)]))
    page.browser.execute_async_script(LOADED)

    page.search("phrase150")

    assert page.visible(".card") == ["persona-150"]


def test_groups_unfold_to_their_personas(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(100))
    unfold = "document.querySelectorAll('#tree details').forEach(one => one.open = true)"

    page.run(unfold)
    page.settle()

    assert page.run("return document.querySelectorAll('#tree a').length") == 100


def test_groups_are_named_until_personas_have_room(browser, tmp_path):
    page = Page(browser, tmp_path, planted_page(100))
    kinds = "return personaMap.labels().map(one => one.number === null)"

    assert set(page.run(kinds)) == {True}
    page.run("document.getElementById('map').focus()")
    page.press(*["+"] * 5)
    assert set(page.run(kinds)) == {False}

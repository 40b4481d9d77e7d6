"""Open the UI in a real browser: start the server and the browser, and wait for the content of pages.

Used by tests and for the pictures in the documents. Nothing here sleeps for a fixed time, and nothing asserts.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from persona_assets_tests.ports import find_free_port
from persona_assets_tests.signals import heed_signals

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
IS_INSTALLED = bool(CHROMIUM and DRIVER)
ROOT = Path(__file__).parent.parent
WIDTH, HEIGHT = 1440, 1000  # pixels
# Options for no background network traffic and no screen.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Texts on Dagster's pages that show an error.
ERROR = re.compile(
    r"\b\w*(Error|Exception)\b|Unexpected|Something went wrong|Traceback|ould not |Failed to |not found|does not exist"
)
BORDERS = """
return [...document.querySelectorAll('foreignObject')].map(node => {
  const styles = [...node.querySelectorAll('*')].map(part => getComputedStyle(part));
  const box = styles.find(style => style.borderTopStyle !== 'none' && style.borderTopWidth !== '0px');
  return [node.firstElementChild.innerText.split('\\n')[0], box ? box.borderTopColor : ''];
})
"""
MOVES = "return document.getAnimations().filter(one => one.playState === 'running').length"
STILL_WITHIN = 10  # seconds
STARTS_WITHIN, STOPS_WITHIN, SHOWS_WITHIN = 600, 300, 180  # seconds, enough for a busy machine


class Server:
    """A running `dg dev`."""

    def __init__(self, address: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.address, self.process, self.log = address, process, log

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of the server's answer to a GraphQL query.

        Raises:
            RuntimeError: The answer has errors.
        """
        answer = httpx.post(f"{self.address}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
        if "errors" in answer:
            raise RuntimeError(f"{query}: {answer['errors']}")
        return answer["data"]

    def answers(self) -> bool:
        """Return whether the server answers requests.

        Raises:
            RuntimeError: The server has ended.
        """
        if self.process.poll() is not None:
            raise RuntimeError(f"the server has ended: {self.log.read_text()[-2000:]}")
        try:
            return bool(self.ask("{version}"))
        except httpx.TransportError:
            return False


@contextmanager
def start_server(root: Path, settings: Mapping[str, object]) -> Iterator[Server]:
    """Start `dg dev` and a report server as `make dev` does, and stop both at the end. They may not answer yet.

    Args:
        root: A folder for its DAGSTER_HOME (`home`), whose dagster.yaml is the project's, and its log.
        settings: By name, without `PERSONA_`. Without `CAPTURE` and `DATA` they are the project's own; other variables
            of this process hold too. `REPORTS_URL` is a free port's unless it is given.
    """
    home = root / "home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
    port = find_free_port()
    settings = {"REPORTS_URL": f"http://127.0.0.1:{find_free_port()}"} | dict(settings)
    dg = Path(sys.executable).parent / "dg"
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "persona_assets.command_line.serve_reports"),
                *(str(dg), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)),
            ],
            cwd=ROOT,
            env=os.environ
            | {f"PERSONA_{name}": str(value) for name, value in settings.items()}
            | {"DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=heed_signals,  # noqa: PLW1509 - no threads yet
        )
    try:
        yield Server(f"http://127.0.0.1:{port}", process, root / "log")
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and its children as Ctrl-C in its terminal does."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def open_browser(folder: Path, *, width: int = WIDTH, height: int = HEIGHT) -> Iterator[Any]:
    """Open a browser with a profile in `folder` and a recorded console, and close it at the end."""
    from selenium import webdriver  # noqa: PLC0415 - where it is installed

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={folder}"):
        options.add_argument(flag)
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)) as browser:
        yield browser


class Pages:
    """The UI of a server in a browser.

    Args:
        screenshots: The folder of the pictures; made if need be.
    """

    def __init__(self, browser: Any, server: Server, screenshots: Path) -> None:
        self.browser, self.server, self.screenshots = browser, server, screenshots
        screenshots.mkdir(parents=True, exist_ok=True)

    def open(self, page: str, *texts: str, picture: str | None = None) -> str:
        """Open a page, wait until it shows all these texts, take a screenshot if named, and return its text."""
        self.browser.get(f"{self.server.address}/{page}")
        self.wait_for(*texts)
        self.wait_until_still()
        if picture:
            self.take(picture)
        return self.text

    def wait_for(self, *texts: str) -> None:
        """Wait until the page shows all these texts and is fully loaded."""

        def is_shown() -> bool:
            found = self.text
            return all(text in found for text in texts) and "Loading" not in found

        self.wait(is_shown, SHOWS_WITHIN, f"{self.browser.current_url} shows {texts}")

    def wait_until_still(self) -> None:
        """Wait until nothing on the page moves. Grey placeholders move while content loads. Some pages never stop."""
        from selenium.common.exceptions import TimeoutException  # noqa: PLC0415 - where it is installed

        with suppress(TimeoutException):
            self.wait(lambda: not self.browser.execute_script(MOVES), STILL_WITHIN, "nothing moves")

    def take(self, picture: str) -> None:
        """Take a screenshot of the page once nothing moves."""
        self.wait_until_still()
        self.browser.save_screenshot(str(self.screenshots / f"{picture}.png"))

    def find_errors(self) -> list[str]:
        """Return error texts on the page, and errors in its console since the last call."""
        severe = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        return [line for line in self.text.splitlines() if ERROR.search(line)] + severe

    def find_colours(self) -> dict[str, str]:
        """Return the CSS border colour of each asset in the graph, which depends on its state."""
        return dict(self.browser.execute_script(BORDERS))

    @property
    def text(self) -> str:
        """All text of the page."""
        return self.browser.execute_script("return document.body.innerText")

    def click(self, label: str, *, until: str | None = None) -> None:
        """Click the element with this text, or that starts with it; repeat until the page shows `until`."""

        def click_one() -> bool:
            if until is None:
                return self._try_to_click(label)
            return until in self.text or (self._try_to_click(label) and until in self.text)

        self.wait(click_one, SHOWS_WITHIN, f"{label!r} can be clicked" + (f" and {until!r} shows" if until else ""))

    def _try_to_click(self, label: str) -> bool:
        """Click an element with this text that is not covered by another; return whether there was one."""
        from selenium.common.exceptions import WebDriverException  # noqa: PLC0415 - where it is installed

        says, begins = (
            self.browser.find_elements("xpath", f"//*[{condition}]")
            for condition in (
                f"normalize-space(text()) = '{label}'",
                f"starts-with(normalize-space(text()), '{label}')",
            )
        )
        for element in (*reversed(says), *reversed(begins)):  # dialogs are the last elements
            try:
                element.click()
            except WebDriverException:
                continue
            return True
        return False

    def wait(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until the condition holds.

        Raises:
            selenium.common.exceptions.TimeoutException: It did not hold in time. The message has the text of the page.
        """
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException  # noqa: PLC0415 - same
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - the same

        try:
            WebDriverWait(self.browser, seconds, ignored_exceptions=[StaleElementReferenceException]).until(
                lambda _: condition()
            )
        except TimeoutException:
            raise TimeoutException(f"waited {seconds} s until {what}; the page says: {self.text[:2000]}") from None

"""Every command and program in README and docs/ runs as it is written, in a fresh folder.

The blocks of a page run in order and in one shell, as a reader would type them. A block that cannot run in a test has
the comment `<!-- not run: why -->` before it. A block of `text` after another one is its expected output: numbers may
differ, and `...` matches anything.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml
from markdown_it import MarkdownIt

from persona_assets_tests.ports import find_free_port
from persona_assets_tests.signals import heed_signals

pytestmark = [pytest.mark.slow, pytest.mark.model]

ROOT = Path(__file__).parents[1]
VENV = Path(sys.prefix)
# The order matters: pages use the results of the demo, some change them, and the last one deletes a day.
FIRST, LAST = ("README.md", "docs/tutorial.md", "docs/results.md"), "docs/every-day.md"
OTHERS = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - {*FIRST, LAST}
PAGES = [*FIRST, *sorted(OTHERS), LAST]
# Placeholders for the reader's own values, and their values here: two days of the demo's capture.
FILLED = {
    "/path/to/bluesky-2025-03": "$PWD/data/capture/bluesky-2025-03",
    "/path/to/results": "$PWD/data/results",
    "2025-03-16": "2025-03-02",
    "PERSONA_WINDOW_DAYS=16": "PERSONA_WINDOW_DAYS=2",
}
# Commands that run until they are stopped, and their output when they are ready.
SERVERS = {
    "make dev": r"Serving dagster-webserver on (?P<address>http://\S+)",
    "dg dev": r"Serving dagster-webserver on (?P<address>http://\S+)",
    "dagster-daemon run": r"Instance is configured with the following daemons",
}
# Commands that run only once, although several pages have them.
ONCE = ("make demo",)
NOT_RUN = {
    "make test": "runs this test",
}
# All allowed reasons for not running a block; there should be few.
REASONS = {
    "installs packages",
    "needs systemd and root",
    "needs the network",
    "needs a Slurm cluster with a GPU partition and a PostgreSQL",
    "needs a Slurm cluster with a GPU partition",
    "needs a PostgreSQL server",
    "needs Docker and a Kubernetes cluster",
    "needs predictions of a model",
    "needs a token of a server on the network",
}
ENDS_WITHIN, STARTS_WITHIN = 900, 300  # seconds, enough for a busy machine


class Block(NamedTuple):
    """A code block of a page."""

    page: str
    line: int
    language: str
    code: str
    not_run: str | None  # why
    output: str | None  # what it prints, as the page says

    def __str__(self) -> str:
        return f"{self.page}:{self.line}\n{self.code}"


def find_blocks(page: str, text: str) -> list[Block]:
    """Return the code blocks of a page, each with the output block that follows it."""
    tokens = [token for token in MarkdownIt().parse(text) if token.type in {"fence", "html_block"}]
    blocks: list[Block] = []
    reason = None
    for token in tokens:
        if token.type == "html_block":
            marked = re.match(r"<!-- not run: (.+?) -->", token.content)
            reason = marked[1] if marked else None
        elif token.info == "text" and blocks:
            blocks[-1] = blocks[-1]._replace(output=token.content)
        else:
            blocks.append(Block(page, token.map[0] + 1, token.info, token.content, reason, None))
            reason = None
    return blocks


def split_commands(code: str) -> list[str]:
    """Split a block into servers and commands that run once, and the code between them."""
    parts: list[list[str]] = [[]]
    for line in code.splitlines():
        command = line.partition("#")[0].strip()
        if command in {*SERVERS, *ONCE, *NOT_RUN}:
            parts += [[command], []]
        elif command.endswith((*SERVERS, *ONCE, *NOT_RUN)):
            raise ValueError(f"{command} is to be treated by itself: write it without anything before it")
        else:
            parts[-1].append(line)
    return [part for lines in parts if (part := "\n".join(lines).strip())]


def fill(code: str) -> str:
    for placeholder, value in FILLED.items():
        code = code.replace(placeholder, value)
    return code


def find_missing(expected: str, output: str) -> list[str]:
    """Return the lines of `expected` that are not in `output` in this order.

    Numbers may differ, `...` matches anything, and column widths do not matter.
    """
    rest, missing = [blur(line) for line in output.splitlines()], []
    for line in filter(None, map(blur, expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
        place = next((at for at, there in enumerate(rest) if pattern.fullmatch(there)), None)
        if place is None:
            missing.append(line)
        else:
            rest = rest[place + 1 :]
    return missing


def blur(line: str) -> str:
    """Return a line with 0 for every number and single spaces, as both differ between machines."""
    return " ".join(re.sub(r"\d+(?:[,.:]\d+)*", "0", line).split())


class Folder:
    """A copy of the project as in a fresh clone, with an environment in which it is installed."""

    def __init__(self, place: Path) -> None:
        self.place = place / "persona_assets"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (self.place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.place / name)
        self._link_environment(self.place / ".venv")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            # The machine lock of embedding steps is a file in TMPDIR, which other tests must not share.
            "TMPDIR": str(place),
            # The environment may have another checkout installed.
            "PYTHONPATH": str(self.place),
            # A common vector cache: texts of several pages are embedded once.
            "PERSONA_VECTOR_STORE": str(place / "vectors"),
            # Another `make dev` on this machine may use the default port.
            "PERSONA_REPORTS_URL": f"http://127.0.0.1:{find_free_port()}",
            # Threads take no more than this worker's share of the cores.
            **{name: value for name, value in os.environ.items() if name.startswith(("OMP_", "OPENBLAS_"))},
        }
        self._outputs: dict[str, str] = {}

    def _link_environment(self, venv: Path) -> None:
        (venv / "bin").mkdir(parents=True)
        for file in (VENV / "bin").iterdir():
            if file.name != "activate":
                (venv / "bin" / file.name).symlink_to(file)
        for name in ("lib", "pyvenv.cfg"):
            (venv / name).symlink_to(VENV / name)
        activate = (VENV / "bin" / "activate").read_text(encoding="utf-8").replace(str(VENV.resolve()), str(venv))
        added = (self.place / "deploy" / "activate.sh").read_text(encoding="utf-8")  # by `make install`
        (venv / "bin" / "activate").write_text(activate.removesuffix(added) + added, encoding="utf-8")
        # Must be newer than the files from which it was installed.
        (venv / "installed").touch()

    def open_shell(self) -> "Shell":
        return Shell(self)

    def run_once(self, command: str) -> str:
        if command not in self._outputs:
            self._outputs[command] = Shell(self).run(command)
        return self._outputs[command]


class Shell:
    """A shell in the folder, which keeps variables and working folder between commands."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._state = folder.place.parent / "state.sh"
        self._state.write_text(f"cd {folder.place}\n", encoding="utf-8")

    def run(self, command: str) -> str:
        """Run a command, require exit status 0, and return its output."""
        script = f"source {self._state}; set -eo pipefail; {command}\n{{ export -p; echo cd $PWD; }} > {self._state}"
        return self._finish(["bash", "-c", script], command)

    def run_python(self, code: str) -> str:
        return self._finish([str(self.folder.place / ".venv/bin/python"), "-c", code], code)

    def serve(self, command: str) -> str:
        """Start a server, wait until it is ready, and stop it by Ctrl-C."""
        log = self.folder.place.parent / "server.log"
        with log.open("wb") as file:
            server = subprocess.Popen(
                ["bash", "-c", f"source {self._state}; exec {command}"],
                env=self.folder.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=heed_signals,  # noqa: PLW1509 - no threads yet
            )
        try:
            found = self._wait_for(SERVERS[command], log, server)
            if "address" in found.groupdict():
                self._wait_until_it_answers(f"{found['address']}/server_info", log, server)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGINT)
            server.wait(STARTS_WITHIN)
        return log.read_text(encoding="utf-8")

    def _wait_for(self, pattern: str, log: Path, server: "subprocess.Popen[bytes]") -> re.Match[str]:
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends:
            said = log.read_text(encoding="utf-8")
            if found := re.search(pattern, said):
                return found
            assert server.poll() is None, said[-3000:]
            time.sleep(0.2)
        raise AssertionError(f"nothing like {pattern} in {STARTS_WITHIN} s: {log.read_text(encoding='utf-8')[-3000:]}")

    def _wait_until_it_answers(self, address: str, log: Path, server: "subprocess.Popen[bytes]") -> None:
        """Wait until the server answers: Dagster prints its URL earlier."""
        ends = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < ends:
            with contextlib.suppress(httpx.TransportError):
                assert httpx.get(address, timeout=60).status_code == HTTPStatus.OK
                return
            assert server.poll() is None, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.2)
        raise AssertionError(f"{address} does not answer: {log.read_text(encoding='utf-8')[-3000:]}")

    def _finish(self, command: list[str], said: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder.place,
            env=self.folder.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=ENDS_WITHIN,
            check=False,
        )
        assert done.returncode == 0, f"{said}\nended with {done.returncode}:\n{done.stdout[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Folder]:
    place = tmp_path_factory.mktemp("docs")
    yield Folder(place)
    shutil.rmtree(place)


def read_page(page: str) -> list[Block]:
    return find_blocks(page, (ROOT / page).read_text(encoding="utf-8"))


def run_block(block: Block, folder: Folder, shell: Shell) -> str:
    if block.language == "python":
        return shell.run_python(block.code)
    output = ""
    for command in split_commands(fill(block.code)):
        if command in SERVERS:
            output += shell.serve(command)
        elif command in ONCE:
            output += folder.run_once(command)
        elif command not in NOT_RUN:
            output += shell.run(command)
    return output


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs_and_prints_what_the_page_says(page, folder):
    folder.run_once("make demo")
    shell = folder.open_shell()
    for block in read_page(page):
        if block.language in {"bash", "python"} and not block.not_run:
            start = time.monotonic()
            output = run_block(block, folder, shell)
            assert "nanobind" not in output, f"{block}\nprinted:\n{output[-3000:]}"
            print(f"{time.monotonic() - start:6.1f} s  {block}")  # noqa: T201 - shows what takes long
            assert find_missing(block.output or "", output) == [], f"{block}\nprinted:\n{output[-3000:]}"


def test_few_blocks_are_not_run_and_each_has_a_reason():
    blocks = [block for page in PAGES for block in read_page(page)]
    marked = [block for block in blocks if block.not_run]

    for block in marked:
        print(f"{block.page}:{block.line}: {block.not_run}")  # noqa: T201 - lists the blocks that are not run
    assert {block.not_run for block in marked} == REASONS
    assert len(marked) <= 16  # recording and the archive need the network, training a GPU


def test_all_blocks_have_a_known_language():
    blocks = [block for page in PAGES for block in read_page(page)]

    assert {block.language for block in blocks} <= {"bash", "python", "json", "yaml", "text", "{toctree}"}
    assert all(yaml.safe_load(block.code) for block in blocks if block.language == "yaml")
    assert all(json.loads(line) for block in blocks if block.language == "json" for line in block.code.splitlines())


def test_a_block_is_found_with_its_reason_and_its_output():
    text = """
<!-- not run: too long -->
```bash
make all
```

```bash
ls
```
prints

```text
a
```
"""

    first, second = find_blocks("page.md", text)

    assert (first.not_run, first.output, first.line) == ("too long", None, 3)
    assert (second.code, second.not_run, second.output) == ("ls\n", None, "a\n")


def test_servers_and_commands_that_run_once_are_split_off():
    assert split_commands("export A=1\nmake demo   # all\nmake dev\nls\necho\n") == [
        "export A=1",
        "make demo",
        "make dev",
        "ls\necho",
    ]


def test_a_server_within_a_longer_command_is_refused():
    with pytest.raises(ValueError, match="by itself"):
        split_commands("PERSONA_SEED=1 make dev")


def test_output_is_compared_line_by_line_without_numbers():
    assert find_missing("8 personas of ... in 9.1 s\n\nFiles:\n", "noise\n10 personas of A in  31 s\nFiles:  \n") == []
    assert find_missing("a\nb\n", "b\na\n") == ["b"]

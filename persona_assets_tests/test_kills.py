"""Sixty kills, spread over runs of the whole graph in one DAGSTER_HOME, do not affect later runs."""

import random
import shutil
import time
from pathlib import Path

import pytest

from persona_assets_tests.dying import Moment, count_moments, run_command
from persona_assets_tests.whole_graph import DAY, settings, stored

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
KILLS = 60
WHOLE_RUN_EVERY = 10
# A run takes about 10 s. One that waits for a lock of a killed run would never end.
HANGS_AFTER_SECONDS = 600
EVERYTHING = ("asset", "materialize", "-m", "persona_assets.definitions", "--select", "*", "--partition", DAY)


@pytest.fixture
def run(data, tmp_path):  # noqa: ARG001 - sets the environment of the run
    """Run the whole graph by the command line, until it ends or is killed at a moment."""
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
    environment = settings() | {"DAGSTER_HOME": str(home), "TMPDIR": str(scratch)}

    def start(moment: Moment | None) -> int | None:
        return run_command(EVERYTHING, moment, environment, timeout=HANGS_AFTER_SECONDS)

    start.count = lambda: count_moments(EVERYTHING, _anywhere(tmp_path, 1), environment)
    return start


def _anywhere(folder: Path, nth: int) -> Moment:
    """The nth time that a file or folder below the test's folder is written, created or renamed."""
    return Moment("any", str(folder), nth)


def test_no_kill_harms_a_later_run(run, data, undisturbed, tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - to find a failure again
    rng = random.Random(seed)  # noqa: S311 - no secret
    moments = run.count()
    killed = whole = 0
    started = time.monotonic()
    while killed < KILLS:
        # One in each sixtieth of a run, so that they are spread over the graph.
        nth = 1 + int(moments * (killed + rng.random()) / KILLS)
        code = run(_anywhere(tmp_path, nth))
        assert code in (0, -9), f"kill {killed} at moment {nth} of {moments}, seed {seed}"
        # A run with cached vectors has fewer moments, and may end before the chosen one.
        killed += 1 if code else 0
        moments = moments if code else nth - 1
        if not killed % WHOLE_RUN_EVERY:
            assert run(None) == 0, f"the run after kill {killed}, seed {seed}"
            assert stored(data) == stored(undisturbed)
            whole += 1
    print(f"{killed} kills, {whole} whole runs, {time.monotonic() - started:.0f} s")  # noqa: T201 - the output of the run

    assert whole >= KILLS // WHOLE_RUN_EVERY

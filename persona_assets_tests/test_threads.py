"""Every asset has the same bytes with 1, 2, 4 and 8 threads or processes."""

import pytest

from persona_assets_tests.dying import materialize_with_threads
from persona_assets_tests.whole_graph import DAY, STEPS, settings, stored

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]


@pytest.mark.parametrize("threads", [1, 2, 4, 8])
def test_all_assets_are_the_same_bytes(threads, data, undisturbed, tmp_path):
    environment = settings() | {
        "TMPDIR": str(tmp_path),
        "PERSONA_THREADS": f"{threads}",
        "PERSONA_WORKERS": f"{threads}",
        "PERSONA_VECTOR_STORE": "off",
    }

    assert materialize_with_threads(STEPS, DAY, threads, environment) == 0

    differing = {name for name, content in stored(undisturbed).items() if stored(data).get(name) != content}
    assert differing == set()

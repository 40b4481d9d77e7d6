"""One failed measure stops a release, and removes the earlier one."""

import pytest
from upath import UPath

from persona_assets.assets.dataset.gate import GateMeasures
from persona_assets.assets.dataset.gate_checks import GATE_CHECKS, evaluate_gate, refuse_if_failed
from persona_assets.errors import ReleaseCheckError
from persona_assets_tests.privacy.builders import audit

PASSED = GateMeasures(0, 0, 0, 0, 0, 20, (), {"users": 5}, audit())


def test_a_release_without_fault_has_a_result_of_each_check(tmp_path):
    results = evaluate_gate(PASSED)

    assert [result.check_name for result in results] == [check.name for check in GATE_CHECKS]
    assert all(result.passed for result in results)
    assert list(refuse_if_failed(results, UPath(tmp_path / "none"))) == []


@pytest.mark.parametrize("measure", ["unaccounted", "account_ids", "deleted", "refusing", "personal_data"])
def test_a_fault_is_an_error_after_all_results(tmp_path, measure):
    (tmp_path / "README.md").touch()
    results = []

    with pytest.raises(ReleaseCheckError, match="the earlier one of that day was removed"):
        results.extend(refuse_if_failed(evaluate_gate(PASSED._replace(**{measure: 1})), UPath(tmp_path)))

    assert len(results) == len(GATE_CHECKS)
    assert not tmp_path.exists()

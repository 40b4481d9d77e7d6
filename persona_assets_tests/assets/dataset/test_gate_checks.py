"""One failed measure stops a release, and removes the earlier one."""

import pytest
from upath import UPath

from persona_assets.assets.dataset.gate import Audit
from persona_assets.assets.dataset.gate_checks import GATE_CHECKS, let_pass
from persona_assets.errors import ReleaseError
from persona_assets_tests.privacy.builders import audit

PASSED = Audit(0, 0, 0, 0, 0, 20, (), {"users": 5}, audit())


def test_a_release_without_fault_has_a_result_of_each_check(tmp_path):
    results = list(let_pass(PASSED, UPath(tmp_path / "none")))

    assert [result.check_name for result in results] == [check.name for check in GATE_CHECKS]
    assert all(result.passed for result in results)


@pytest.mark.parametrize("measure", ["unaccounted", "account_ids", "deleted", "refusing", "personal_data"])
def test_a_fault_is_an_error_after_all_results(tmp_path, measure):
    (tmp_path / "README.md").touch()
    results = []

    with pytest.raises(ReleaseError, match="the earlier one of that day was removed"):
        results.extend(let_pass(PASSED._replace(**{measure: 1}), UPath(tmp_path)))

    assert not tmp_path.exists()

"""What the gate measured is on the card, each figure with whether it passed."""

from persona_assets.assets.dataset.describe import list_figures
from persona_assets.assets.dataset.gate import Audit
from persona_assets_tests.assets.dataset.builders import OPTIONS

PASSED = Audit(0, 0, 0, 0, 0, 20, (), {"users": 5, "texts": 6})


def test_each_measure_has_a_figure():
    assert [figure.passed for figure in list_figures(PASSED, OPTIONS)] == [True] * 6
    failed = Audit(1, 2, 3, 4, 5, 20, ("5 users are in more than one split",), {"users": 5})
    assert [figure.passed for figure in list_figures(failed, OPTIONS)] == [False] * 6
    assert list_figures(failed, OPTIONS)[-1].value == "5 users are in more than one split, of 5 users"


def test_kept_texts_are_not_said_to_be_without_personal_data():
    (figure,) = [one for one in list_figures(PASSED, OPTIONS._replace(clean=False)) if "personal data" in one.name]

    assert figure.value == "texts were kept as they are"

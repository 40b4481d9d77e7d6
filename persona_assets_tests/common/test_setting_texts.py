import pydantic

from persona_assets.common.setting_texts import describe_bounds, explain_setting_errors


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    seed: int = 0
    window_days: int = 7


def explain(**given):
    try:
        Model(**given)
    except pydantic.ValidationError as error:
        return explain_setting_errors(error, ["SEED", "WINDOW_DAYS"], prefix="P_")
    return None


def test_a_variable_that_is_misspelt_is_told_with_what_was_meant():
    assert explain(window_day="3") == "P_WINDOW_DAY is not a setting; did you mean P_WINDOW_DAYS?"
    assert explain(other="3") == "P_OTHER is not a setting; the settings are P_SEED, P_WINDOW_DAYS"


def test_each_wrong_value_is_told():
    told = explain(seed="x", window_days="y")

    assert told.count("P_SEED='x': ") == told.count("P_WINDOW_DAYS='y': ") == 1


def test_bounds_are_told_in_words():
    assert describe_bounds({}) == ""
    assert describe_bounds({"ge": 1}) == " At least 1."
    assert describe_bounds({"ge": 1, "le": 5}) == " From 1 to 5."

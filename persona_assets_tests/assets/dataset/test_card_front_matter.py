"""The front matter has a config a persona, and stays small with many personas."""

import pytest
import yaml

from persona_assets.assets.dataset.card_front_matter import name_config, render_front_matter
from persona_assets.assets.dataset.release_schemas import FORMS
from persona_assets.assets.dataset.write_shards import Shard


def front_matter(n_personas, forms=tuple(FORMS)):
    shards = [
        Shard(form, f"persona_{number}", split, f"data/{form}/persona_{number}/{split}-00000-of-00001.parquet", 5, 7, 9)
        for form in forms
        for number in range(n_personas)
        for split in ("train", "test")
    ]
    written = render_front_matter(
        shards,
        {form: FORMS[form] for form in forms},
        license_name="other",
        pretty_name='a "title": so',
        language="en",
        gate="agree: yes",
    )
    assert written.startswith("---\n")
    assert written.endswith("\n---\n")
    return yaml.safe_load(written.removesuffix("---\n"))


def configs(parsed):
    return {config["config_name"]: config["data_files"] for config in parsed["configs"]}


def test_each_persona_and_all_have_a_config_with_the_splits_that_have_rows():
    found = configs(front_matter(3))

    assert set(found) == {
        name_config(form, name) for form in FORMS for name in ("all", *(f"persona_{n}" for n in range(3)))
    }
    assert found["persona_2"] == [
        {"split": split, "path": f"data/chat/persona_2/{split}-*.parquet"} for split in ("train", "test")
    ]
    assert found["threads_all"][0]["path"] == "data/threads/*/train-*.parquet"


def test_with_many_personas_other_forms_have_one_config():
    found = configs(front_matter(600))

    assert len(found) == 601 + len(FORMS) - 1
    assert {"all", "persona_599", "threads_all", "dehydrated_all"} <= set(found)


@pytest.mark.parametrize("forms", [("threads",), ("dehydrated", "threads"), ("chat",)])
def test_any_forms_can_be_released(forms):
    parsed = front_matter(2, forms)

    assert {info["config_name"] for info in parsed["dataset_info"]} == {name_config(form, "all") for form in forms}
    assert parsed["dataset_info"][0]["splits"][0] == {"name": "train", "num_bytes": 14, "num_examples": 10}
    assert parsed["pretty_name"] == 'a "title": so'
    assert parsed["size_categories"] == ["n<1K"]

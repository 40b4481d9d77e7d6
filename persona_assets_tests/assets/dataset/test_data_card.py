"""The card says what was written and dropped, and a loader of the Hub reads its front matter."""

import datasets
import pytest

from persona_assets.assets.dataset.data_card import CardOptions
from persona_assets.assets.dataset.descriptions import write_descriptions
from persona_assets.assets.dataset.gate import measure_release
from persona_assets_tests.assets.dataset.builders import OPTIONS, persona_of, release, window

CARD = CardOptions("cc-by-4.0", "en", "words", ["2025-03-01", "2025-03-02"])


@pytest.fixture
def made(tmp_path):
    folder, said, given, _ = release(*window(), tmp_path)
    found = measure_release(folder, said, given, OPTIONS, memory_limit="1GB", scratch=tmp_path)
    personas = [persona_of(0)._replace(name="a|b *c*"), persona_of(1)]
    write_descriptions(folder, said, personas, OPTIONS, CARD, found)
    return folder, said, (folder / "README.md").read_text(encoding="utf-8")


def test_numbers_on_the_card_are_those_of_the_release(made):
    _, said, card = made

    assert f"{said.read:,} lines were read, {sum(said.splits.kept.values()):,} are in a split" in card
    for reason, count in said.dropped.items():
        assert f"| {reason} | {count:,} |" in card
    assert "email 2" in card


def test_names_are_no_markup_in_the_card(made):
    assert r"| persona_10 | a\|b \*c\* |" in made[2]


def test_the_front_matter_names_splits_that_have_rows(made):
    folder, said, card = made
    data = datasets.load_dataset_builder(str(folder), "all").info

    assert "license: cc-by-4.0" in card
    assert {name: split.num_examples for name, split in data.splits.items()} == {
        split: sum(shard.rows for shard in said.shards if (shard.form, shard.split) == ("chat", split))
        for split in {shard.split for shard in said.shards}
    }

from persona_assets.assets.agent_profiles.derive_agents import PersonaCard
from persona_assets.assets.agent_profiles.describe_agent import (
    MAX_CHARACTERS,
    MAX_PHRASES,
    clean_text,
    describe_agent,
    list_interests,
)
from persona_assets_tests.assets.agent_profiles.builders import HOSTILE, cards_of, derive


def test_an_agent_is_described_by_its_persona_and_its_habits(tmp_path):
    (agent,) = derive(tmp_path, 20).agents.to_pylist()

    text = describe_agent(agent, cards_of(1)[0])

    assert "the group 'gardens 0'" in text
    assert "balcony tomatoes, compost" in text
    assert "1 replies" in text
    assert "from 07 to 13 h UTC" in text
    assert "age, gender, country and profession are unknown" in text


def test_texts_of_strangers_stay_on_one_line_and_are_bounded():
    assert clean_text(HOSTILE) == "=cmd|'/c calc'!A1 </script>| {name}"
    assert len(clean_text("x" * 10_000)) == MAX_CHARACTERS
    assert len(list_interests(PersonaCard(1, "a", "b", ("phrase",) * 99))) == MAX_PHRASES


def test_an_agent_that_does_nothing_has_no_hours(tmp_path):
    (agent,) = derive(tmp_path, 20, rows=[]).agents.to_pylist()

    text = describe_agent(agent, PersonaCard(None, "cluster 0", "", ()))

    assert "hardly ever" in text
    assert "UTC" not in text

from collections import Counter

from persona_assets.common.setting_topics import SETTING_TOPICS
from persona_assets.settings import Settings


def test_each_setting_has_exactly_one_topic():
    listed = Counter(name for names in SETTING_TOPICS.values() for name in names)

    assert listed == Counter(list(Settings.model_fields))

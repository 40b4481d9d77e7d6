"""Take from a text what is in no language: links, mentions, hashtags, emoji."""

import re

# A link with or without its scheme: Bluesky's clients shorten links to "host/path..." in the text itself. The
# list of bare hosts' endings is short on purpose: "this.Is" and "end.To" are typos, not links.
_LINK = (
    r"https?://\S+|www\.\S+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|co|tv|me|ly|be|uk|social|app|dev)\b(?:/\S*)?"
)
_HANDLE_OR_TAG = r"[@#\uff20\uff03]\w[\w.\-]*"
# Emoji, dingbats, arrows, the joiners and variation selectors between them, flags and tags; and control
# characters, which the detector refuses.
_SYMBOL = (
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20e3\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff"
    "\x00-\x1f\x7f-\x9f]"
)
_NO_LANGUAGE = re.compile(f"{_LINK}|{_HANDLE_OR_TAG}|{_SYMBOL}+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")


def clean_text(text: str) -> str:
    """Return the words of `text`, or "" if it has no letter once links, mentions, hashtags and emoji are gone."""
    words = _NO_LANGUAGE.sub(" ", text)
    return words if _LETTER.search(words) else ""

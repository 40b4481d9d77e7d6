"""Remove from a text what belongs to no language: links, mentions, hashtags, emoji, check-ins at places."""

import re
import unicodedata

# Links with or without a scheme: Bluesky's clients shorten links to "host/path..." in the text itself. The list of
# top-level domains is short on purpose: "this.Is" and "end.To" are typos, not links. The lookbehind before a host keeps
# the search linear in texts without spaces.
_ENDINGS = "com|org|net|edu|gov|io|co|tv|me|ly|be|uk|social|app|dev"
_LINK = rf"https?://\S+|www\.\S+|(?<![\w.@-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_ENDINGS})\b(?:/\S*)?"
_MENTION_OR_TAG = r"[@#\uff20\uff03]\w[\w.\-]*"
_ENTITY = r"&\w{2,6};"
# Emoji, dingbats, arrows, joiners and variation selectors between them, flags and tags; and control characters, which
# the language detector rejects.
_SYMBOL = (
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20e3\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff"
    "\x00-\x1f\x7f-\x9f]"
)
_LINKS = re.compile(_LINK, re.IGNORECASE)
_DOT_IN_WORD = re.compile(r"\.\w|://")
_MENTIONS_AND_TAGS = re.compile(rf"{_MENTION_OR_TAG}|{_ENTITY}")
_SYMBOLS = re.compile(f"{_SYMBOL}+")
# Check-ins such as "lovely @ Café de Flore" or "(with Ana at Jalan Sudirman)": names of places and friends at the end
# of a text, in the language of the place.
_CHECK_IN = re.compile(r"(?<=\S)\s+(?:\(?@\s|\((?:at|with|w/)\s).*", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_STRETCHED = re.compile(r"(\w)\1\1+")
_TAG = re.compile(r"[#\uff03](\w+)")
_WORD_START = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def clean_text(text: str) -> str:
    """Remove links, mentions, hashtags and emoji from a text; return "" if no letter remains.

    A text of hashtags alone becomes their words ("#GoodMorning" becomes "Good Morning"). A letter repeated three times
    or more is written once ("yessss" becomes "yes"). Styled letters, such as mathematical bold and full-width ones,
    become plain letters (Unicode NFKC).
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    words = _strip(text)
    if not _LETTER.search(words):
        words = " ".join(_WORD_START.sub(" ", tag) for tag in _TAG.findall(text))
        if not _LETTER.search(words):
            return ""
    return _STRETCHED.sub(r"\1", words)


def _strip(text: str) -> str:
    """Remove links, mentions, hashtags, emoji and check-ins.

    A pattern is applied only to texts with a character that it needs. This is twice as fast, as most texts have neither
    links nor mentions.
    """
    is_plain = text.isascii()
    if "(" in text or "@" in text:
        text = _CHECK_IN.sub("", text)
    if _DOT_IN_WORD.search(text):
        text = _LINKS.sub(" ", text)
    if "@" in text or "#" in text or "&" in text or not is_plain:
        text = _MENTIONS_AND_TAGS.sub(" ", text)
    if is_plain and text.isprintable():
        return text
    text = _SYMBOLS.sub(" ", text)
    return _CHECK_IN.sub("", text) if "@" in text or "(" in text else text  # "lovely @\U0001f4cd Brighton"

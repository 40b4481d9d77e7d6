"""Take from a text what is in no language: links, mentions, hashtags, emoji, places checked in at."""

import re
import unicodedata

# A link with or without its scheme: Bluesky's clients shorten links to "host/path..." in the text itself. The
# list of bare hosts' endings is short on purpose: "this.Is" and "end.To" are typos, not links. What may not stand
# before a host keeps the search linear in a text without spaces.
_ENDINGS = "com|org|net|edu|gov|io|co|tv|me|ly|be|uk|social|app|dev"
_LINK = rf"https?://\S+|www\.\S+|(?<![\w.@-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_ENDINGS})\b(?:/\S*)?"
_MENTION_OR_TAG = r"[@#\uff20\uff03]\w[\w.\-]*"
_ENTITY = r"&\w{2,6};"
# Emoji, dingbats, arrows, the joiners and variation selectors between them, flags and tags; and control
# characters, which the detector refuses.
_SYMBOL = (
    "[\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20e3\ufe00-\ufe0f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff"
    "\x00-\x1f\x7f-\x9f]"
)
_LINKS = re.compile(_LINK, re.IGNORECASE)
_DOT_IN_WORD = re.compile(r"\.\w|://")
_MENTIONS_AND_TAGS = re.compile(rf"{_MENTION_OR_TAG}|{_ENTITY}")
_SYMBOLS = re.compile(f"{_SYMBOL}+")
# "lovely @ Café de Flore", "(with Ana at Jalan Sudirman)": names of places and friends behind a text, in the
# language of the place.
_CHECK_IN = re.compile(r"(?<=\S)\s+(?:\(?@\s|\((?:at|with|w/)\s).*", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_STRETCHED = re.compile(r"(\w)\1\1+")
_TAG = re.compile(r"[#\uff03](\w+)")
_WORD_START = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def clean_text(text: str) -> str:
    """Return the words of `text`, or "" if there are none.

    A text that is nothing but hashtags gives the words of these ("#GoodMorning": "Good Morning"). A letter that
    is written three times or more stands once, so that "yessss" is a word. Letters that differ from others in looks
    alone, as mathematical bold and full-width ones, are those others (NFKC).
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
    """Take out what is in no language; a pattern is tried only on texts that have a character that it needs.

    That makes it twice as fast: most texts have neither link nor mention.
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

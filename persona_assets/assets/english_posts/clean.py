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
# What every link has. Few texts have it, and the search for links takes most of the time.
_MARK_OF_LINK = re.compile(rf"://|www\.|\.(?:{_ENDINGS})\b", re.IGNORECASE)
_MENTIONS_AND_TAGS = re.compile(rf"{_MENTION_OR_TAG}|{_ENTITY}")
_SYMBOLS = re.compile(f"{_SYMBOL}+")
# Check-ins such as "lovely @ Café de Flore" or "(with Ana at Jalan Sudirman)": names of places and friends at the end
# of a text, in the language of the place.
_CHECK_IN = re.compile(r"(?<=\S)\s+(?:\(?@\s|\((?:at|with|w/)\s).*", re.DOTALL)
_SPACE = re.compile(r"\s")
_MARK_OF_CHECK_IN = re.compile(r"@\s|\((?:at|with|w/)\s")
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
    return _STRETCHED.sub(r"\1", words) if _may_repeat_thrice(words) else words


def _remove_links(text: str) -> str:
    """Replace links by spaces, searching only the words that have a mark of one."""
    mark = _MARK_OF_LINK.search(text)
    if mark is None:
        return text
    parts: list[str] = []
    end = 0
    while mark is not None:
        before = text[end : mark.start()]
        start = mark.start() - (len(before.split()[-1]) if before and not before[-1].isspace() else 0)
        space = _SPACE.search(text, mark.end())
        stop = space.start() if space else len(text)
        parts += [text[end:start], _LINKS.sub(" ", text[start:stop])]
        end = stop
        mark = _MARK_OF_LINK.search(text, end)
    return "".join(parts) + text[end:]


def _may_repeat_thrice(text: str) -> bool:
    """Return False only if no character follows itself twice: compares the text with itself, shifted by a character."""
    width, encoded = (1, text.encode()) if text.isascii() else (4, text.encode("utf-32-le", "surrogatepass"))
    size = len(encoded) - width
    differences = int.from_bytes(encoded[:size], "little") ^ int.from_bytes(encoded[width:], "little")
    return bytes(2 * width) in differences.to_bytes(max(size, 0), "little")


def _strip(text: str) -> str:
    """Remove links, mentions, hashtags, emoji and check-ins.

    A pattern is applied only to texts with a character that it needs. This is twice as fast, as most texts have neither
    links nor mentions.
    """
    is_plain = text.isascii()
    if ("@" in text or "(" in text) and _MARK_OF_CHECK_IN.search(text):
        text = _CHECK_IN.sub("", text)
    if _DOT_IN_WORD.search(text):
        text = _remove_links(text)
    if "@" in text or "#" in text or "&" in text:  # NFKC has made full-width ones plain
        text = _MENTIONS_AND_TAGS.sub(" ", text)
    if is_plain and text.isprintable():
        return text
    text = _SYMBOLS.sub(" ", text)
    return _CHECK_IN.sub("", text) if "@" in text or "(" in text else text  # "lovely @\U0001f4cd Brighton"

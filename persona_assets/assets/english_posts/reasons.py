"""Reasons why a post is kept or dropped: the possible values of `language_reason`.

"The language" is the one to keep, English by default. "Declared" are the languages in `langs`, set by the author's
client; "detected" is the language of the text itself.
"""

DECLARED_AND_DETECTED = "declared_and_detected"
DETECTED = "detected"
DETECTED_AGAINST_DECLARED = "detected_against_declared"
DECLARED = "declared"
OTHER_POSTS = "other_posts"
LIKELY = "likely"

NO_WORDS = "no_words"
OTHER_DETECTED = "other_detected"
OTHER_DETECTED_AGAINST_DECLARED = "other_detected_against_declared"
OTHER_DECLARED = "other_declared"
OTHER_POSTS_DIFFER = "other_posts_differ"
UNLIKELY = "unlikely"
WRITTEN_AGAIN = "written_again"

KEPT = {
    DECLARED_AND_DETECTED: "the language is declared, and the text is in it",
    DETECTED: "no language is declared; the text is in the language",
    DETECTED_AGAINST_DECLARED: "only other languages are declared, but the text clearly is in the language",
    DECLARED: "the text is not clear; only the language is declared",
    OTHER_POSTS: "neither text nor declaration is clear; the author's other posts are mostly in the language",
    LIKELY: "neither text, declaration nor the author's other posts are clear; the language is more likely",
}
DROPPED = {
    NO_WORDS: "blank, or nothing but links, mentions, digits and emoji",
    OTHER_DETECTED: "the text is in another language, and the language is not declared",
    OTHER_DETECTED_AGAINST_DECLARED: "the language is declared, but the text clearly is in another language",
    OTHER_DECLARED: "the text is not clear; only other languages are declared",
    OTHER_POSTS_DIFFER: "neither text nor declaration is clear; the author's other posts are mostly in other languages",
    UNLIKELY: "neither text, declaration nor the author's other posts are clear; another language is more likely",
    WRITTEN_AGAIN: "a later version of the post, with the same URI, is kept",
}

"""Why a message is kept or dropped: the closed set of `language_reason`.

"The language" is the one looked for, English by default. "Declared" is what the author's client says in
`langs`; "detected" is what the text itself shows.
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
    DECLARED_AND_DETECTED: "the language is declared, and the text shows it",
    DETECTED: "nothing is declared; the text shows the language",
    DETECTED_AGAINST_DECLARED: "only others are declared, yet the text clearly is in the language",
    DECLARED: "the text does not tell; the language alone is declared",
    OTHER_POSTS: "neither text nor declaration tell; most of the author's posts of the day are in the language",
    LIKELY: "neither text, declaration nor the author's other posts tell, yet the language is the likelier guess",
}
DROPPED = {
    NO_WORDS: "blank, or nothing but links, mentions, digits and emoji",
    OTHER_DETECTED: "the text shows another language, and the language is not declared",
    OTHER_DETECTED_AGAINST_DECLARED: "the language is declared, yet the text clearly is in another",
    OTHER_DECLARED: "the text does not tell; only others are declared",
    OTHER_POSTS_DIFFER: "neither text nor declaration tell; most of the author's posts of the day are in others",
    UNLIKELY: "neither text, declaration nor the author's other posts tell, and another is the likelier guess",
    WRITTEN_AGAIN: "a later version under the same uri is kept: one uri, one post",
}

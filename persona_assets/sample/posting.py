"""Make the records of messages: posts, replies and quotes with text, pictures, links and hashtags."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample import records
from persona_assets.sample.people import Person, draw_declared_languages
from persona_assets.sample.phrases import EMOJI
from persona_assets.sample.records import RecordJson, StrongRef
from persona_assets.sample.texts import draw_item, generate_text

# Shares of the forms of messages without a quote. Those from "picture only" on have no text to embed.
FORM_SHARES = {
    "text": 0.76,
    "picture": 0.07,
    "link": 0.05,
    "null embed": 0.02,
    "null reply": 0.02,
    "picture only": 0.04,
    "link only": 0.02,
    "emoji only": 0.02,
}
PICTURE_SHARE = 0.35  # share of quotes with a picture
HASHTAG_SHARE = 0.06  # share of English messages with a hashtag


@dataclass(slots=True)
class SamplePost:
    """A message in the simulation, which others can like, answer and quote until it is deleted (`gone`)."""

    author: Person
    rkey: str
    ref: StrongRef
    record: RecordJson
    gone: bool = False

    @property
    def root(self) -> StrongRef:
        """The first message of this message's thread, which a reply has to reference."""
        reply = self.record.get("reply")
        return StrongRef(**reply["root"]) if reply else self.ref


def make_post_record(  # noqa: PLR0913 - a message depends on author, time, and what it answers and quotes
    author: Person,
    created_us: int,
    *,
    personas: Sequence[str],
    parent: StrongRef | None,
    root: StrongRef | None,
    quoted: StrongRef | None,
    rng: np.random.Generator,
) -> RecordJson:
    """Make the record of a new post, reply or quote, with random text and media.

    It replies to `parent` and quotes `quoted`, unless these are None.
    """
    text = generate_text(author, personas, rng, answering=parent is not None)
    fields: RecordJson = {}
    if author.persona is not None and rng.random() < HASHTAG_SHARE:
        text, facet = records.append_hashtag(text, author.persona)
        fields["facets"] = [facet]
    fields["text"] = text
    if quoted is not None:
        with_picture = rng.random() < PICTURE_SHARE
        fields["embed"] = (
            records.make_quote_and_picture_embed(quoted, rng) if with_picture else records.make_quote_embed(quoted)
        )
    else:
        _set_form(fields, list(FORM_SHARES)[rng.choice(len(FORM_SHARES), p=list(FORM_SHARES.values()))], rng)
    if parent is not None and root is not None:
        fields["reply"] = {"parent": records.to_ref_json(parent), "root": records.to_ref_json(root)}
    languages = draw_declared_languages(author, rng)
    if languages is not None:
        fields["langs"] = languages
    return records.make_record(POST, created_us, **fields)


def _set_form(fields: RecordJson, form: str, rng: np.random.Generator) -> None:
    """Change the fields of a record to one of the forms in `FORM_SHARES`."""
    address = f"example.com/{rng.integers(10_000)}"
    match form:
        case "picture" | "picture only":
            fields["embed"] = records.make_picture_embed(rng)
        case "link" | "link only":
            fields["embed"] = records.make_link_embed(f"https://{address}", rng)
        case "null embed":
            fields["embed"] = None
        case "null reply":
            fields["reply"] = None
        case _:
            pass
    replaced_text = {"picture only": "", "link only": f"https://{address}", "emoji only": draw_item(EMOJI, rng) * 3}
    if form in replaced_text:
        fields["text"] = replaced_text[form]
        fields.pop("facets", None)

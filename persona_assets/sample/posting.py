"""One message: a post, a reply, a quote or both, with text, picture, card, hashtag or hardly anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample import records
from persona_assets.sample.people import Person, declare_languages
from persona_assets.sample.phrases import EMOJI
from persona_assets.sample.records import Record, Ref
from persona_assets.sample.texts import pick, write_text

# What a message that quotes nothing looks like. Those from "picture only" on have no text to embed.
LOOKS = {
    "text": 0.76,
    "picture": 0.07,
    "link": 0.05,
    "null embed": 0.02,
    "null reply": 0.02,
    "picture only": 0.04,
    "link only": 0.02,
    "emoji only": 0.02,
}
WITH_PICTURE = 0.35  # of quotes
WITH_TAG = 0.06


@dataclass(slots=True)
class Post:
    """A message that others can like, answer and quote."""

    author: Person
    rkey: str
    ref: Ref
    record: Record
    gone: bool = False

    @property
    def root(self) -> Ref:
        """What an answer to this message names as the start of its thread."""
        reply = self.record.get("reply")
        return Ref(**reply["root"]) if reply else self.ref


def make_post_record(  # noqa: PLR0913 - a message depends on who, when, and what it answers and quotes
    author: Person,
    created_us: int,
    *,
    personas: Sequence[str],
    parent: Ref | None,
    root: Ref | None,
    quoted: Ref | None,
    rng: np.random.Generator,
) -> Record:
    """Return the record of a new message by `author`, which answers `parent` and quotes `quoted` where given."""
    text = write_text(author, personas, rng, answering=parent is not None)
    fields: Record = {}
    if author.persona is not None and rng.random() < WITH_TAG:
        text, facet = records.append_tag(text, author.persona)
        fields["facets"] = [facet]
    fields["text"] = text
    if quoted is not None:
        with_picture = rng.random() < WITH_PICTURE
        fields["embed"] = records.embed_quote_with_picture(quoted, rng) if with_picture else records.embed_quote(quoted)
    else:
        _dress(fields, list(LOOKS)[rng.choice(len(LOOKS), p=list(LOOKS.values()))], rng)
    if parent is not None and root is not None:
        fields["reply"] = {"parent": records.write_ref(parent), "root": records.write_ref(root)}
    languages = declare_languages(author, rng)
    if languages is not None:
        fields["langs"] = languages
    return records.make_record(POST, created_us, **fields)


def _dress(fields: Record, look: str, rng: np.random.Generator) -> None:
    """Give a message its looks."""
    address = f"example.com/{rng.integers(10_000)}"
    match look:
        case "picture" | "picture only":
            fields["embed"] = records.embed_picture(rng)
        case "link" | "link only":
            fields["embed"] = records.embed_link(f"https://{address}", rng)
        case "null embed":
            fields["embed"] = None
        case "null reply":
            fields["reply"] = None
        case _:
            pass
    bare = {"picture only": "", "link only": f"https://{address}", "emoji only": pick(EMOJI, rng) * 3}
    if look in bare:
        fields["text"] = bare[look]
        fields.pop("facets", None)

"""Write the data card of a data set: how it was made, what is not in it, what the audit measured, and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from persona_assets.assets.dataset.build import TOO_LONG, Release, ReleaseOptions
from persona_assets.assets.dataset.card_front_matter import name_config, render_front_matter
from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.pair_acts import PAIRED
from persona_assets.assets.dataset.personas import Persona
from persona_assets.common.columns import read_description
from persona_assets.common.markdown_cells import escape_cell

GATE = (
    "The data set has public posts of real people. You agree not to identify or contact them, not to publish "
    "their texts one by one, to delete what they ask to have deleted, and to follow the law that protects them."
)
LIMITS = """\
- **A verbatim public post is found by search, whatever the pseudonym.** Pseudonyms, removed personal data and coarse
  times make it harder to join a user's lines; they hide nobody whose text is public. The form `dehydrated` has no text.
- Personal data is found by patterns. Names of people stay, and what tells who wrote a text may be none of these: a town
  and a profession, a rare illness.
- Acts such as likes are those that the network recorded in the window. What a user saw and ignored is an estimate where
  `act` is `ignore`.
- Personas are clusters of users who write about alike things. They are not types of people, and say nothing about age,
  gender or place.
- What was deleted after the last day that had been captured when this was made is still here. Remove it before you
  publish or train anew: `persona-rehydrate` fills the form `dehydrated` from a newer capture, without what was deleted
  since."""
CITATION = """\
```bibtex
@misc{blueprint2025,
  title = {BluePrint: A Social Media User Dataset for {LLM} Persona Evaluation and Training},
  year = {2025}, eprint = {2510.02343}, archivePrefix = {arXiv}
}
@software{persona_assets,
  title = {persona_assets: a Dagster asset graph from network captures to persona data sets}, year = {2026}
}
```"""


class CardOptions(NamedTuple):
    """Options of a data card, which the data does not show: license, language, tokenizer and days."""

    license_name: str
    language: str
    tokenizer: str
    days: Sequence[str]  # of the window


class AuditFigure(NamedTuple):
    """A measure of the audit in the data card: name, value, and whether it passed; None if it has no limit."""

    name: str
    value: str
    passed: bool | None  # None: never a reason to stop


def render_data_card(  # noqa: PLR0913, PLR0917 - what a card is made of
    release: Release,
    personas: Sequence[Persona],
    forms: Mapping[str, pa.Schema],
    options: ReleaseOptions,
    card: CardOptions,
    audit: Sequence[AuditFigure],
) -> str:
    """Render the data card of a data set, the content of `README.md`.

    Args:
        release: What was written.
        personas: All personas, also those without lines.
        forms: The schema of each form.
        options: How the data set was made.
        card: What else the card says.
        audit: What the gate measured.
    """
    title = f"Personas of {card.days[0]} to {card.days[-1]}"
    front = render_front_matter(
        release.shards,
        forms,
        license_name=card.license_name,
        pretty_name=title,
        language=card.language,
        gate=GATE,
    )
    main = next(iter(forms))
    parts = [
        front,
        f"# {title}\n",
        "What users of a social network wrote and did, by persona: a cluster of users who write about alike things.\n",
        _describe_loading(personas, forms),
        _describe_rows(release, personas, main),
        *(_describe_columns(form, schema) for form, schema in forms.items()),
        _describe_making(release, options, card),
        _describe_dropped(release),
        "## Audit\n\nThe release would have stopped had one of these failed. What is measured never stops it: "
        "`privacy.html` says what it means.\n\n"
        + _table(("check", "result", "passed"), [(f.name, f.value, _say_passed(f)) for f in audit]),
        f"## Limits\n\n{LIMITS}\n",
        f"## Citation\n\n{CITATION}\n",
    ]
    return "\n".join(parts)


def _say_passed(figure: AuditFigure) -> str:
    return "never blocks" if figure.passed is None else "yes" if figure.passed else "no"


def _describe_loading(personas: Sequence[Persona], forms: Mapping[str, pa.Schema]) -> str:
    main = next(iter(forms))
    first = personas[0].key if personas else "persona_0"
    others = "".join(
        f'\n{form} = load_dataset("FOLDER", "{name_config(form, "all")}")' for form in forms if form != main
    )
    return (
        f"## Load it\n\n```python\nfrom datasets import load_dataset\n\n"
        f'persona = load_dataset("FOLDER", "{name_config(main, first)}")  # splits of one persona\n'
        f'everything = load_dataset("FOLDER", "{name_config(main, "all")}"){others}\n```\n\n'
        "FOLDER is the folder of this file, or the data set's name on a hub. A persona's files in any form are in "
        f"`data/<form>/{first}/`.\n"
    )


def _describe_rows(release: Release, personas: Sequence[Persona], main: str) -> str:
    rows: dict[tuple[str, str], int] = {}
    for shard in release.shards:
        if shard.form == main:
            rows[shard.persona, shard.split] = rows.get((shard.persona, shard.split), 0) + shard.rows
    table = [
        (
            persona.key,
            escape_cell(persona.name),
            f"{persona.users:,}",
            *(f"{rows.get((persona.key, split), 0):,}" for split in SPLITS),
        )
        for persona in sorted(personas, key=lambda persona: persona.number)
    ]
    head = ("persona", "name", "users", *SPLITS)
    return f"## Personas\n\nRows of the form `{main}`.\n\n{_table(head, table)}"


def _describe_columns(form: str, schema: pa.Schema) -> str:
    rows = [(f"`{field.name}`", read_description(field) or "") for field in schema]
    return f"## Columns of `{form}`\n\n{_table(('column', 'meaning'), rows)}"


def _describe_making(release: Release, options: ReleaseOptions, card: CardOptions) -> str:
    users = {
        "line": "differ in each line",
        "persona": "are the same within a persona",
        "release": "are the same in the whole release",
    }[options.scope]
    how = "keyed pseudonyms" if options.key else "numbers in the order of appearance"
    personal = (
        "Placeholders such as [EMAIL] replaced personal data: "
        + (", ".join(f"{kind} {count:,}" for kind, count in sorted(release.personal_data.items())) or "none was found")
        if options.clean
        else "Personal data in texts was kept"
    )
    return (
        f"## How it was made\n\n"
        f"From a capture of Bluesky's public stream of {len(card.days)} days, {card.days[0]} to {card.days[-1]} (UTC), "
        f"by persona_assets. Users who write in `{card.language}` were clustered by what they write about; a line is a "
        "conversation up to a user's message, or a user's action with what it is about.\n\n"
        f"- {release.read:,} lines were read, {sum(release.splits.kept.values()):,} are in a split, of "
        f"{release.users:,} users.\n"
        f"- Names of users {users}: {how}. Instants are rounded down to the hour, or count from the line's start.\n"
        f"- {personal}.\n"
        f"- `chat`: answers are {options.acts}; at most {options.max_tokens:,} tokens of `{card.tokenizer}`, counted "
        f"message by message without a template's own tokens; {release.left_out:,} oldest messages were left out.\n"
        "- Others are `@user1`, `@user2` in the order of appearance. `What do you do next?` stands where the user "
        "writes first, or twice in a row.\n"
    )


def _describe_dropped(release: Release) -> str:
    dropped = dict(release.dropped)
    if release.too_long:
        dropped[f"{TOO_LONG}: not in `chat` and the forms made of it"] = release.too_long
    dropped |= {f"{reason}: not in `next_action`": count for reason, count in release.not_asked.items()}
    dropped |= {
        f"ignored post, in forms of pairs: {reason}": count
        for reason, count in release.ignored.items()
        if reason != PAIRED
    }
    rows = [(reason, f"{count:,}") for reason, count in sorted(dropped.items(), key=lambda item: (-item[1], item[0]))]
    return f"## What was dropped\n\nLines, by the first reason that applies.\n\n{_table(('reason', 'lines'), rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"

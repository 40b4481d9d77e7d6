"""Remove personal data from texts until no more is found."""

from __future__ import annotations

from collections import Counter

from persona_assets.personal_data import replace_personal_data

_MAX_ROUNDS = 4


def remove_personal_data(texts: list[str | None]) -> tuple[list[str | None], dict[str, int]]:
    """Replace personal data in texts by placeholders; also return the number of placeholders by kind."""
    counts = Counter[str]()
    # Where something was replaced, what is left can be found anew: once more, until nothing is.
    pending = list(range(len(texts)))
    texts = list(texts)
    for _ in range(_MAX_ROUNDS):
        removed = replace_personal_data([texts[place] for place in pending])
        counts.update(removed.counts)
        changed = [(place, text) for place, text in zip(pending, removed.texts, strict=True) if text != texts[place]]
        for place, text in changed:
            texts[place] = text
        pending = [place for place, _ in changed]
        if not pending:
            break
    return texts, {kind: count for kind, count in counts.items() if count}


def keep_texts(texts: list[str | None]) -> tuple[list[str | None], dict[str, int]]:
    """Return the texts unchanged and no counts: the `Cleaner` that does nothing."""
    return texts, {}

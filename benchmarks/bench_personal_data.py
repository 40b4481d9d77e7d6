"""Measure detectors of personal data on made-up posts, compared with Presidio, phonenumbers and python-stdnum.

    python benchmarks/bench_personal_data.py          # what is installed
    pip install '.[names]' presidio-analyzer phonenumbers python-stdnum      # in an environment of its own: everything

Files of posts: one by the author of the patterns, written before them, one by somebody who wrote no pattern, and two
for names alone (`scored_posts`).
`recall`: share of spans of which 90 % of the characters are found, under whatever kind. `precision`: share of found
spans of which half of the characters are personal data. `alarms`: share of harmless posts with a finding.
`texts/s`: texts per CPU second of one thread.

`presidio` is as BluePrint uses it: CREDIT_CARD, CRYPTO, EMAIL_ADDRESS, IP_ADDRESS, PHONE_NUMBER, URL, threshold 0.
"""

import importlib.util
import logging
import os
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")

from persona_assets.personal_data import KINDS, Span, find_personal_data
from persona_assets.personal_data.checksums import is_card_number, is_iban
from persona_assets.personal_data.names import MODELS, load_name_finder
from persona_assets_tests.scored_posts import FOLDER, Post, read_posts, score

STRUCTURED = [kind for kind in KINDS if kind != "name"]
FILES = ("posts_own.jsonl", "posts_other.jsonl", "posts_names.jsonl", "posts_traps.jsonl")
BLUEPRINT = {
    "CREDIT_CARD": "card",
    "CRYPTO": "card",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "URL": "url",
}
Detector = Callable[[Sequence[str]], Sequence[Sequence[Span]]]


def find_structured(texts: Sequence[str]) -> list[list[Span]]:
    """Find all kinds but names."""
    return [find_personal_data(text) for text in texts]


def make_presidio(kinds: dict[str, str]) -> Detector:
    """Return Presidio's analyzer with the small model."""
    # It asks the network for a list of domains, and logs at length that it has none.
    logging.getLogger("tldextract").setLevel(logging.CRITICAL)
    from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415 - optional
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: PLC0415 - optional

    models = [{"lang_code": "en", "model_name": MODELS[1]}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine)

    def detect(texts: Sequence[str]) -> list[list[Span]]:
        found = [analyzer.analyze(text, "en", entities=list(kinds), score_threshold=0) for text in texts]
        return [[Span(one.start, one.end, kinds[one.entity_type]) for one in of_text] for of_text in found]

    return detect


def make_phonenumbers() -> Detector:
    """Return the matcher of phonenumbers for numbers written as in the US or in Britain."""
    import phonenumbers  # noqa: PLC0415 - optional

    def detect(texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span(match.start, match.end, "phone")
                for region in ("US", "GB")
                for match in phonenumbers.PhoneNumberMatcher(text, region)
            ]
            for text in texts
        ]

    return detect


def make_names(model: str) -> Detector:
    """Return the finder of names by a model."""
    find_names = load_name_finder([model])
    return lambda texts: [[Span(*span, "name") for span in of_text] for of_text in find_names(texts)]


def keep(posts: Sequence[Post], kinds: Sequence[str], *, lower: bool | None = None) -> list[Post]:
    """Return the posts with spans of some kinds alone, and the harmless ones."""
    kept = []
    for post in posts:
        spans = [span for span in post.spans if span.kind in kinds]
        if lower is not None:
            spans = [span for span in spans if post.text[span.start : span.end].islower() == lower]
        if spans or not post.spans:
            kept.append(Post(post.text, spans))
    return kept


def measure_speed(detect: Detector, texts: Sequence[str], seconds: float = 2.0) -> float:
    """Return texts per CPU second: each text is distinct, as after removing duplicates."""
    detect(texts[:50])
    start, done = time.process_time(), 0
    while time.process_time() - start < seconds:
        detect([f"{text} {done}" for text in texts])
        done += len(texts)
    return done / (time.process_time() - start)


def print_detector(name: str, detect: Detector, kinds: Sequence[str]) -> None:
    """Print a row for each file."""
    for file in FILES:
        if (FOLDER / file).is_file():
            posts = read_posts(file)
            scored = score(keep(posts, kinds), detect)
            if not scored.known:
                continue
            by_kind = " ".join(f"{kind} {scored.recall([kind]):.2f}" for kind in kinds if scored.known[kind])
            every = score(posts, detect)
            print(
                f"{name:24}{file:18}{scored.recall(kinds):8.3f}{every.precision(KINDS):10.3f}"
                f"{every.alarms / every.harmless:8.3f}   {by_kind}"
            )
            if list(kinds) == ["name"]:
                cased, lower = (score(keep(posts, kinds, lower=of), detect).recall(kinds) for of in (False, True))
                print(f"{'':24}names: as written {cased:.3f}, in lower case {lower:.3f}")
    print(f"{name:24}{measure_speed(detect, [post.text for post in read_posts(FILES[0])]):8,.0f} texts/s")


def print_validators() -> None:
    """Print how phonenumbers and python-stdnum judge what our patterns find, and what that costs."""
    import phonenumbers  # noqa: PLC0415 - optional
    from stdnum import iban, luhn  # noqa: PLC0415 - optional

    posts = [post for file in FILES if (FOLDER / file).is_file() for post in read_posts(file)]
    phones = [post.text[span.start : span.end] for post in posts for span in post.spans if span.kind == "phone"]
    possible = valid = 0
    start = time.process_time()
    for phone in phones:
        parsed = []
        for region in ("US", "GB"):
            try:
                parsed.append(phonenumbers.parse(phone, region))
            except phonenumbers.NumberParseException:
                continue
        possible += any(phonenumbers.is_possible_number(one) for one in parsed)
        valid += any(phonenumbers.is_valid_number(one) for one in parsed)
    each = (time.process_time() - start) / max(1, len(phones))
    print(f"phonenumbers: of {len(phones)} true phones {possible} possible, {valid} valid; {each * 1e6:.0f} us each")
    for kind, ours, theirs in (("iban", is_iban, iban.is_valid), ("card", is_card_number, luhn.is_valid)):
        values = [post.text[span.start : span.end] for post in posts for span in post.spans if span.kind == kind]
        values = ["".join(character for character in value if character.isalnum()) for value in values]
        values += [value[:-1] + str((int(value[-1], 36) + 1) % 10) for value in values]
        same = sum(ours(value) == theirs(value) for value in values)
        costs = []
        for judge in (ours, theirs):
            start = time.process_time()
            for _ in range(100):
                for value in values:
                    judge(value)
            costs.append((time.process_time() - start) / (100 * len(values)) * 1e6)
        print(
            f"python-stdnum {kind}: same answer on {same} of {len(values)}; "
            f"ours {costs[0]:.1f} us, its {costs[1]:.1f} us"
        )


def main() -> None:
    """Print the table."""
    print(f"{'detector':24}{'posts':18}{'recall':>8}{'precision':>10}{'alarms':>8}")
    print_detector("ours, structured kinds", find_structured, STRUCTURED)
    for model in MODELS:
        if importlib.util.find_spec(model):
            print_detector(f"ours, {model[:17]}", make_names(model), ["name"])
    if importlib.util.find_spec("presidio_analyzer"):
        print_detector("presidio, 6 types, sm", make_presidio(BLUEPRINT), STRUCTURED)
        more = {**BLUEPRINT, "PERSON": "name", "US_SSN": "ssn", "IBAN_CODE": "iban", "LOCATION": "address"}
        print_detector("presidio, 10 types, sm", make_presidio(more), KINDS)
    if importlib.util.find_spec("phonenumbers"):
        print_detector("phonenumbers US+GB", make_phonenumbers(), ["phone"])
        if importlib.util.find_spec("stdnum"):
            print_validators()


if __name__ == "__main__":
    main()

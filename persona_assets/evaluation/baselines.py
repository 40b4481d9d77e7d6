"""Baselines that a model of personas has to beat. Each learns from training rows and predicts acts of other rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from persona_assets.evaluation.rows import Predictions, Rows
from persona_assets.evaluation.score_actions import macro_f1

Float64Array = npt.NDArray[np.float64]
Actions = npt.NDArray[np.str_]

MAX_TRAINING_ROWS = 50_000  # of those of more, as many are drawn
TERMS = 1 << 15  # columns of words and pairs of words of contexts
TEXT_DIMENSIONS = 32  # of a context, after singular value decomposition
_ITERATIONS = 60  # trees of each class
_HOURS_A_DAY, _DAYS_A_WEEK = 24, 7
# Of a categorical feature, by scikit-learn. The numbers of more personas are ordered.
_MAX_CATEGORIES = 255


class Baseline(Protocol):
    """Interface of a baseline that was fitted to training rows and predicts acts."""

    def predict(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Actions:
        """Return the predicted act of each row, `(n,)`, as if its user had the persona given for the row."""
        ...


class MajorityBaseline(NamedTuple):
    """Predicts the most frequent act of all training rows."""

    action: str

    def predict(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Actions:
        """Return the most frequent act, once for each row."""
        del personas
        return np.full(len(rows.line_ids), self.action)


class PersonaPriorBaseline(NamedTuple):
    """Predicts the most frequent act of a row's persona, or of all rows if training lacks the persona."""

    action_of_persona: dict[str, str]
    fallback: str

    def predict(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Actions:
        """Return the most frequent act of each row's persona."""
        del rows
        return np.array([self.action_of_persona.get(f"{persona}", self.fallback) for persona in personas], np.str_)


class BoostingBaseline(NamedTuple):
    """Gradient boosting on the persona, the words of the context, its size, and the time where it is known."""

    classifier: Any  # sklearn.ensemble.HistGradientBoostingClassifier
    features: _Features

    def predict(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Actions:
        """Return the most probable act of each row."""
        return np.asarray(self.classifier.predict(self.features.build(rows, personas)), np.str_)


class NearestNeighbourBaseline(NamedTuple):
    """Predicts act and text of the training row with the most similar context (nearest neighbour by TF-IDF)."""

    vectoriser: Any  # `_fit_vectoriser`
    search: Any  # sklearn.neighbors.NearestNeighbors
    training: Rows

    def predict(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Actions:
        """Return the act of the most similar training row of each row."""
        del personas
        return self.training.actions[self.find(rows)]

    def find(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Return the position of the most similar training row of each row, `(n,)`."""
        return self.search.kneighbors(self.vectoriser.transform(rows.contexts), return_distance=False)[:, 0]


class _Features(NamedTuple):
    """Turns rows into numbers."""

    vectoriser: Any  # `_fit_vectoriser`
    reduction: Any  # sklearn.decomposition.TruncatedSVD; None if no context has a word
    personas: dict[str, int]

    def build(self, rows: Rows, personas: npt.NDArray[np.str_]) -> Float64Array:
        """Return the features, `(n, d)`, with the number of the persona first."""
        dense = np.zeros((len(rows.contexts), 0))
        if self.reduction is not None:
            dense = self.reduction.transform(self.vectoriser.transform(rows.contexts))
        sizes = np.array([[len(context), context.count("\n") + 1] for context in rows.contexts], np.float64)
        columns = [self.number(personas)[:, None], dense, sizes.reshape(-1, 2)]
        if rows.hours is not None:
            days = rows.hours // _HOURS_A_DAY
            columns.append(np.stack([rows.hours % _HOURS_A_DAY, days % _DAYS_A_WEEK], axis=1).astype(np.float64))
        return np.concatenate(columns, axis=1)

    def number(self, personas: npt.NDArray[np.str_]) -> Float64Array:
        """Return the number of each persona, `(n,)`; NaN for one that is not in training."""
        return np.array([self.personas.get(f"{persona}", np.nan) for persona in personas], np.float64)


def fit_majority(training: Rows) -> MajorityBaseline:
    """Fit the baseline that always predicts the most frequent act."""
    return MajorityBaseline(_most_frequent(training.actions))


def fit_persona_prior(training: Rows) -> PersonaPriorBaseline:
    """Fit the baseline that predicts the most frequent act of each persona."""
    by_persona = {
        f"{persona}": _most_frequent(training.actions[training.personas == persona])
        for persona in np.unique(training.personas)
    }
    return PersonaPriorBaseline(by_persona, _most_frequent(training.actions))


def fit_boosting(training: Rows, validation: Rows, *, seed: int) -> BoostingBaseline:
    """Fit gradient boosting with and without balanced classes; return the one with the higher macro-F1 in validation.

    Balancing finds more of the rare acts at the price of frequent ones. Without validation rows classes are balanced.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - 1 s

    training = _draw(training, seed)
    features = _fit_features(training, seed)
    matrix = features.build(training, training.personas)
    fitted: list[BoostingBaseline] = []
    make: Any = HistGradientBoostingClassifier  # its annotations are those of its defaults
    for weights in ("balanced", None) if len(validation.line_ids) else ("balanced",):
        classifier = make(
            max_iter=_ITERATIONS,
            early_stopping=False,
            class_weight=weights,
            categorical_features=[0] if len(features.personas) < _MAX_CATEGORIES else None,
            random_state=seed,
        )
        fitted.append(BoostingBaseline(classifier.fit(matrix, training.actions), features))
    if len(fitted) == 1:
        return fitted[0]
    scores = [macro_f1(validation.actions, one.predict(validation, validation.personas)) for one in fitted]
    return fitted[int(np.argmax(scores))]


def fit_nearest(training: Rows, *, seed: int) -> NearestNeighbourBaseline:
    """Fit the nearest-neighbour baseline, which scores high only if similar rows leak between splits."""
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415 - 1 s

    training = _draw(training, seed)
    vectoriser = _fit_vectoriser(training.contexts)
    search = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute")
    return NearestNeighbourBaseline(vectoriser, search.fit(vectoriser.transform(training.contexts)), training)


def predict_with_texts(baseline: Baseline, rows: Rows, training: Rows, *, seed: int) -> Predictions:
    """Return a baseline's predicted act for each row, with a text if it can predict one.

    The nearest neighbour copies the text of the row that it found. The majority draws any training text, and the
    persona prior one of the persona: what real texts of other people score. Boosting has no texts.
    """
    actions = baseline.predict(rows, rows.personas)
    others = _predict_as(baseline, rows, [f"{one}" for one in np.unique(training.personas)], actions)
    return Predictions(actions, _predict_texts(baseline, rows, training, seed), as_persona=others)


def _predict_as(baseline: Baseline, rows: Rows, personas: list[str], actions: Actions) -> dict[str, Actions]:
    """Return the acts predicted for rows as if all were of one persona, for each persona.

    Args:
        baseline: The model.
        rows: The rows.
        personas: Names of personas.
        actions: What the model predicts for the rows with their own personas.
    """
    if isinstance(baseline, (MajorityBaseline, NearestNeighbourBaseline)):  # they ignore the persona
        return dict.fromkeys(personas, actions)
    if not isinstance(baseline, BoostingBaseline):
        return {one: baseline.predict(rows, np.full(len(rows.line_ids), one)) for one in personas}
    matrix = baseline.features.build(rows, rows.personas)
    found: dict[str, Actions] = {}
    for one in personas:
        matrix[:, 0] = baseline.features.number(np.array([one]))[0]
        found[one] = np.asarray(baseline.classifier.predict(matrix), np.str_)
    return found


def _predict_texts(baseline: Baseline, rows: Rows, training: Rows, seed: int) -> list[str | None]:
    if isinstance(baseline, NearestNeighbourBaseline):
        with_text = _with_text(baseline.training)
        if not len(with_text):
            return [None] * len(rows.line_ids)
        copied = baseline._replace(training=baseline.training.take(with_text))
        search = type(baseline.search)(n_neighbors=1, metric="cosine", algorithm="brute")
        copied = copied._replace(search=search.fit(baseline.vectoriser.transform(copied.training.contexts)))
        return [copied.training.texts[at] for at in copied.find(rows)]
    rng = np.random.default_rng(seed)
    if isinstance(baseline, MajorityBaseline):
        return _draw_texts(training, [_with_text(training)] * len(rows.line_ids), rng)
    if isinstance(baseline, PersonaPriorBaseline):
        written = _with_text(training)
        of_persona = {one: written[training.personas[written] == one] for one in np.unique(training.personas)}
        return _draw_texts(training, [of_persona.get(one, written) for one in rows.personas], rng)
    return [None] * len(rows.line_ids)


def _draw_texts(training: Rows, pools: Sequence[npt.NDArray[np.int64]], rng: np.random.Generator) -> list[str | None]:
    return [training.texts[pool[rng.integers(len(pool))]] if len(pool) else None for pool in pools]


def _with_text(rows: Rows) -> npt.NDArray[np.int64]:
    return np.flatnonzero([text is not None for text in rows.texts])


def _most_frequent(actions: Actions) -> str:
    """Return the most frequent act; of equally frequent ones the first by name."""
    counts = Counter(actions.tolist())
    return min(counts, key=lambda action: (-counts[action], action))


def _draw(rows: Rows, seed: int) -> Rows:
    if len(rows.line_ids) <= MAX_TRAINING_ROWS:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows.line_ids), MAX_TRAINING_ROWS, replace=False)
    return rows.take(np.sort(chosen))


def _fit_features(training: Rows, seed: int) -> _Features:
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - 1 s

    vectoriser = _fit_vectoriser(training.contexts)
    words = vectoriser.transform(training.contexts)
    reduction = TruncatedSVD(TEXT_DIMENSIONS, random_state=seed).fit(words) if words.nnz else None
    numbers = {f"{persona}": number for number, persona in enumerate(np.unique(training.personas))}
    return _Features(vectoriser, reduction, numbers)


def _fit_vectoriser(contexts: Sequence[str]) -> Any:
    """Return a fitted pipeline from contexts to TF-IDF of words and pairs of words, by hashing: memory is bounded."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer  # noqa: PLC0415 - 1 s
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - the same

    hashing = HashingVectorizer(n_features=TERMS, alternate_sign=False, ngram_range=(1, 2))
    return make_pipeline(hashing, TfidfTransformer(sublinear_tf=True)).fit(contexts)

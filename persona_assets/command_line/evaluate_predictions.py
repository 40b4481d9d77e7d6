"""Find a data set below PERSONA_DATA, score baselines and files of predictions on it, and note that in its card."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from upath import UPath

from persona_assets.common.progress import phase
from persona_assets.errors import EvaluationError
from persona_assets.evaluation.card_section import put_scores
from persona_assets.evaluation.evaluate import Embed, Scores, ScoringOptions, predict_baselines, score_predictions
from persona_assets.evaluation.rows import read_predictions, read_rows
from persona_assets.io_managers.release_folders import rewrite_card
from persona_assets.settings import Settings

# Texts embedded at a time.
_BLOCK = 1024


def find_latest_dataset(data: str) -> Path:
    """Return the folder of the latest data set below `data`, the data root.

    Raises:
        EvaluationError: There is none, or `data` is no local path.
    """
    if "://" in data:
        raise EvaluationError("PERSONA_DATA is not a local path: copy the data set, and name its folder")
    root = Path(data).absolute() / "dataset"
    folders = sorted(folder for folder in root.glob("[0-9]*") if folder.is_dir())
    if not folders:
        raise EvaluationError(f"{root} has no data set: materialize the asset dataset, or name a folder")
    return folders[-1]


def score_baselines_and_predictions(
    folder: Path, files: Mapping[str, Path], settings: Settings | None, options: ScoringOptions
) -> list[Scores]:
    """Score the baselines, and then each file of predictions, on the data set in `folder`.

    Args:
        folder: Folder of a data set.
        files: Files of predictions, by the name of the model.
        settings: Which model embeds texts; None leaves out the scores that need one.
        options: How scores are measured.

    Raises:
        EvaluationError: The data set or a file cannot be used.
    """
    with phase("reading the data set"):
        splits = read_rows(folder)
    predictions = predict_baselines(splits, seed=options.seed)
    predictions |= {name: read_predictions(file, splits["test"]) for name, file in files.items()}
    embed = None if settings is None else _LazyEncoder(settings)
    scores: list[Scores] = []
    with phase("scoring models", what="models", total=len(predictions)) as scored:
        for name, one in predictions.items():
            scores.append(score_predictions(name, one, splits, embed=embed, options=options))
            scored.add(1)
    return scores


def write_into_card(folder: Path, scores: list[Scores], options: ScoringOptions, settings: Settings | None) -> None:
    """Put the scores into the card of the data set that they are of; its checksums stay true.

    Args:
        folder: Folder of the data set, on a local disk.
        scores: From `score_baselines_and_predictions`.
        options: How they were measured.
        settings: Which model embedded texts; None if none did.

    Raises:
        StorageError: The folder has no card, or it is damaged.
    """
    # A folder's name may be somebody's: only the last part of a path is shown.
    text_model = None if settings is None else Path(settings.model).name
    rewrite_card(UPath(folder.resolve()), lambda card: put_scores(card, scores, options, text_model=text_model))


class _LazyEncoder:
    """Embeds texts with the model of the settings, which is loaded for the first text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._embed: Embed | None = None

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self._embed is None:
            self._embed = _load(self._settings)
        return self._embed(texts)


def _load(settings: Settings) -> Embed:
    from persona_assets.text_encoder.encode import Encoder  # noqa: PLC0415 - loads torch
    from persona_assets.text_encoder.model import load_requested_model  # noqa: PLC0415 - the same
    from persona_assets.text_encoder.tokenize import tokenize_texts  # noqa: PLC0415 - the same

    model = load_requested_model(
        settings.model,
        device=settings.device,
        compute_dtype=settings.compute_dtype,
        max_tokens=settings.max_tokens,
    )
    encoder = Encoder(model)

    def embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        blocks = [list(texts[at : at + _BLOCK]) for at in range(0, len(texts), _BLOCK)]
        vectors: list[npt.NDArray[np.float32]] = []
        with phase("embedding texts", what="texts", total=len(texts)) as embedded:
            for block in blocks:
                vectors.append(encoder.encode(tokenize_texts(model, block)).astype(np.float32))
                embedded.add(len(block))
        return np.concatenate(vectors)

    return embed

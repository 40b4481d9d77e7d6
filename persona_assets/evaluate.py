"""`python -m persona_assets.evaluate [FOLDER] [--predictions NAME=FILE ...]`: score models on a data set's test rows.

FOLDER is a data set with the form `next_action`; the last one below PERSONA_DATA if it is not given. Baselines are
fitted to the split `train`. A file of predictions (JSONL or Parquet) has `line_id` and `action`, and may have `text`.
Prints a Markdown table and writes all scores as JSON; progress goes to standard error. With `--write-card` the data
set's card gets the table too.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from persona_assets.command_line.evaluate_predictions import (
    find_latest_dataset,
    score_baselines_and_predictions,
    write_into_card,
)
from persona_assets.common.progress import reporting_progress
from persona_assets.errors import PersonaAssetsError
from persona_assets.evaluation.evaluate import ScoringOptions
from persona_assets.evaluation.write_table import render_score_table, to_json
from persona_assets.settings import read_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Score models on a data set, print a table and write JSON; return exit status 0, or 1 without rows to score."""
    parser = argparse.ArgumentParser(prog="python -m persona_assets.evaluate", description="Score models of personas.")
    parser.add_argument("folder", nargs="?", type=Path, help="a data set (default: the last below PERSONA_DATA)")
    parser.add_argument(
        "--predictions",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="of a model; may be repeated",
    )
    parser.add_argument("--out", type=Path, default=Path("evaluation.json"), help="default: evaluation.json")
    parser.add_argument("--samples", type=int, default=1000, help="bootstrap samples (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of baselines and samples (default: 0)")
    parser.add_argument("--no-vectors", action="store_true", help="leave out the scores that embed texts")
    parser.add_argument("--write-card", action="store_true", help="put the table into README.md of the data set too")
    options = parser.parse_args(arguments)
    named = [one.partition("=") for one in options.predictions]
    if any(not name or not file for name, _, file in named):
        parser.error("--predictions is NAME=FILE")
    try:
        settings = read_settings()
        folder = options.folder or find_latest_dataset(settings.data)
        embeds = None if options.no_vectors else settings
        measured = ScoringOptions(samples=options.samples, seed=options.seed)
        files = {name: Path(file) for name, _, file in named}
        with reporting_progress(_log):
            scores = score_baselines_and_predictions(folder, files, embeds, measured)
        if options.write_card:
            write_into_card(folder, scores, measured, embeds)
    except PersonaAssetsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(render_score_table(scores), end="")  # noqa: T201 - a command
    options.out.write_text(to_json(scores, dataset=folder.name, samples=options.samples, seed=options.seed), "utf-8")
    return 0


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())

"""Run the whole graph over a small capture, and read its results, for tests of faults."""

import os
import shutil
from pathlib import Path

DAY = "2025-03-01"
TABLES = ("raw_events", "consent_records", "user_actions", "english_posts", "english_users", "embeddings", "clusters")
DAY_ASSETS = ("raw_events", "rejected_lines", "consent_records", "user_actions", "english_posts", "embeddings")
CONSENT_ASSETS = ("consents",)
PERSONA_ASSETS = ("english_users", "clusters", "cluster_jsonl", "persona_phrases", "cluster_stats", "dataset")
LINEAGE_ASSETS = ("lineage", "persona_labels")
ALL_DAYS_ASSETS = (*CONSENT_ASSETS, *LINEAGE_ASSETS)  # one table over all days
# In the job assign_users alone. STEPS need PERSONA_ASSIGN_TO=DAY, as there is one day.
ASSIGNMENT_ASSETS = ("user_assignments",)
SIDE_TABLES = ("cluster_centres", "cluster_certainty")  # also cluster_curve, if the number of clusters is chosen
AGENT_ASSETS = ("agent_profiles",)  # in no job
FOLDERS = ("cluster_jsonl", "cluster_stats", "dataset", *AGENT_ASSETS)
# In the order of the graph.
STEPS = (
    *TABLES[:2],
    *CONSENT_ASSETS,
    *TABLES[2:],
    "cluster_jsonl",
    "persona_phrases",
    *LINEAGE_ASSETS,
    *ASSIGNMENT_ASSETS,
    "cluster_stats",
    "dataset",
    *AGENT_ASSETS,
)
DAILY_STEPS = tuple(step for step in STEPS if step not in ALL_DAYS_ASSETS)


def settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PERSONA_")}


def stored(data: Path) -> dict[str, bytes]:
    """Return the content of all visible result files by path, without the vector cache."""
    files = {file.relative_to(data): file for file in sorted(data.rglob("*")) if file.is_file()}
    return {
        name.as_posix(): file.read_bytes()
        for name, file in files.items()
        if not any(part.startswith(".") or part == "vector_store" for part in name.parts)
    }


def folders_of(step: str) -> tuple[str, ...]:
    if step in ALL_DAYS_ASSETS:
        return (f"{step}.parquet",)
    if step == "clusters":
        return (step, *SIDE_TABLES)
    if step == "consent_records":
        return (step, "deleted_posts")
    return ("raw_events", "rejected_lines") if step == "raw_events" else (step,)


def forget(data: Path, step: str) -> None:
    """Remove the results of a step, and the cached vectors that it would reuse."""
    if step == "embeddings":
        shutil.rmtree(data / "vector_store", ignore_errors=True)
    for name in folders_of(step):
        if (data / name).is_dir():
            shutil.rmtree(data / name)
        else:
            (data / name).unlink()


def made_by(step: str, data: Path) -> dict[str, bytes]:
    return {name: content for name, content in stored(data).items() if name.split("/")[0] in folders_of(step)}


def hidden_files(data: Path) -> list[Path]:
    return [file for file in data.rglob(f".{DAY}*") if file.is_file()] + [
        file for folder in data.rglob(f".{DAY}*/") for file in folder.rglob("*") if file.is_file()
    ]

"""`python -m persona_assets.sample.show --day 2025-03-03`: the personas of a day as a table, and their files."""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

import msgspec
from upath import UPath

WORDS_SHOWN = 8
# What is worth opening, below the data folder.
FILES = (
    "cluster_stats/{day}/report.html",
    "cluster_stats/{day}/report.md",
    "cluster_stats/{day}/stats.json",
    "cluster_jsonl/{day}",
    "clusters/{day}.parquet",
)


class Word(msgspec.Struct):
    """A word that sets a persona apart."""

    word: str


class Persona(msgspec.Struct):
    """What `stats.json` says about one cluster, as far as it is shown."""

    cluster_id: int
    users: int
    share: float  # of all users in clusters
    words: list[Word]


class Stats(msgspec.Struct):
    """`stats.json`, as far as it is shown."""

    day: str
    clusters: list[Persona]


def write_table(stats: Stats) -> str:
    """Return the personas as lines of text, a line each, the largest first as they are numbered."""
    users = sum(persona.users for persona in stats.clusters)
    lines = [f"{len(stats.clusters)} personas of {users:,} users on {stats.day}", ""]
    lines.append("cluster   users   share   words that set it apart")
    for persona in stats.clusters:
        words = ", ".join(word.word for word in persona.words[:WORDS_SHOWN])
        lines.append(f"{persona.cluster_id:7d} {persona.users:7,d} {persona.share:7.1%}   {words}".rstrip())
    return "\n".join(lines)


def list_files(data: UPath, day: str) -> str:
    """Return the full paths of what there is to look at, a line each."""
    found = [data / name.format(day=day) for name in FILES]
    return "\n".join(["Files:", *(f"  {path}" for path in found if path.exists())])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the personas that `arguments` (default: the command line's) ask for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m persona_assets.sample.show", description=__doc__)
    parser.add_argument("--data", default="data/assets", help="where assets are stored; default %(default)s")
    parser.add_argument("--day", type=dt.date.fromisoformat, required=True, help="the partition, as 2025-03-03")
    asked = parser.parse_args(arguments)
    data, day = UPath(asked.data).absolute(), f"{asked.day:%Y-%m-%d}"
    stats_file = data / "cluster_stats" / day / "stats.json"
    try:
        stats = msgspec.json.decode(stats_file.read_bytes(), type=Stats)
    except FileNotFoundError:
        parser.exit(1, f"{parser.prog}: there is no {stats_file}: materialize cluster_stats of {day} first\n")
    except msgspec.MsgspecError as error:
        parser.exit(1, f"{parser.prog}: {stats_file} is not what this version writes ({error}): make it again\n")
    sys.stdout.write(f"{write_table(stats)}\n\n{list_files(data, day)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

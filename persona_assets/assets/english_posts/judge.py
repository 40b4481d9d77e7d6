"""Decide on the languages of batches of messages, in one process or several."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from persona_assets.assets.english_posts import detect
from persona_assets.assets.english_posts.detect import LanguageDecider, build_language_decider
from persona_assets.common.garbage_collector import garbage_collector_off
from persona_assets.common.worker_processes import map_in_processes

# Minimum number of messages per worker process: for fewer, starting it (0.6 s of CPU) costs more than it saves.
_MESSAGES_WORTH_A_WORKER = 100_000
_INPUT = pa.schema([("text", pa.string()), ("langs", pa.list_(pa.string()))])
# The verdict on each message, in the order of the batch; see `detect.LanguageVerdict`.
VERDICTS = pa.schema(
    [("is_language", pa.bool_()), ("is_undecided", pa.bool_()), ("reason", pa.dictionary(pa.int8(), pa.string()))]
)
_IS_LANGUAGE, _IS_UNDECIDED = (np.array([verdict[column] for verdict in detect.VERDICTS]) for column in (0, 1))
_REASONS = pa.array([verdict.reason for verdict in detect.VERDICTS])


class _Task(NamedTuple):
    """The messages of a batch as bytes of Arrow IPC: unlike pickle, it writes no other rows of a sliced batch."""

    language: str
    messages: pa.Buffer


def choose_workers(messages: int, workers: int) -> int:
    """Return the number of processes, at most `workers`, that decide fastest on a number of messages."""
    return max(1, min(workers, messages // _MESSAGES_WORTH_A_WORKER))


def judge_batches(batches: Iterable[pa.RecordBatch], language: str, *, workers: int) -> Iterator[pa.RecordBatch]:
    """Yield `VERDICTS` for each batch, in their order; the result does not depend on `workers`.

    Args:
        batches: With the columns `text` and `langs`.
        language: ISO 639-1 code, such as "en".
        workers: Number of processes; 1 decides in this process. Each takes 150 MB.

    Raises:
        LanguageDetectorError: pycld2 cannot be imported.
        SettingsError: The detector does not know the language.
        WorkerKilledError: A worker was killed, as Linux does when memory runs out.
    """
    decide = build_language_decider(language)  # also if workers decide: errors come from here
    if workers == 1:
        yield from (_build_verdicts(_decide(decide, batch)) for batch in batches)
        return
    tasks = (_Task(language, _select_input(batch).serialize()) for batch in batches)
    yield from map(
        _build_verdicts, map_in_processes(_decide_task, tasks, workers=workers, purpose="decide on languages")
    )


def _select_input(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch([batch[field.name].cast(field.type) for field in _INPUT], schema=_INPUT)


def _decide_task(task: _Task) -> detect.Codes:
    return _decide(_build_once(task.language), pa.ipc.read_record_batch(task.messages, _INPUT))


@lru_cache(maxsize=1)
def _build_once(language: str) -> LanguageDecider:
    return build_language_decider(language)


def _decide(decide: LanguageDecider, messages: pa.RecordBatch) -> detect.Codes:
    with garbage_collector_off():
        return decide(messages["text"], messages["langs"])


def _build_verdicts(codes: detect.Codes) -> pa.RecordBatch:
    reason = pa.DictionaryArray.from_arrays(codes, _REASONS)
    return pa.record_batch([pa.array(_IS_LANGUAGE[codes]), pa.array(_IS_UNDECIDED[codes]), reason], schema=VERDICTS)

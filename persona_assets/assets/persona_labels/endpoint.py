"""Ask an OpenAI-compatible endpoint for names, within a budget; what goes wrong is counted and never raised."""

import asyncio
import importlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from persona_assets.assets.persona_labels.answer_cache import AnswerCache
from persona_assets.assets.persona_labels.endpoint_answers import BadAnswer, EndpointName, parse_completion
from persona_assets.assets.persona_labels.endpoint_prompt import Evidence, build_completion_request, hash_evidence
from persona_assets.errors import SettingsError

if TYPE_CHECKING:
    import httpx

Place = TypeVar("Place", bound=Hashable)
Sleep = Callable[[float], Awaitable[None]]

PARALLEL = 4  # requests at a time
MAX_ATTEMPTS = 3  # requests about one cluster
# After so many clusters in a row without any answer, no further one is asked about.
MAX_FAILURES = 8
# An answer is a few hundred bytes; a reasoning model may add its thoughts.
MAX_ANSWER_BYTES = 1 << 20

HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500

Failure = Literal["timeout", "unreachable", "rate_limited", "server_error", "rejected"]
Reason = BadAnswer | Failure | Literal["too_long", "no_evidence", "request_budget", "time_budget", "stopped"]
Outcome = Reason | Literal["named", "cached"]
_FAILURES: set[Outcome] = {"timeout", "unreachable", "rate_limited", "server_error", "rejected"}
_RETRIED: set[Outcome] = {"unreachable", "rate_limited", "server_error"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URL, model name and key of an OpenAI-compatible endpoint.

    Raises:
        SettingsError: The address is not one of HTTP or holds a password (which httpx would log), or the key cannot be
            an HTTP header. Neither is quoted.
    """

    url: str  # to which /chat/completions is added, such as http://localhost:11434/v1
    model: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse what no request can be sent with."""
        import httpx  # noqa: PLC0415 - 0.1 s, and definitions must load fast

        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in {"http", "https"} and bool(httpx.URL(self.url).host) and parts.username is None
        except (ValueError, httpx.InvalidURL):
            usable = False
        if not usable:
            raise SettingsError(
                "the address of the endpoint for names is not of the form http://HOST/PATH or https://HOST/PATH, "
                "without user and password"
            )
        if self.key is not None and not re.fullmatch(r"[!-~]+", self.key):
            raise SettingsError("the key of the endpoint for names holds characters other than visible ASCII")


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of asking an endpoint: seconds for a request, number of requests, and seconds in total."""

    timeout_s: float  # of a request, from connecting to the last byte
    max_requests: int  # with those that are sent again
    max_seconds: float  # of all


class Answers(NamedTuple, Generic[Place]):
    """Result of `ask_endpoint`: the name of each cluster, numbers of outcomes, and number of requests."""

    names: dict[Place, EndpointName]  # of the clusters that have one
    counts: dict[Outcome, int]  # clusters by outcome: named, cached, or why there is no name
    requests: int  # sent


def ask_endpoint(  # noqa: PLR0913 - what is asked, what it may take, what it may use
    evidence: Mapping[Place, Evidence],
    endpoint: Endpoint,
    *,
    limits: RequestLimits,
    cache: Path,
    clock: Callable[[], float],
    sleep: Sleep = asyncio.sleep,
) -> Answers[Place]:
    """Ask the language model at `endpoint` to name each cluster, `PARALLEL` at a time; keep answers in `cache`.

    The same evidence is asked about once. A request is sent again after status 429 or 5xx or a broken connection: after
    as many seconds as `Retry-After` says, if that is within the budget, else after 1 and 2 seconds. After
    `MAX_FAILURES` clusters in a row without an answer, the others are not asked about ("stopped"). Redirects are not
    followed. The proxy and the certificates are those that the environment names, as with httpx in general. Nothing is
    logged here; httpx itself logs the address and the status of requests.

    Args:
        evidence: Of each cluster, by whatever identifies it. Asked in this order: a budget leaves out the last ones.
        endpoint: Where to ask.
        limits: The budget.
        cache: Local folder of the answers that were kept.
        clock: Returns seconds, such as `time.monotonic`.
        sleep: Waits for some seconds.

    Returns:
        The names, by the keys of `evidence`; the counts add up to `len(evidence)`.

    Raises:
        StorageError: The disk is full.
    """
    kept = AnswerCache(cache)
    keys = {place: hash_evidence(found, model=endpoint.model) for place, found in evidence.items()}
    distinct = {keys[place]: found for place, found in evidence.items()}
    results: dict[str, EndpointName | Reason] = {}
    counted_as: dict[str, Outcome] = {}
    for key, found in distinct.items():
        if answer := kept.find(key):
            results[key], counted_as[key] = answer, "cached"
        elif not (found.phrases or found.exemplars):
            results[key] = "no_evidence"
    asker = _Asker(endpoint, limits, kept, clock, sleep)
    results |= _run_apart(asker.ask_all({key: found for key, found in distinct.items() if key not in results}))
    names: dict[Place, EndpointName] = {}
    counts: Counter[Outcome] = Counter()
    for place, key in keys.items():
        result = results[key]
        if isinstance(result, EndpointName):
            names[place] = result
            counts[counted_as.get(key, "named")] += 1
        else:
            counts[result] += 1
    return Answers(names, dict(sorted(counts.items())), asker.requests)


class _Asker:
    """Sends requests, and knows what the budget has left and how the endpoint fares."""

    def __init__(
        self, endpoint: Endpoint, limits: RequestLimits, kept: AnswerCache, clock: Callable[[], float], sleep: Sleep
    ) -> None:
        self._endpoint, self._limits, self._kept = endpoint, limits, kept
        importlib.import_module("httpx")  # here, so that a slow first import takes nothing of the budget
        self._clock, self._sleep = clock, sleep
        self._end = clock() + limits.max_seconds
        self._not_before = -float("inf")  # the endpoint asked for a pause until then
        self._failures = 0  # clusters in a row without an answer
        self.requests = 0

    async def ask_all(self, evidence: Mapping[str, Evidence]) -> dict[str, EndpointName | Reason]:
        """Return an answer, or why there is none, for each hash of evidence."""
        import httpx  # noqa: PLC0415 - 0.1 s, and definitions must load fast

        if not evidence:
            return {}
        results: dict[str, EndpointName | Reason] = {}
        waiting = iter(evidence.items())
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        # Timeouts are set around requests as a whole: those of httpx are of single reads.
        async with httpx.AsyncClient(headers=headers, timeout=None) as client:  # noqa: S113 - see above

            async def work() -> None:
                for key, found in waiting:
                    result = await self._ask(client, build_completion_request(found, model=self._endpoint.model))
                    if isinstance(result, EndpointName):
                        self._kept.store(key, result)
                    results[key] = result

            tasks = [asyncio.create_task(work()) for _ in range(PARALLEL)]
            try:
                await asyncio.gather(*tasks)
            finally:  # the disk may be full: then the requests under way end before their client does
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return results

    async def _ask(self, client: "httpx.AsyncClient", body: bytes) -> EndpointName | Reason:
        """Send a request, again where that may help."""
        if self._failures >= MAX_FAILURES:
            return "stopped"
        result: EndpointName | Reason = "time_budget"
        for attempt in range(MAX_ATTEMPTS):
            if attempt and not await self._wait_until(self._clock() + 2 ** (attempt - 1)):
                break
            if not await self._wait_until(self._not_before):
                result = "rate_limited"
                break
            if (exhausted := self._find_exhausted()) is not None:
                return exhausted
            self.requests += 1
            result = await self._send(client, body)
            if result not in _RETRIED:
                break
        self._failures = self._failures + 1 if result in _FAILURES else 0
        return result

    def _find_exhausted(self) -> Reason | None:
        if self._clock() >= self._end:
            return "time_budget"
        return "request_budget" if self.requests >= self._limits.max_requests else None

    async def _wait_until(self, moment: float) -> bool:
        """Wait, and return True; return False at once where the budget ends before."""
        if moment >= self._end:
            return False
        while (seconds := moment - self._clock()) > 0:
            await self._sleep(seconds)
        return True

    async def _send(self, client: "httpx.AsyncClient", body: bytes) -> EndpointName | Reason:
        """Send one request and read its answer."""
        import httpx  # noqa: PLC0415 - imported above

        left = self._end - self._clock()
        try:
            async with asyncio.timeout(min(self._limits.timeout_s, left)):
                return await self._post(client, body)
        except TimeoutError:
            return "timeout" if self._limits.timeout_s < left else "time_budget"
        except httpx.HTTPError:
            return "unreachable"

    async def _post(self, client: "httpx.AsyncClient", body: bytes) -> EndpointName | Reason:
        import httpx  # noqa: PLC0415 - imported above

        url = httpx.URL(self._endpoint.url)
        address = url.copy_with(path=f"{url.path.rstrip('/')}/chat/completions")
        async with client.stream("POST", address, content=body) as response:
            if response.is_success:
                content = bytearray()
                async for part in response.aiter_raw():
                    content += part
                    if len(content) > MAX_ANSWER_BYTES:
                        return "too_long"
                return parse_completion(bytes(content))
            if re.fullmatch(r"\d{1,9}", after := response.headers.get("Retry-After", "")):
                self._not_before = max(self._not_before, self._clock() + int(after))
            if response.status_code == HTTP_TOO_MANY_REQUESTS:
                return "rate_limited"
            return "server_error" if response.status_code >= HTTP_SERVER_ERROR else "rejected"


T = TypeVar("T")


def _run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own: the caller's may have a running loop, as in a notebook.

    Where the caller is interrupted, the coroutine is cancelled.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    async def run() -> T:
        started.set_result((asyncio.get_running_loop(), cast("asyncio.Task[T]", asyncio.current_task())))
        return await work

    with ThreadPoolExecutor(1, thread_name_prefix="endpoint") as pool:
        result = pool.submit(asyncio.run, run())
        try:
            return result.result()
        except BaseException:
            loop, task = started.result()
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(task.cancel)
            raise

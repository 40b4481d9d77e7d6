"""An endpoint may answer anything, or nothing: names come back, and counts of what gave none."""

import asyncio
import json
import logging
import signal
import threading
import time
from contextlib import ExitStack

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.persona_labels import endpoint
from persona_assets.assets.persona_labels.endpoint import (
    MAX_ATTEMPTS,
    MAX_FAILURES,
    PARALLEL,
    Endpoint,
    RequestLimits,
    ask_endpoint,
)
from persona_assets.assets.persona_labels.endpoint_answers import EndpointName
from persona_assets.assets.persona_labels.endpoint_prompt import Evidence
from persona_assets.errors import SettingsError, StorageError
from persona_assets_tests.assets.persona_labels.endpoint_server import Server, completion, label, reply
from persona_assets_tests.ports import find_free_port

CATS = EndpointName("Cat lovers", "They write about cats.")
KEY = "sk-not-to-be-seen"


class FakeTime:
    """A clock that moves by what is slept."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve():
    """Start a server that answers by a function."""
    with ExitStack() as servers:
        yield lambda answer: servers.enter_context(Server(answer))


@pytest.fixture
def ask(tmp_path):
    """Ask a server about clusters, `phrases` of each, by number."""

    def asking(  # noqa: PLR0913 - each test names what matters to it
        url, phrases=("cats",), *, key=None, model="m", fake=None, timeout_s=10, requests=1000, seconds=1000
    ):
        evidence = {number: Evidence((text,) if text else ()) for number, text in enumerate(phrases)}
        limits = RequestLimits(timeout_s, requests, seconds)
        fake = fake or FakeTime()
        asked = Endpoint(url, model, key)
        return ask_endpoint(
            evidence, asked, limits=limits, cache=tmp_path / "cache", clock=fake.clock, sleep=fake.sleep
        )

    return asking


def answer_with(body, status=200, **headers):
    return lambda handler, _: reply(handler, body, status, **headers)


def numbered(count):
    return [f"phrase {number}" for number in range(count)]


def test_a_good_answer_is_the_name(serve, ask):
    server = serve(answer_with(label()))

    answers = ask(server.url, key=KEY)

    assert answers == ({0: CATS}, {"named": 1}, 1)
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    (request,) = server.requests
    assert (request["model"], request["temperature"]) == ("m", 0)
    schema = request["response_format"]["json_schema"]["schema"]
    jsonschema.validate(CATS._asdict(), schema)
    assert json.loads(request["messages"][1]["content"]) == {"phrases": ["cats"]}


def test_without_a_key_no_authorization_is_sent(serve, ask):
    server = serve(answer_with(label()))

    ask(server.url)

    assert "Authorization" not in server.headers[0]


def test_what_was_answered_is_not_asked_again(serve, ask):
    server = serve(answer_with(label()))
    ask(server.url, ["cats", "dogs"])

    again = ask(server.url, ["dogs", "fish", "cats"])

    assert again == ({0: CATS, 1: CATS, 2: CATS}, {"cached": 2, "named": 1}, 1)
    assert sorted(server.phrases()) == ["cats", "dogs", "fish"]
    assert ask(server.url, ["cats"], model="another").counts == {"named": 1}


def test_the_same_evidence_is_asked_about_once(serve, ask):
    server = serve(answer_with(label()))

    assert ask(server.url, ["cats"] * 3) == ({0: CATS, 1: CATS, 2: CATS}, {"named": 3}, 1)


def test_answers_that_were_kept_need_no_server(serve, ask, tmp_path):
    ask(serve(answer_with(label())).url)

    assert ask("http://127.0.0.1:1/v1") == ({0: CATS}, {"cached": 1}, 0)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:10])
    assert ask(f"http://127.0.0.1:{find_free_port()}/v1").counts == {"unreachable": 1}


def test_a_cluster_without_evidence_is_not_asked_about(serve, ask):
    server = serve(answer_with(label()))

    assert ask(server.url, [""]) == ({}, {"no_evidence": 1}, 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>nonsense</html>", "bad_answer"),
        (b"\xff\xfe\x00", "bad_answer"),
        (b"[" * 100_000, "bad_answer"),
        (b"", "bad_answer"),
        (completion("Cats!"), "bad_answer"),
        (label(name="<b>Cats</b>"), "bad_answer"),
        (label(name="Cats\nand dogs"), "bad_answer"),
        (completion("", refusal="I must not."), "refused"),
        (b'{"choices": "' + b"x" * 10_000_000 + b'"}', "too_long"),
    ],
    ids=["markup", "bytes", "brackets", "empty", "no JSON", "name with markup", "two lines", "refusal", "10 MB"],
)
def test_an_answer_that_cannot_be_used_is_counted_and_not_kept(serve, ask, tmp_path, body, reason):
    server = serve(answer_with(body))

    assert ask(server.url) == ({}, {reason: 1}, 1)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_slow_answer_is_given_up_and_not_asked_for_again(serve, ask):
    server = serve(lambda *_: server.closing.wait(30))

    assert ask(server.url, timeout_s=0.2) == ({}, {"timeout": 1}, 1)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["head", "body"])
def test_the_timeout_is_of_the_request_however_the_answer_trickles(serve, ask, beginning):
    def trickle(handler, _):
        handler.wfile.write(beginning)
        while not server.closing.wait(0.02):
            handler.wfile.write(b"H")

    server = serve(trickle)

    start = time.monotonic()
    assert ask(server.url, timeout_s=0.3).counts == {"timeout": 1}
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("status", "headers", "slept"),
    [(429, {"Retry_After": 7}, [7]), (503, {"Retry_After": 0}, [1]), (500, {}, [1]), (429, {}, [1])],
)
def test_a_busy_server_is_asked_again(serve, ask, status, headers, slept):
    def answer(handler, _):
        busy = len(server.requests) == 1
        reply(handler, b"" if busy else label(), status if busy else 200, **(headers if busy else {}))

    server, fake = serve(answer), FakeTime()

    assert ask(server.url, fake=fake) == ({0: CATS}, {"named": 1}, 2)
    assert fake.now == pytest.approx(1000 + slept[0])


@pytest.mark.parametrize(("status", "reason"), [(429, "rate_limited"), (500, "server_error"), (503, "server_error")])
def test_a_server_that_stays_busy_is_given_up(serve, ask, status, reason):
    server, fake = serve(answer_with(b"", status)), FakeTime()

    assert ask(server.url, fake=fake) == ({}, {reason: 1}, MAX_ATTEMPTS)
    assert sum(fake.slept) == pytest.approx(3)


def test_no_pause_is_longer_than_the_budget(serve, ask):
    server, fake = serve(answer_with(b"", 429, Retry_After=86400)), FakeTime()

    answers = ask(server.url, numbered(20), fake=fake)

    assert answers.requests <= PARALLEL
    assert set(answers.counts) == {"rate_limited", "stopped"}
    assert fake.now < 1010


@pytest.mark.parametrize("value", ["-5", "soon", "1e9", "9" * 5000, "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_pause_that_is_no_number_of_seconds_is_not_heeded(serve, ask, value):
    server, fake = serve(answer_with(b"", 429, Retry_After=value)), FakeTime()

    assert ask(server.url, fake=fake).counts == {"rate_limited": 1}
    assert sum(fake.slept) == pytest.approx(3)


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_what_would_be_refused_again_is_not_sent_again(serve, ask, status):
    server = serve(answer_with(b"{}", status, Location="/elsewhere"))

    assert ask(server.url) == ({}, {"rejected": 1}, 1)


def test_a_connection_that_is_closed_is_tried_again(serve, ask):
    def close_first(handler, _):
        if len(server.requests) == 1:
            handler.close_connection = True
        else:
            reply(handler, label())

    server = serve(close_first)

    assert ask(server.url) == ({0: CATS}, {"named": 1}, 2)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", b"220 mail.example ESMTP\r\n"]
)
def test_a_server_that_closes_connections_is_unreachable(serve, ask, beginning):
    def close(handler, _):
        handler.wfile.write(beginning)
        handler.close_connection = True

    server = serve(close)

    assert ask(server.url) == ({}, {"unreachable": 1}, MAX_ATTEMPTS)


def test_a_server_that_is_not_there_is_given_up_for_all(ask):
    fake = FakeTime()

    answers = ask(f"http://127.0.0.1:{find_free_port()}/v1", numbered(1000), fake=fake)

    assert answers.names == {}
    assert sum(answers.counts.values()) == 1000
    assert set(answers.counts) == {"unreachable", "stopped"}
    assert MAX_FAILURES <= answers.counts["unreachable"] < MAX_FAILURES + PARALLEL


def test_the_budget_of_requests_is_kept(serve, ask):
    server = serve(answer_with(label()))

    answers = ask(server.url, numbered(10), requests=4)

    assert (answers.counts, len(server.requests)) == ({"named": 4, "request_budget": 6}, 4)
    assert sorted(answers.names) == [0, 1, 2, 3]


def test_requests_that_are_sent_again_count(serve, ask):
    server = serve(answer_with(b"", 500))

    assert ask(server.url, requests=2) == ({}, {"request_budget": 1}, 2)


def test_the_budget_of_time_ends_requests_under_way(serve, ask):
    class RealTime(FakeTime):
        clock = staticmethod(time.monotonic)

    server = serve(lambda *_: server.closing.wait(30))

    start = time.monotonic()
    answers = ask(server.url, numbered(10), seconds=0.3, timeout_s=20, fake=RealTime())

    assert answers.counts == {"time_budget": 10}
    assert time.monotonic() - start < 10


def test_few_requests_are_under_way_at_a_time(serve, ask):
    together = threading.Barrier(PARALLEL, timeout=30)

    def answer(handler, _):
        together.wait()
        reply(handler, label())

    server = serve(answer)

    assert ask(server.url, numbered(20)).counts == {"named": 20}
    assert server.most_at_a_time == PARALLEL


def test_one_bad_answer_does_not_keep_others_from_their_names(serve, ask):
    def answer(handler, request):
        bad = "phrase 3" in request["messages"][1]["content"]
        reply(handler, b"nonsense" if bad else label())

    answers = ask(serve(answer).url, numbered(10))

    assert answers.counts == {"bad_answer": 1, "named": 9}
    assert sorted(answers.names) == [number for number in range(10) if number != 3]


def test_neither_key_nor_phrases_are_logged(serve, ask, caplog):
    caplog.set_level(logging.DEBUG)

    def answer(handler, _):
        reply(handler, *[(label(), 200), (b"no", 200), (b"", 401), (b"", 500)][len(server.requests) % 4])

    server = serve(answer)
    answers = ask(server.url, numbered(12), key=KEY)
    ask(f"http://127.0.0.1:{find_free_port()}/v1", numbered(12), key=KEY)

    assert len(answers.counts) > 2
    assert "127.0.0.1" in caplog.text  # httpx logs addresses
    assert KEY not in caplog.text + repr(Endpoint(server.url, "m", KEY))
    assert "phrase" not in caplog.text.replace("phrases", "")


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("ftp://here/v1", None),
        ("localhost:8000", None),
        ("http://", None),
        ("", None),
        ("http://[::1/v1", None),
        ("http://user:secret@here/v1", None),
        ("http://here:port/v1", None),
        ("http://here/v1", "secret\n"),
        ("http://here/v1", "secret\u00e9"),
        ("http://here/v1", ""),
    ],
)
def test_what_no_request_can_be_sent_with_is_refused_and_not_quoted(url, key):
    with pytest.raises(SettingsError) as error:
        Endpoint(url, "m", key)

    assert "secret" not in str(error.value)


def test_parameters_of_the_address_are_kept(serve, ask):
    server = serve(answer_with(label()))

    assert ask(f"{server.url}/?api-version=1").counts == {"named": 1}
    assert server.paths == ["/v1/chat/completions?api-version=1"]


def test_it_works_where_a_loop_is_running(serve, ask):
    async def notebook():
        return ask(serve(answer_with(label())).url)

    assert asyncio.run(notebook()).names == {0: CATS}


def test_an_interrupt_ends_requests_under_way(serve, ask):
    arrived = threading.Event()

    def answer(*_):
        arrived.set()
        server.closing.wait(30)

    server = serve(answer)

    def interrupt():
        arrived.wait(30)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    # A test run in the background may have been started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupter.start()
            ask(server.url, timeout_s=30)
        interrupter.join()
    finally:
        signal.signal(signal.SIGINT, before)

    assert time.monotonic() - start < 15


def test_a_full_disk_is_an_error(serve, ask, monkeypatch):
    class FullCache(endpoint.AnswerCache):
        def store(self, key, answer):
            raise StorageError(f"no space left for {key} of {answer.name}")

    monkeypatch.setattr(endpoint, "AnswerCache", FullCache)

    def answer(handler, request):
        if "phrase 0" not in request["messages"][1]["content"]:
            server.closing.wait(60)
        reply(handler, label())

    server = serve(answer)

    start = time.monotonic()
    with pytest.raises(StorageError):
        ask(server.url, numbered(10), timeout_s=60)
    assert time.monotonic() - start < 30  # requests under way are given up


@given(st.data())
def test_every_cluster_is_counted_once(data):
    kinds = {"good": (label(), 200), "bad": (b"{", 200), "busy": (b"", 429), "broken": (b"", 500), "no": (b"", 404)}

    def answer(handler, _):
        with lock:
            kind = plan.pop() if plan else "good"
        reply(handler, *kinds[kind])

    lock = threading.Lock()
    plan = data.draw(st.lists(st.sampled_from(sorted(kinds)), max_size=12))
    phrases = data.draw(st.lists(st.sampled_from(["", "a", "b", "c", "d"]), max_size=8))
    requests = data.draw(st.integers(0, 12))
    fake = FakeTime()
    with Server(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoint, "AnswerCache", NoCache)
        answers = ask_endpoint(
            {number: Evidence((text,) if text else ()) for number, text in enumerate(phrases)},
            Endpoint(server.url, "m"),
            limits=RequestLimits(10, requests, 1000),
            cache=None,
            clock=fake.clock,
            sleep=fake.sleep,
        )

    assert sum(answers.counts.values()) == len(phrases)
    assert answers.counts.get("named", 0) == len(answers.names)
    assert answers.requests == len(server.requests) <= requests


class NoCache:
    """Keeps nothing."""

    def __init__(self, _):
        pass

    def find(self, _):
        return None

    def store(self, *_):
        pass

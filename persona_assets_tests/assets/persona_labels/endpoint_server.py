"""A server on the loopback interface that answers as a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(content, **message):
    """The body of an answer to `chat/completions`, whose message has this content, as JSON unless it is text."""
    content = content if isinstance(content, str) else json.dumps(content)
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content, **message}}]}).encode()


def label(name="Cat lovers", description="They write about cats."):
    return completion({"name": name, "description": description})


def reply(handler, body, status=200, **headers):
    """Send a whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": len(body), **headers}.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)


class Server:
    """Answers each request by `answer(handler, request)`; holds what it was sent and how many it had at a time."""

    def __init__(self, answer):
        self.requests, self.headers, self.paths = [], [], []
        self.most_at_a_time = self._now = 0
        self.closing = threading.Event()  # slow answers wait for it
        lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    server.requests.append(request)
                    server.headers.append(dict(self.headers))
                    server.paths.append(self.path)
                    server._now += 1
                    server.most_at_a_time = max(server.most_at_a_time, server._now)
                try:
                    answer(self, request)
                except OSError:  # the client has gone
                    self.close_connection = True
                finally:
                    with lock:
                        server._now -= 1

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def phrases(self):
        """The first phrase of each request."""
        return [json.loads(request["messages"][1]["content"])["phrases"][0] for request in self.requests]

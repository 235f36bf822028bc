"""Drives the sandbox with the official Slack SDKs and checks what both sides see.

usage: prove.py SERVE_EXAMPLE TOOLS_FOLDER   (run.sh prepares both)
"""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import time
import traceback
import urllib.request

from corpus import corpus_tests
from flow import flow_tests
from sdk import sdk_tests
from sockets import socket_tests


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Sandbox:
    """The example binary, and its control routes."""

    def __init__(self, binary, app):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.api = self.url + "/api/"
        self.process = subprocess.Popen(
            [binary, self.url.rsplit(":", 1)[1], app], stderr=subprocess.DEVNULL
        )
        self.until("the sandbox answers", self.answers)

    def answers(self):
        try:
            return self.get("clock")
        except OSError:
            return None

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/sandbox/{path}", timeout=10) as response:
            return json.load(response)

    def post(self, path, **fields):
        if "person" in fields:
            fields["as"] = fields.pop("person")
        request = urllib.request.Request(
            f"{self.url}/sandbox/{path}",
            data=json.dumps(fields).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def type(self, person, channel, text):
        return self.post("type", person=person, channel=channel, text=text)

    def press(self, person, channel, ts, action_id, value=None):
        return self.post(
            "act", person=person, channel=channel, ts=ts, action_id=action_id, value=value
        )

    def messages(self, channel):
        return self.get(f"messages?channel={channel}")["messages"]

    def ephemerals(self, person):
        return self.get(f"ephemerals?as={person}")["messages"]

    def views(self, person):
        return self.get(f"views?as={person}")

    def fault(self, **fault):
        return self.post("faults", **fault)["id"]

    def fired(self, fault):
        return next(f["fired"] for f in self.get("faults")["faults"] if f["id"] == fault)

    def until(self, what, look, limit=10):
        """Looks until there is something; the SDKs work in threads of their own."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"not seen within {limit} s: {what}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def main():
    binary, tools = sys.argv[1], pathlib.Path(sys.argv[2])
    passed = failed = 0
    port = free_port()
    http = Sandbox(binary, f"http://127.0.0.1:{port}/slack/events")
    sockets = Sandbox(binary, "socket")
    try:
        tests = [
            *sdk_tests(http),
            *flow_tests(http, port),
            *corpus_tests(http, tools),
            *socket_tests(sockets),
        ]
        for name, test in tests:
            try:
                test()
                passed += 1
                print(f"ok      {name}")
            except Exception:
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}")
    finally:
        http.stop()
        sockets.stop()
    print(f"{passed} passed, {failed} failed")
    sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

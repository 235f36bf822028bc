"""Good and bad blocks: the sandbox and two foreign validators must agree.

Good files please all three. Bad files displease the sandbox and at least one of the others, but
for those in ONLY_HERE, which Slack refuses and neither of the others notices.
"""

import json
import pathlib
import subprocess

from judge import complaints
from sdk import client, error_of

HERE = pathlib.Path(__file__).parent / "corpus"

ONLY_HERE = {
    "message-action-id-twice",
    "message-actions-empty",
    "message-block-id-twice",
    "message-confirm-incomplete",
    "message-date-that-is-none",
    "message-field-too-long",
    "message-initial-option-unknown",
    "message-option-without-value",
    "message-url-that-is-none",
    "view-min-over-max",
    "view-submit-missing",
    "view-two-in-focus",
}


def by_types(folder, tools):
    judged = subprocess.run(
        ["node", "types.mjs", str(folder)], cwd=tools, capture_output=True, text=True, check=True
    )
    lines = (line.split("\t", 1) for line in judged.stdout.splitlines())
    return {name.removesuffix(".json"): said for name, said in lines}


def corpus_tests(sandbox, tools):
    api = client(sandbox)
    judged = {}

    def sandbox_says(kind, content):
        key = "view" if kind == "view" else "blocks"
        given = content if kind == "view" else content["blocks"]
        call = lambda: api.api_call("blocks.validate", json={key: given})
        try:
            call()
            return []
        except Exception:
            return error_of(call)["response_metadata"]["messages"]

    def verdicts(folder, name):
        if folder not in judged:
            judged[folder] = by_types(HERE / folder, tools)
        kind = name.split("-")[0]
        content = json.loads((HERE / folder / f"{name}.json").read_text())
        return sandbox_says(kind, content), complaints(kind, content), judged[folder][name]

    def good(name):
        here, sdk, types = verdicts("good", name)
        assert (here, sdk, types) == ([], [], ""), (here, sdk, types)

    def bad(name):
        here, sdk, types = verdicts("bad", name)
        assert len(here) == 1, f"one planted mistake, these found: {here}"
        others = bool(sdk or types)
        assert others != (name in ONLY_HERE), f"slack_sdk: {sdk}; types: {types}"

    tests = []
    for folder, check in (("good", good), ("bad", bad)):
        for path in sorted((HERE / folder).glob("*.json")):
            name = path.stem
            tests.append((f"blocks, {folder}: {name}", lambda n=name, c=check: c(n)))
    return tests

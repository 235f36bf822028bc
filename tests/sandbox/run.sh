#!/bin/sh
# Proves the sandbox by others' clients: the official slack_sdk and slack_bolt talk to it, and two
# validators that aren't ours judge the same blocks. Prints "N passed, N failed".
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/sandbox-proof
mkdir -p "$tools"

if ! "$tools/venv/bin/python" -c 'import slack_bolt, slack_sdk' 2>/dev/null; then
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
cp "$here/package.json" "$here/types.mjs" "$tools/"
if [ ! -d "$tools/node_modules/@slack/types" ]; then
    (cd "$tools" && npm install --silent --no-audit --no-fund --loglevel=error >/dev/null)
fi

cd "$root"
# As the tests build it: one feature set, nothing twice.
cargo test --locked --quiet --workspace --features planted-bugs,failpoints --no-run 2>/dev/null ||
    cargo test --locked --workspace --features planted-bugs,failpoints --no-run
exec "$tools/venv/bin/python" "$here/prove.py" "$target/debug/examples/serve" "$tools"

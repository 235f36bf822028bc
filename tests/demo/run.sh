#!/usr/bin/env bash
# Plays the demo's story in headless Chromium, against the real `hallpass demo`. Screenshots go to target/demo.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
shots=$target/demo
tools=$target/demo-tools
mkdir -p "$shots" "$tools"

# As the tests build it: one feature set, nothing twice.
cargo test --locked --quiet --workspace --features planted-bugs,failpoints --no-run 2>/dev/null ||
    cargo test --locked --workspace --features planted-bugs,failpoints --no-run
[[ -d $tools/node_modules/playwright-core ]] || npm install --silent --no-fund --no-audit --prefix "$tools" playwright-core@1
ln -sfn "$PWD/tests/demo/story.mjs" "$tools/story.mjs"

log=$shots/demo.log
"$target/debug/hallpass" demo --port 0 >"$log" 2>&1 &
demo=$!
trap 'kill -INT $demo 2>/dev/null; wait $demo 2>/dev/null || true' EXIT

url=""
for _ in $(seq 300); do
    url=$(grep -om1 'http://127.0.0.1:[0-9]*' "$log" || true)
    [[ -n $url ]] && break
    kill -0 $demo 2>/dev/null || { cat "$log" >&2; echo "the demo didn't start" >&2; exit 1; }
    read -rt 0.1 <> <(:) || true
done
[[ -n $url ]] || { cat "$log" >&2; echo "the demo didn't say its address within 30 s" >&2; exit 1; }

cd "$tools"
node --preserve-symlinks --preserve-symlinks-main story.mjs "$url" "$shots" || { tail -50 "$log" >&2; exit 1; }

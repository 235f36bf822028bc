#!/usr/bin/env bash
# Plays the demo's stories in headless Chromium, against the real `hallpass demo`: by mouse and form, and by keyboard alone;
# before them it looks at the gallery. Screenshots go to target/demo. Arguments: the stories to play (`story`, `keyboard`); without any, both.
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
for part in stage story keyboard looks; do ln -sfn "$PWD/tests/demo/$part.mjs" "$tools/$part.mjs"; done

"$target/debug/examples/gallery" tests/it/snapshots "$shots/gallery.html" Hallpass
node --preserve-symlinks --preserve-symlinks-main "$tools/looks.mjs" "$shots/gallery.html" "$shots"

demo=
trap '[[ -z $demo ]] || { kill -INT $demo; wait $demo; } 2>/dev/null || true' EXIT
cd "$tools"
stories=("$@")
[[ $# -gt 0 ]] || stories=(story keyboard)
for story in "${stories[@]}"; do
    log=$shots/$story.log
    "$target/debug/hallpass" demo --port 0 >"$log" 2>&1 &
    demo=$!
    url=""
    for _ in $(seq 300); do
        url=$(grep -om1 'http://127.0.0.1:[0-9]*' "$log" || true)
        [[ -n $url ]] && break
        kill -0 $demo 2>/dev/null || { cat "$log" >&2; echo "the demo didn't start" >&2; exit 1; }
        read -rt 0.1 <> <(:) || true
    done
    [[ -n $url ]] || { cat "$log" >&2; echo "the demo didn't say its address within 30 s" >&2; exit 1; }
    node --preserve-symlinks --preserve-symlinks-main "$story.mjs" "$url" "$shots" || { tail -50 "$log" >&2; exit 1; }
    kill -INT $demo
    wait $demo || true
    demo=
done

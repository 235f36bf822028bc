#!/usr/bin/env bash
# Runs everything that is tested, part by part, and prints how long each took. Stops at the first part that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# One feature set for all that is tested.
features=planted-bugs,failpoints

report=""
part() {
    local name=$1 from=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if ! "$@"; then
        printf '\n%sfailed after %4d s: %s\n' "$report" "$((SECONDS - from))" "$name" >&2
        exit 1
    fi
    report+=$(printf '%6d s  %s' "$((SECONDS - from))" "$name")$'\n'
}

part "what the tests need" scripts/test-needs.sh
part "build" cargo test --locked --workspace --features "$features" --no-run
part "the core, the sandbox, the bot" cargo test --locked --workspace --features "$features"
part "the planted bugs" tests/planted/run.sh
part "the sandbox, by others' clients" tests/sandbox/run.sh
part "the demo, in a browser" tests/demo/run.sh

printf '\nHow long it took:\n%s%6d s  in all\n' "$report" "$SECONDS"

#!/usr/bin/env bash
# The long form of what `make test` tries shortly: every layer that tries to break the bot, one after the other, and the
# figures of each at the end. A layer that fails doesn't keep the others from running.
#
#   scripts/soak.sh               all layers
#   scripts/soak.sh LAYER …       only these, by the names that stand below
#
# HALLPASS_SEEDS: how many seeds the simulation runs. HALLPASS_SEED: the one seed of the process tests.
# HALLPASS_TRANSITIONS: how many the core makes against its reference.
set -uo pipefail
cd "$(dirname "$0")/.."

features=planted-bugs,failpoints
target=${CARGO_TARGET_DIR:-target}
export HALLPASS_SOAK=1 HALLPASS_SEEDS=${HALLPASS_SEEDS:-2000}
export HALLPASS_TRANSITIONS=${HALLPASS_TRANSITIONS:-1000000}
mkdir -p "$target/soak"
export HALLPASS_FIGURES=$PWD/$target/soak/figures
[[ $target == /* ]] && export HALLPASS_FIGURES=$target/soak/figures
: >"$HALLPASS_FIGURES"

report="" failed=0
wanted=("$@")

# layer NAME COMMAND…: runs it where it is wanted, its output in a file of its own.
layer() {
    local name=$1 from=$SECONDS log verdict=well
    shift
    if ((${#wanted[@]})) && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
    log=$target/soak/$name.log
    printf '== %-14s %s\n' "$name" "$log"
    if ! "$@" >"$log" 2>&1; then
        verdict=FAILED failed=1
        grep -E '^test .* FAILED|panicked at|^error' "$log" | head -20
    fi
    report+=$(printf '%-14s %6d s  %-6s  %s' "$name" "$((SECONDS - from))" "$verdict" "$(counted "$log")")$'\n'
}

# What cargo counted, over all test binaries of a layer.
counted() {
    awk '/^test result:/ {passed += $4; failed += $6} END {if (passed + failed) printf "%d tests passed, %d failed", passed, failed}' "$1"
}

# it FILTER…: tests of the integration binary. Two at a time: each starts several processes. Of the whole workspace, as
# everywhere: with fewer features of the dependencies all would be built once more.
it() {
    cargo test --locked --workspace --features "$features" --test it -- --nocapture --test-threads 2 "$@"
}

# The core alone: its stories, the model, and a million transitions against a reference.
core() {
    cargo test --locked -p hallpass-domain --features planted-bugs -- --nocapture || return
    grep -h '^properties: ' "$target/soak/core.log" >>"$HALLPASS_FIGURES"
}

# Each of the 30 faults, planted.
planted() {
    tests/planted/run.sh | tee >(grep ' found, in ' | sed 's/^/planted bugs: /' >>"$HALLPASS_FIGURES")
}

# The survivors stand in the log and in target/soak/mutants.out. Without the model and the longest sequences, which take
# long for every mutant: what only they find counts as a survivor.
mutants() {
    command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants || return
    HALLPASS_TRANSITIONS=3000 PROPTEST_MAX_SHRINK_ITERS=0 RUST_BACKTRACE=0 \
        cargo mutants --package hallpass-domain --output "$target/soak" --timeout 120 --jobs 1 \
        -- --lib -- --skip model:: --skip sequences::
    local status=$?
    for list in caught missed timeout unviable; do
        echo "mutants: $(wc -l <"$target/soak/mutants.out/$list.txt") $list" >>"$HALLPASS_FIGURES"
    done
    # 2: some survived; they are listed.
    [[ $status == 0 || $status == 2 ]]
}

scripts/test-needs.sh || exit
cargo test --locked --workspace --features "$features" --no-run || exit

layer core core
layer simulation it simulation
layer crash-points it crash_points::
layer processes it killed:: processes::
layer outages it outages::
layer clocks it clock_jumps::
layer planted planted
layer mutants mutants

printf '\nFigures:\n'
sort "$HALLPASS_FIGURES" | sed 's/^/  /'
printf '\nLayers:\n%s%6d s in all\n' "$report" "$SECONDS"
exit "$failed"

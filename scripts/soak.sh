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
transitions=${HALLPASS_TRANSITIONS:-1000000}
unset HALLPASS_TRANSITIONS
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

# The core alone: its stories, the model, and a million transitions against a reference. Optimised, which makes it ten
# times as fast, and with the checks that an optimised build leaves out.
core() {
    HALLPASS_TRANSITIONS=$transitions CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
        cargo test --locked --release -p hallpass-domain --lib -- --nocapture || return
    grep -hoE '(properties|model): .*' "$target/soak/core.log" >>"$HALLPASS_FIGURES"
}

# Each of the 30 faults, planted.
planted() {
    tests/planted/run.sh | tee >(grep ' found, in ' | sed 's/^/planted bugs: /' >>"$HALLPASS_FIGURES")
}

# cargo mutants, of the path or below target/tools, where it is installed once.
mutants_tool() {
    command -v cargo-mutants && return
    local tools=$target/tools
    [[ -x $tools/bin/cargo-mutants ]] ||
        CARGO_TARGET_DIR=$target/tools/build cargo install --locked --quiet cargo-mutants --root "$tools" >&2 || return
    echo "$tools/bin/cargo-mutants"
}

# The policy as a crate of its own, which is built in seconds and not with the whole bot: it imports nothing but the
# domain. Its own tests must find what is changed in it.
policy_alone() {
    local crate=$target/soak/policy wanted='^(cedar-policy|miette|thiserror) *='
    rm -rf "$crate" && mkdir -p "$crate/src" || return
    cp -r src/policy "$crate/src/" && cp -r policies "$crate/" && cp Cargo.lock "$crate/" || return
    echo 'pub mod policy;' >"$crate/src/lib.rs"
    {
        printf '[package]\nname = "policy-alone"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[dependencies]\n'
        printf 'hallpass-domain = { path = "%s/crates/domain" }\n' "$PWD"
        sed -n '/^\[dependencies\]/,/^\[dev-dependencies\]/p' Cargo.toml | grep -E "$wanted" | grep -v workspace
        sed -n '/^\[workspace.dependencies\]/,/^\[package\]/p' Cargo.toml | grep -E "$wanted"
        printf '\n[profile.dev]\ndebug = false\n'
    } >"$crate/Cargo.toml"
}

# mutated NAME ARGUMENT…: changes every place of a crate, one at a time, and lists what no test noticed in
# target/soak/mutants-NAME. Well is only where each of those stands, with the reason why it can't matter, in
# tests/mutants/explained.tsv: file, change, reason.
mutated() {
    local name=$1 tool status out=$target/soak/mutants-$1/mutants.out list counted=""
    shift
    tool=$(mutants_tool) || return
    rm -rf "$target/soak/mutants-$name"
    # Another place to build in than ours: cargo mutants builds a copy, and would take turns with us.
    env -u CARGO_TARGET_DIR HALLPASS_TRANSITIONS=3000 PROPTEST_MAX_SHRINK_ITERS=0 RUST_BACKTRACE=0 CARGO_PROFILE_DEV_DEBUG=0 \
        "$tool" mutants --output "$target/soak/mutants-$name" --timeout 120 --jobs 1 --colors never "$@"
    status=$?
    for list in caught missed timeout unviable; do
        [[ -f $out/$list.txt ]] || { echo "mutants: $name: no result (cargo mutants ended with $status)" >>"$HALLPASS_FIGURES"; return 1; }
        counted+=", $(wc -l <"$out/$list.txt") $list"
    done
    # 2: some survived. 3: some never ended, which is found. Everything else is no result: 4, the tests fail unchanged.
    [[ $status == 0 || $status == 2 || $status == 3 ]] || return
    # Places move; what is changed in which file doesn't.
    sed -E 's/^([^:]+):[0-9]+:[0-9]+: /\1\t/' "$out/missed.txt" |
        sort -u >"$out/survivors.tsv"
    cut -f1,2 tests/mutants/explained.tsv | sort -u | comm -23 "$out/survivors.tsv" - >"$out/unexplained.tsv"
    echo "mutants: $name$counted, $(wc -l <"$out/unexplained.tsv") without an explanation" | sed 's/,/:/' >>"$HALLPASS_FIGURES"
    sed "s/^/survived: /" "$out/unexplained.tsv"
    [[ ! -s $out/unexplained.tsv ]]
}

# Without the model and the longest sequences, which take long for every mutant: what only they find counts as a survivor.
mutants() {
    local failed=0
    mutated domain --package hallpass-domain -- --lib -- --skip model:: --skip sequences:: || failed=1
    policy_alone && mutated policy --dir "$target/soak/policy" --gitignore false -- --lib || failed=1
    CARGO_TARGET_DIR=$target/soak/policy-target tests/mutants/rules.py "$target/soak/policy" |
        tee >(grep '^mutants: ' >>"$HALLPASS_FIGURES") || failed=1
    return "$failed"
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

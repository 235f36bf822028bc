#!/usr/bin/env bash
# Plants each of the faults that crates/domain/src/planted.rs lists, one at a time, and sees that the test which
# faults.tsv names for it fails; and that each of these tests passes where nothing is planted. Says how many were found.
# Columns, by tabs: number, binary (it, domain, hallpass), test, how it is found. Where several lines have one number, each
# of their tests must find that fault.
#
#   tests/planted/run.sh            all
#   tests/planted/run.sh 7 12       only these
set -uo pipefail
cd "$(dirname "$0")/../.."

# How long one test may take. A planted fault that is only found by this limit stands so in the table.
limit=60
# Tests at a time.
at_once=2
features=planted-bugs,failpoints
list=tests/planted/faults.tsv

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! cargo test --locked --workspace --features "$features" --no-run --message-format=json >"$work/built" 2>"$work/log"; then
    cat "$work/log" >&2
    exit 1
fi
# binary NAME KIND SOURCE: where cargo put it.
binary() {
    python3 - "$work/built" "$1" "$2" "$3" <<'PYTHON'
import json, os, sys
built, name, kind, source = sys.argv[1:]
for line in open(built):
    message = json.loads(line)
    target = message.get("target", {})
    if (message.get("executable") and message["profile"]["test"] and target["name"] == name
            and kind in target["kind"] and target["src_path"] == f"{os.getcwd()}/{source}"):
        print(message["executable"])
PYTHON
}
declare -A binaries
binaries[it]=$(binary it test tests/it/main.rs)
binaries[domain]=$(binary hallpass_domain lib crates/domain/src/lib.rs)
binaries[hallpass]=$(binary hallpass lib src/lib.rs)
for name in "${!binaries[@]}"; do
    [[ -x ${binaries[$name]} ]] || { echo "cargo built no tests of $name" >&2; exit 1; }
done

# None missing.
if [[ $(cut -f1 "$list" | sort -nu | tr '\n' ' ') != "$(seq -s ' ' 1 30) " ]]; then
    echo "$list must name each of the faults 1 to 30 and no other" >&2
    exit 1
fi

# tried NUMBER BINARY TEST: runs one test with a fault, or with none where the number is 0. Writes its verdict.
tried() {
    local number=$1 test=$3 log=$work/$1.$2.$3 from status
    from=$(date +%s.%N)
    (
        [[ $number == 0 ]] || export HALLPASS_PLANTED_BUG=$number
        # As cargo does: tests find their files by it.
        case $2 in domain) cd crates/domain || exit ;; esac
        exec timeout --kill-after=5 "$limit" "$binary" "$test" --exact --test-threads 1
    ) >"$log" 2>&1
    status=$?
    local took
    took=$(awk -v from="$from" -v to="$(date +%s.%N)" 'BEGIN {printf "%.1f", to - from}')
    local verdict=failed
    if ((status == 124 || status == 137)); then
        verdict=hung
    elif grep -q '^test result: ok. 1 passed' "$log"; then
        verdict=passed
    elif ! grep -q '^test result: FAILED. 0 passed; 1 failed' "$log"; then
        verdict=broken
    fi
    echo "$verdict $took" >"$log.verdict"
}

# One run of each test without a fault, one with each fault.
wanted=" $* "
jobs_of() {
    while IFS=$'\t' read -r number package test _; do
        [[ $wanted == "  " || $wanted == *" $number "* ]] || continue
        printf '0\t%s\t%s\n%s\t%s\t%s\n' "$package" "$test" "$number" "$package" "$test"
    done <"$list" | awk '!seen[$0]++'
}
began=$SECONDS
while IFS=$'\t' read -r number package test; do
    while (($(jobs -rp | wc -l) >= at_once)); do wait -n; done
    binary=${binaries[$package]} tried "$number" "$package" "$test" &
done < <(jobs_of)
wait

# Of each fault, whether all its tests found it.
declare -A found
printf '%3s  %-8s %6s  %s\n' no. found s "test, and how it is found"
while IFS=$'\t' read -r number package test how; do
    [[ $wanted == "  " || $wanted == *" $number "* ]] || continue
    read -r without _ <"$work/0.$package.$test.verdict"
    read -r with took <"$work/$number.$package.$test.verdict"
    case $without/$with in
        passed/failed) verdict=yes ;;
        passed/hung) verdict="by limit" ;;
        passed/*) verdict=NO ;;
        *) verdict=BROKEN ;;
    esac
    case $verdict in
        NO | BROKEN) found[$number]=no ;;
        *) : "${found[$number]:=yes}" ;;
    esac
    printf '%3s  %-8s %6s  %s::%s: %s\n' "$number" "$verdict" "$took" "$package" "$test" "$how"
    if [[ $verdict == BROKEN ]]; then
        tail -n 30 "$work/0.$package.$test" | sed 's/^/     | /'
    elif [[ $verdict == NO ]]; then
        tail -n 5 "$work/$number.$package.$test" | sed 's/^/     | /'
    fi
done <"$list"
well=$(printf '%s\n' "${found[@]}" | grep -c '^yes$')
printf '%d of %d found, in %d s\n' "$well" "${#found[@]}" "$((SECONDS - began))"
((well == ${#found[@]}))

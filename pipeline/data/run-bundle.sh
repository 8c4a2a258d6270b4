#!/bin/sh
# run [--out FILE] [--emulator 'WORDS…']
#
# Runs the generators of this bundle on the machine that it was unpacked on, and packs what they made into FILE
# (default: snapshot.tar.gz in the working directory) for `python -m pipeline stitch --snapshot FILE`. Needs a POSIX
# shell, tar, gzip, awk and sha256sum or shasum. The directory of the bundle is only read.
set -euf
# A Mac's tar would pack attributes as further files.
export LC_ALL=C COPYFILE_DISABLE=1

usage() {
    echo "usage: run [--out FILE] [--emulator 'PROGRAM ARGUMENTS… @ROOT@']" >&2
    exit 2
}
fail() {
    echo "error: $1" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
out=$PWD/snapshot.tar.gz emulator=
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage
    case $1 in
        --out) case $2 in /*) out=$2 ;; *) out=$PWD/$2 ;; esac ;;
        --emulator) emulator=$2 ;;
        *) usage ;;
    esac
    shift 2
done

check() {
    if command -v sha256sum >/dev/null 2>&1; then
        (cd "$here" && sha256sum -c SHA256SUMS) >/dev/null 2>"$work/sums"
    else
        (cd "$here" && shasum -a 256 -c SHA256SUMS) >/dev/null 2>"$work/sums"
    fi || fail "files of the bundle are not what they should be $1: $(head -n 3 "$work/sums")"
}

work=$(mktemp -d "${TMPDIR:-/tmp}/snapstitch.XXXXXXXX")
# A Mac's TMPDIR leads through a link; engines share directories by their own names.
work=$(cd "$work" && pwd -P)
runner=
trap 'rm -rf "$work" "$out.part"' EXIT
# A shell hears of signals between two programs only: the runner is waited for, so that it is ended at once.
trap '[ -z "$runner" ] || { kill "$runner" && wait "$runner"; } 2>/dev/null || true; exit 129' HUP INT TERM PIPE
check "before the run"
mkdir -p "$work/pack/steps"
cp "$here/request.json" "$work/pack/"
set +f
for step in "$here"/steps/*/; do
    name=$(basename "$step")
    if [ -e "$step/result.json" ]; then
        # An earlier round made it.
        cp -R "${step%/}" "$work/pack/steps/"
        continue
    fi
    job=$work/jobs/$name
    mkdir -p "$job"
    cp "$step/job.sh" "$job/"
    echo "running the generator of $name" >&2
    set -f
    # shellcheck disable=SC2086 - the emulator is a list of words
    sh "$here/run-job.sh" "$here/root" "$job" $emulator &
    runner=$!
    code=0
    wait "$runner" || code=$?
    runner=
    case $code in
        0) ;;
        3) fail "the generator of $name cannot be run here" ;;
        *) fail "the generator of $name came to no end: see above" ;;
    esac
    set +f
    cat "$job/stderr" >&2
    case $(cat "$job/result.json") in
        *'"exit_code": 0, "timed_out": false'*) ;;
        *) cat "$job/stdout" >&2; fail "the generator of $name failed: $(cat "$job/result.json")" ;;
    esac
    mkdir "$work/pack/steps/$name"
    for part in out stdout stderr result.json; do mv "$job/$part" "$work/pack/steps/$name/"; done
done
check "after the run"
cd "$work/pack"
find . -type f ! -name SHA256SUMS | sed 's,^\./,,' | sort | while IFS= read -r file; do
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$file"; else shasum -a 256 "$file"; fi
done >../SHA256SUMS
mv ../SHA256SUMS .
tar -chf - request.json steps SHA256SUMS | gzip -c >"$out.part"
mv "$out.part" "$out"
case $(tr -d ' \n' <request.json) in
    *'"pending":[]'*) echo "made $out, for: python -m pipeline stitch --snapshot $out" >&2 ;;
    *) echo "made $out, for the next generators: python -m pipeline generator --snapshot $out" >&2 ;;
esac

#!/bin/sh
# Tells buildx what is in an image, by its protocol
# (https://github.com/moby/buildkit/blob/master/docs/attestations/sbom-protocol.md): an in-toto statement with an SPDX
# document for the product, which its build wrote and the image holds, and one for the packages of the base.
# Nothing is guessed: an image that says nothing about itself is an error.
set -eu

own=$(dirname "$0")

# statement NAME < DOCUMENT
statement() {
    {
        printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",'
        printf '"subject":[],"predicate":'
        cat
        printf '}\n'
    } > "$BUILDKIT_SCAN_DESTINATION/$1.spdx.json"
}

# scan ROOT
scan() {
    name=$(basename "$1")
    said=0
    for document in "$1"/usr/share/doc/*/*.spdx.json; do
        if [ -f "$document" ]; then
            statement "$name-$(basename "$document" .spdx.json)" < "$document"
            said=1
        fi
    done
    for known in "$1"/var/lib/dpkg/status "$1"/lib/apk/db/installed "$1"/usr/lib/apk/db/installed; do
        if [ -s "$known" ]; then
            # A number that follows from what it is about, in the form of a UUID.
            digest=$(sha256sum "$known" | cut -c 1-32)
            number=$(echo "$digest" | sed 's/^\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/')
            id=$(sed -n 's/^ID=//p' "$1/etc/os-release" | tr -d '"')
            awk -v number="$number" -v distribution="${id:-linux}" -v created="$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
                -f "$own/base.awk" "$known" | statement "$name-base"
            said=1
        fi
    done
    if [ "$said" = 0 ]; then
        echo "nothing in the image says what is in it: no usr/share/doc/*/*.spdx.json, no packages" >&2
        exit 1
    fi
}

scan "$BUILDKIT_SCAN_SOURCE"
for extra in "${BUILDKIT_SCAN_SOURCE_EXTRAS:-/nonexistent}"/*; do
    if [ -d "$extra" ]; then
        scan "$extra"
    fi
done

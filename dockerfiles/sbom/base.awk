# Writes an SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/) about installed packages: those of dpkg's status
# (deb822(5)), or of apk's database (https://wiki.alpinelinux.org/wiki/Apk_spec#Install_DB). Needs the variables
# number, distribution and created.

BEGIN {
    FS = ": *"
    count = 0
}

/^Package: / { name = $2; kind = "deb" }
/^Version: / { version = substr($0, 10) }
/^Status: / { installed = ($0 ~ / installed$/) }
/^P:/ { name = substr($0, 3); kind = "apk"; installed = 1 }
/^V:/ { version = substr($0, 3) }
/^L:/ { license = substr($0, 3) }
/^$/ { add() }

END {
    add()
    printf "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":\"SPDXRef-DOCUMENT\","
    printf "\"name\":\"%s\",\"documentNamespace\":\"urn:uuid:%s\",", text(distribution), number
    printf "\"creationInfo\":{\"created\":\"%s\",\"creators\":[\"Tool: snapstitch-sbom\"]},", created
    printf "\"packages\":[%s],\"relationships\":[%s]}", packages, relationships
}

# Takes the package whose fields were read, if it is installed.
function add(    id, comma) {
    if (name != "" && version != "" && installed) {
        count++
        id = "SPDXRef-Package-" count
        comma = count > 1 ? "," : ""
        packages = packages comma sprintf("{\"SPDXID\":\"%s\",\"name\":\"%s\",\"versionInfo\":\"%s\"," \
            "\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,\"licenseConcluded\":\"NOASSERTION\"," \
            "\"licenseDeclared\":\"NOASSERTION\",\"copyrightText\":\"NOASSERTION\"%s,\"externalRefs\":[{" \
            "\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\",\"referenceLocator\":\"%s\"}]}", \
            id, text(name), text(version), comment(), purl())
        relationships = relationships comma sprintf("{\"spdxElementId\":\"SPDXRef-DOCUMENT\"," \
            "\"relationshipType\":\"DESCRIBES\",\"relatedSpdxElement\":\"%s\"}", id)
    }
    name = version = license = ""
    installed = 0
}

# What apk says of licences need not be an SPDX expression.
function comment() {
    return license == "" ? "" : sprintf(",\"licenseComments\":\"declared as: %s\"", text(license))
}

# https://github.com/package-url/purl-spec
function purl() {
    return "pkg:" kind "/" encoded(distribution) "/" encoded(name) "@" encoded(version)
}

function encoded(value) {
    gsub(/%/, "%25", value)
    gsub(/\+/, "%2B", value)
    gsub(/:/, "%3A", value)
    gsub(/[^A-Za-z0-9._~%-]/, "_", value)
    return value
}

# As it stands in JSON.
function text(value) {
    gsub(/\\/, "\\\\", value)
    gsub(/"/, "\\\"", value)
    gsub(/[[:cntrl:]]/, " ", value)
    return value
}

# The bills of materials of images, for buildx. It runs on the machine that builds, whatever the image is for:
#   docker buildx build --push --tag REGISTRY/sbom:1 -f dockerfiles/sbom/sbom.Dockerfile dockerfiles/sbom
#   nox -s image -- --bake image --sbom-generator REGISTRY/sbom:1
ARG BASE=busybox:1.36
FROM ${BASE}
COPY --chmod=755 generate.sh base.awk /usr/local/lib/sbom/
ENTRYPOINT ["/bin/sh", "/usr/local/lib/sbom/generate.sh"]

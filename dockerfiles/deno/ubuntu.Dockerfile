# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten.
#
# CONTEXT is laid out by `python -m pipeline image --runtime deno --context CONTEXT`. By hand:
#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT
ARG BASE=ubuntu:24.04

# Runs on the machine that builds, for all platforms: the users of the base, and one more.
FROM --platform=${BUILDPLATFORM} ${BASE} AS users
WORKDIR /users/etc
RUN --network=none { cat /etc/passwd && echo 'deno:x:1993:1993::/home/deno:/bin/sh'; } > passwd && \
    { cat /etc/group && echo 'deno:x:1993:'; } > group && \
    touch -d @315532800 passwd group .

FROM ${BASE}
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="deno"
ENV DENO_DIR="/deno-dir/"
ENV DENO_INSTALL_ROOT="/usr/local"
COPY --link --from=users /users/ /
COPY --link --chown=1993:1993 owned/ /
COPY --link common/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
ENTRYPOINT ["/usr/bin/tini", "--", "docker-entrypoint.sh"]
CMD ["eval", "console.log('Welcome to Deno!')"]

# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten.
#
# CONTEXT is laid out by `python -m pipeline image --runtime deno --context CONTEXT`. By hand:
#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT
ARG BASE=debian:12-slim

# Runs on the machine that builds, for all platforms: the users of the base, and one more.
FROM --platform=${BUILDPLATFORM} ${BASE} AS users
RUN --network=none echo 'deno:x:1993:1993::/home/deno:/bin/sh' >> /etc/passwd && echo 'deno:x:1993:' >> /etc/group

FROM ${BASE}
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="deno"
ENV DENO_DIR="/deno-dir/"
ENV DENO_INSTALL_ROOT="/usr/local"
COPY --link --from=users /etc/passwd /etc/group /etc/
COPY --link --chown=1993:1993 empty/ /home/deno/
COPY --link --chown=1993:1993 empty/ /deno-dir/
COPY --link common/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["eval", "console.log('Welcome to Deno!')"]

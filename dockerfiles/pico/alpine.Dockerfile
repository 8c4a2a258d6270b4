# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten.
#
# CONTEXT is laid out by `python -m pipeline image --runtime pico --context CONTEXT`. By hand:
#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT
ARG BASE=alpine:3.20

# Runs on the machine that builds, for all platforms: the users of the base, and one more.
FROM --platform=${BUILDPLATFORM} ${BASE} AS users
WORKDIR /users/etc
RUN --network=none { cat /etc/passwd && echo 'pico:x:10001:10001::/home/pico:/bin/sh'; } > passwd && \
    { cat /etc/group && echo 'pico:x:10001:'; } > group && \
    touch -d @315532800 passwd group .

FROM ${BASE}
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="pico"
COPY --link --from=users /users/ /
COPY --link --chown=10001:10001 owned/ /
COPY --link common/ /
# The loader and the libraries of glibc, where the program and the loader look for them.
COPY --link ${TARGETARCH}${TARGETVARIANT}/libc/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--", "docker-entrypoint.sh"]
CMD ["--version"]

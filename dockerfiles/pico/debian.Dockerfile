# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten.
#
# CONTEXT is laid out by `python -m pipeline image --runtime pico --context CONTEXT`. By hand:
#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT
ARG BASE=debian:12-slim

# Runs on the machine that builds, for all platforms: the users of the base, and one more.
FROM --platform=${BUILDPLATFORM} ${BASE} AS users
RUN --network=none echo 'pico:x:10001:10001::/home/pico:/bin/sh' >> /etc/passwd && echo 'pico:x:10001:' >> /etc/group

FROM ${BASE}
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="pico"
COPY --link --from=users /etc/passwd /etc/group /etc/
COPY --link --chown=10001:10001 empty/ /home/pico/
COPY --link common/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
USER 10001:10001
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["--version"]

# Made from releases.toml by `python -m pipeline image --write`; changes by hand are overwritten.
#
# CONTEXT is laid out by `python -m pipeline image --runtime deno-core-app --context CONTEXT`. By hand:
#   docker buildx build --platform linux/amd64,linux/arm64 -f THIS-FILE CONTEXT

FROM scratch
ARG TARGETARCH
ARG TARGETVARIANT
LABEL org.opencontainers.image.title="deno-core-app"
COPY --link --chown=10001:10001 owned/ /
COPY --link scratch/ /
# The loader and the libraries of glibc, where the program and the loader look for them.
COPY --link ${TARGETARCH}${TARGETVARIANT}/libc/ /
COPY --link ${TARGETARCH}${TARGETVARIANT}/product/ /
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/bin/deno-core-app"]
CMD ["--version"]

# Debian with what the pipeline itself needs, and the packages of the toolbox of a runtime's targets, for machines that
# are neither Debian nor Ubuntu:
#   nox -s image -- --toolchain-context image/toolchain --runtime deno
#   docker buildx build --load --tag snapstitch-toolchain -f dockerfiles/toolchain/toolchain.Dockerfile image/toolchain
# Nothing is installed by running something: it is the same for machines of every CPU.
FROM scratch
ARG TARGETARCH
LABEL org.opencontainers.image.title="snapstitch-toolchain"
COPY ${TARGETARCH}/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV PYTHONDONTWRITEBYTECODE=1
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV SNAPSTITCH_TOOLBOX_SEED=/usr/share/snapstitch/toolbox
CMD ["bash"]

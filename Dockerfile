# One image with linkrelay's three binaries; the default runs all roles in one process.
#
#   docker build -t linkrelay .
#   docker run --rm -e LINKRELAY_ALLOW_ANONYMOUS=true -p 127.0.0.1:3000:3000 -v linkrelay:/data linkrelay
#
# For others than this machine, make keys first (docs/OPERATIONS.md, "On a network").
# Needs BuildKit (the default builder of Docker 23 and newer) for the cache mounts.

FROM rust:1.95-bookworm AS build
# librdkafka's TLS is OpenSSL's.
RUN apt-get update && \
    apt-get install -y --no-install-recommends libssl-dev pkg-config && \
    rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# `--version` and linkrelay_build_info show it.
ARG LINKRELAY_COMMIT
# The registry and what was built before are kept between builds, but not in any layer: a change
# of our code builds our crates alone.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    LINKRELAY_COMMIT="$LINKRELAY_COMMIT" cargo build --release --locked \
      --package linkrelay --package linkrelay-producer --package linkrelay-consumer --bins && \
    install -D --strip --target-directory=/out \
      target/release/linkrelay target/release/linkrelay-producer target/release/linkrelay-consumer

FROM debian:bookworm-slim
# zlib and OpenSSL are librdkafka's; certificates are for MongoDB and Kafka over TLS.
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd --system --gid 10001 linkrelay && \
    useradd --system --uid 10001 --gid linkrelay --home-dir /data linkrelay && \
    install -d -o linkrelay -g linkrelay /data
COPY --from=build /out/ /usr/local/bin/
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/linkrelay/
# Inside a container, 127.0.0.1 cannot be reached from outside. So a producer and `up` end at start
# until LINKRELAY_API_KEYS_FILE or LINKRELAY_ALLOW_ANONYMOUS is set.
ENV HTTP_ADDR=0.0.0.0:3000 EXTRACTOR_ADDR=0.0.0.0:5000 DATA_DIR=/data
USER linkrelay
WORKDIR /data
VOLUME /data
EXPOSE 3000 5000
# Alive, not ready: a store that is down is no reason to replace a container.
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["linkrelay", "health"]
CMD ["linkrelay", "up"]
# Last, because they are others for each build. The source is an address of the repository.
ARG LINKRELAY_SOURCE
ARG LINKRELAY_COMMIT
ARG LINKRELAY_CREATED
LABEL org.opencontainers.image.title="linkrelay" \
      org.opencontainers.image.description="Takes YouTube links over HTTP and stores the metadata of their videos, through Kafka" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="0.2.0" \
      org.opencontainers.image.source="$LINKRELAY_SOURCE" \
      org.opencontainers.image.revision="$LINKRELAY_COMMIT" \
      org.opencontainers.image.created="$LINKRELAY_CREATED"

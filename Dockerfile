# The one binary with the site in it, on a small Debian, as a normal user.
#   docker build -t kafkatalk .
#   docker run -p 8080:8080 -v kafkatalk:/data kafkatalk

FROM rust:1.95.0-slim-trixie AS build
# What librdkafka, SQLite and OpenSSL are compiled with, and npm for wasm-opt. Versions are the base image's.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make npm perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The caches belong to the builder, so that a change of ours does not compile the world again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    --mount=type=cache,target=/var/cache/kafkatalk \
    KAFKATALK_CACHE=/var/cache/kafkatalk cargo xtask release

FROM debian:trixie-slim
# The authorities by which brokers with TLS are checked.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin kafkatalk \
    && install --directory --owner kafkatalk --group kafkatalk /data
COPY --from=build /src/dist/kafkatalk /usr/local/bin/kafkatalk
USER 10001:10001
WORKDIR /data
# The embedded log and the views. With --kafka the views alone, which may be lost.
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["kafkatalk"]
CMD ["serve", "--listen", "0.0.0.0:8080", "--data", "/data"]

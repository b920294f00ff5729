# The sidecar as an image: one static binary, a CA bundle, one user, nothing
# else. No shell, no package manager, nothing to write to outside the volumes.
#
#   docker build -t caddy-tpp .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --volume ./Caddyfile:/etc/caddy/Caddyfile:ro --volume ./certs:/run/tpp:ro caddy-tpp
#
# How to run it beside an application: packaging/compose.yaml and
# packaging/kubernetes.yaml.

# The Go release is the one go.mod asks for, on Debian for its CA bundle.
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm

FROM ${GO_IMAGE} AS builder
WORKDIR /src
# Modules first, so that a change to the code does not fetch them again.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Lays out the root file system in /artifacts; what is built, and with which
# flags, stands in xcaddy.json.
RUN packaging/artifacts /artifacts

# Only a name for the files the image is made of. A machine without network
# makes them itself and puts them in the place of this stage:
#
#   packaging/artifacts dist/
#   docker build --target runtime --build-context artifacts=dist/ -t caddy-tpp .
FROM scratch AS artifacts
COPY --from=builder /artifacts/ /

FROM scratch AS runtime
COPY --from=artifacts /etc /etc
COPY --from=artifacts /caddy /caddy
COPY --from=artifacts --chown=65532:65532 /data /data
COPY --from=artifacts --chown=65532:65532 /config /config

# Where Caddy keeps its state, and the demo its files; on volumes, for the rest
# is read-only.
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config TMPDIR=/data
VOLUME ["/data", "/config"]

# By number, so that Kubernetes can tell it is not root.
USER 65532:65532
WORKDIR /data

# For a caller in another network namespace; beside its application the
# sidecar listens on loopback and publishes nothing.
EXPOSE 8080

# Caddy leaves on SIGTERM once calls in flight are answered (grace_period).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
	CMD ["/caddy", "tpp", "health"]
ENTRYPOINT ["/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile"]

LABEL org.opencontainers.image.title="caddy-tpp" \
	org.opencontainers.image.description="PSD2 sidecar: plain HTTP in, calls as banks demand them out" \
	org.opencontainers.image.source="https://github.com/caddy-tpp/caddy-tpp" \
	org.opencontainers.image.licenses="Apache-2.0"

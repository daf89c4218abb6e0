# The job server and its tools, and nothing else: docs/container.md says how it is run.
#
# They are linked statically, so that there is no library and no shell in the image that would have to be kept up to date;
# against glibc, so that its allocator is the one that all measurements were made with. As nothing runs in the last
# stage, one machine makes the image for both architectures without emulating the other:
# docker buildx build --platform linux/amd64,linux/arm64
ARG RUST=1.95.0
FROM --platform=$BUILDPLATFORM rust:${RUST}-bookworm AS build
ARG TARGETARCH
ARG PROFILE=release
WORKDIR /src
COPY . .
RUN packaging/image/build.sh /image

FROM scratch
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gearmand" \
      org.opencontainers.image.description="A job server for Gearman, with the tools gearman and gearadmin" \
      org.opencontainers.image.source="https://github.com/gearman-rs/gearman_rs" \
      org.opencontainers.image.documentation="https://github.com/gearman-rs/gearman_rs/blob/main/docs/container.md" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image /
COPY --from=build --chown=4730:4730 /queue /var/lib/gearmand
ENV PATH=/usr/local/bin
# By number, so that Kubernetes sees that it is not root.
USER 4730:4730
WORKDIR /var/lib/gearmand
VOLUME /var/lib/gearmand
EXPOSE 4730
# An end within --drain-timeout, which /etc/gearmand.conf sets. SIGUSR1 would wait for the longest job, until it is killed.
STOPSIGNAL SIGTERM
# It answers when it has read its durable queue, which takes long where many jobs wait: until then a failure counts for nothing.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m CMD ["gearadmin", "--timeout", "3000", "--server-version"]
ENTRYPOINT ["gearmand"]

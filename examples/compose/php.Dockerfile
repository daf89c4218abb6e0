# PHP with the module, and the programs of this folder. From the project's folder:
#
#   docker build -f examples/compose/php.Dockerfile -t gearman-example-php .
ARG PHP=8.4
ARG RUST=1.95.0

FROM rust:${RUST}-slim-bookworm AS rust

FROM php:${PHP}-cli-bookworm AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
# Debian keeps no older version that could be named here.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libclang-dev && rm -rf /var/lib/apt/lists/*
# For a worker that ends by SIGTERM between two jobs.
RUN docker-php-ext-install pcntl
ARG PROFILE=release
WORKDIR /src
COPY . .
RUN cargo build --locked --profile "$PROFILE" -p gearman_rs && \
    mkdir -p "/module$(php-config --extension-dir)" "/module$(php-config --ini-dir)" && \
    cp "target/$PROFILE/libgearman_rs.so" "/module$(php-config --extension-dir)/gearman_rs.so" && \
    echo extension=gearman_rs.so >"/module$(php-config --ini-dir)/gearman_rs.ini" && \
    cp -a "$(php-config --extension-dir)"/pcntl.so "/module$(php-config --extension-dir)" && \
    cp -a "$(php-config --ini-dir)"/*pcntl.ini "/module$(php-config --ini-dir)"

FROM php:${PHP}-cli-bookworm
COPY --from=build /module /
WORKDIR /app
COPY examples/compose/*.php ./
# www-data
USER 33:33
# As process 1 it has to handle the signal itself: worker.php does.
STOPSIGNAL SIGTERM
CMD ["php", "worker.php"]

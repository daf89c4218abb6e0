#!/usr/bin/env bash
# msrv.sh: no dependency in Cargo.lock asks for a newer Rust than Cargo.toml does. Prints which ask for just that.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"

# shellcheck disable=SC2016
cargo metadata --locked --format-version 1 | "$PHP" -n -r '
    $packages = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR)["packages"];
    $is_ours = fn (array $package): bool => $package["source"] === null;
    $ours = max(array_column(array_filter($packages, $is_ours), "rust_version"));
    $newer = $same = [];
    foreach ($packages as $package) {
        $wanted = $package["rust_version"] ?? "1";
        $order = version_compare(preg_replace("/^(\d+\.\d+)$/", "$1.0", $wanted), "$ours.0");
        if ($order > 0) { $newer[] = "$package[name] $package[version]: Rust $wanted"; }
        if ($order === 0 && !$is_ours($package)) { $same[] = "$package[name] $package[version]"; }
    }
    foreach ($newer as $line) { fwrite(STDERR, "Cargo.toml says Rust $ours, but $line\n"); }
    echo "Rust $ours is asked for by ", $same ? implode(", ", $same) : "no dependency", "\n";
    exit((int) ($newer !== []));'

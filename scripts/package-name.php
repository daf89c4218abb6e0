<?php
// Which PHPs can load a module that was made for this one, as PIE writes it into the names of what it downloads
// (PrePackagedBinaryAssetName): php8.4-x86_64-linux-glibc-nts.
$machine = php_uname('m');
$libc = str_contains((string) shell_exec('ldd ' . escapeshellarg(PHP_BINARY) . ' 2>&1'), 'musl') ? 'musl' : 'glibc';
echo implode('-', [
    'php' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION,
    ['aarch64' => 'arm64', 'amd64' => 'x86_64'][$machine] ?? $machine,
    strtolower(PHP_OS_FAMILY),
    $libc,
    ...(PHP_DEBUG ? ['debug'] : []),
    PHP_ZTS ? 'zts' : 'nts',
]), "\n";

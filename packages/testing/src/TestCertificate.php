<?php

declare(strict_types=1);

namespace GearmanRs\Testing;

use RuntimeException;

/** A certificate for 127.0.0.1 that has signed itself: a server's, and what its clients name as their CA file. */
final class TestCertificate
{
    private const CONFIG = <<<'INI'
        [req]
        distinguished_name = name
        x509_extensions = v3
        [name]
        [v3]
        subjectAltName = DNS:localhost, IP:127.0.0.1
        basicConstraints = critical, CA:true
        INI;

    private function __construct(public readonly string $file, public readonly string $key)
    {
    }

    /** Writes NAME.pem and NAME.key into a folder that is there. */
    public static function make(string $folder, string $name = 'server'): self
    {
        $made = new self("$folder/$name.pem", "$folder/$name.key");
        $config = "$folder/$name.cnf";
        file_put_contents($config, self::CONFIG);
        $with = [
            'config' => $config, 'digest_alg' => 'sha256', 'private_key_bits' => 2048,
            'private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1',
        ];
        $key = openssl_pkey_new($with);
        $request = $key === false ? false : openssl_csr_new(['commonName' => 'localhost'], $key, $with);
        $signed = $request instanceof \OpenSSLCertificateSigningRequest
            ? openssl_csr_sign($request, null, $key, 2, $with, random_int(1, PHP_INT_MAX))
            : false;
        if (
            $signed === false || !openssl_x509_export_to_file($signed, $made->file)
            || !openssl_pkey_export_to_file($key, $made->key, null, $with)
        ) {
            throw new RuntimeException('no certificate could be made: ' . openssl_error_string());
        }
        unlink($config);

        return $made;
    }
}

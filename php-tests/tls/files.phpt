--TEST--
Files of TLS that are of no use: a warning that names the file, when the connection is made; no key is ever shown
--SKIPIF--
<?php require __DIR__ . '/skipif.inc';
--FILE--
<?php
require __DIR__ . '/tls.inc';

$ca = new Authority();
$own = $ca->issue('client');
$other = $ca->issue('other');
$server = tls_server($ca->issue(), $ca->file);
$file = function (string $name, string $content): string {
    file_put_contents($path = tls_folder() . "/$name", $content);
    return $path;
};
$keys = [];
$ping = function (string $what, ?string $ca_file, ?string $certificate, ?string $key) use ($server, &$keys) {
    foreach ([GearmanClient::class, GearmanWorker::class] as $class) {
        $object = new $class();
        show($class === GearmanClient::class ? $what : 'and the worker', $object->setSSL(true, $ca_file, $certificate, $key));
        $object->addServer(HOST, $server->tls, false);
        told('', $object, fn () => $object->ping('x'));
        $keys[] = $object->error();
    }
};
$folder = tls_folder();
$ping('missing CA file', "$folder/none.pem", $own->file, $own->key);
$ping('missing certificate', $ca->file, "$folder/none.pem", $own->key);
$ping('missing key', $ca->file, $own->file, "$folder/none.key");
$ping('a directory', $folder, null, null);
$ping('an empty file', $file('empty.pem', ''), null, null);
$ping('garbage', $file('garbage.pem', random_bytes(1000)), null, null);
$ping('half a certificate', $file('half.pem', substr(file_get_contents($ca->file), 0, 300)), null, null);
$ping('a key for a certificate', $ca->file, $own->key, $own->key);
$ping('a certificate for a key', $ca->file, $own->file, $own->file);
$ping('a key that does not fit', $ca->file, $own->file, $other->key);
openssl('pkcs8', '-topk8', '-in', $own->key, '-out', "$folder/encrypted.key", '-passout', 'pass:secret');
$ping('an encrypted key', $ca->file, $own->file, "$folder/encrypted.key");
openssl('ec', '-in', $own->key, '-out', "$folder/old.key", '-aes128', '-passout', 'pass:secret');
$ping('an encrypted key of the old kind', $ca->file, $own->file, "$folder/old.key");
$ping('a key without a certificate', $ca->file, null, $own->key);
$ping('the wrong order', $ca->file, $file('order.pem', file_get_contents($ca->file) . file_get_contents($own->file)), $own->key);
ftruncate($large = fopen("$folder/large.pem", 'w'), 1 << 30);
$ping('a gigabyte', "$folder/large.pem", null, null);
posix_mkfifo("$folder/fifo", 0600);
$ping('a pipe', "$folder/fifo", null, null);
$ping('a strange name', "$folder/a\nb\xff.pem", null, null);
$ping('all is well', $ca->file, $own->file, $own->key);
$ping('in one file', $ca->file, $own->together(), null);

// With what is there when the connection is made; from the folder it was set in.
$client = new GearmanClient();
mkdir("$folder/here");
chdir("$folder/here");
show('a relative name', $client->setSSL(true, 'ca.pem', '../client.pem', './client.key'));
$client->addServer(HOST, $server->tls, false);
chdir('/');
told('not yet there', $client, fn () => $client->ping('x'));
copy($ca->file, "$folder/here/ca.pem");
copy($own->file, "$folder/client.pem");
copy($own->key, "$folder/here/client.key");
show('now', $client->ping('x'), code($client));

$secret = implode('', array_slice(file($own->key, FILE_IGNORE_NEW_LINES), 1, -1));
$shown = array_filter(str_split($secret, 12), fn ($piece) => str_contains(implode($keys), $piece));
show('pieces of the key shown', count($shown));
--EXPECT--

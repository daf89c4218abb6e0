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
ob_start(); // for the last look
$ping = fn (string $what, ?string $ca_file, ?string $certificate, ?string $key) =>
    both_told($what, function (object $object) use ($server, $ca_file, $certificate, $key) {
        $object->setSSL(true, $ca_file, $certificate, $key) || print("refused\n");
        $object->addServer(HOST, $server->tls, false);
    });
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

$said = ob_get_flush();
$secret = implode('', array_slice(file($own->key, FILE_IGNORE_NEW_LINES), 1, -1));
$shown = array_filter(str_split($secret, 12), fn ($piece) => str_contains($said, $piece));
show('pieces of the key shown', count($shown));
--EXPECT--
missing CA file:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/none.pem: No such file or directory
  false, COULD_NOT_CONNECT
missing certificate:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the certificate file ~/none.pem: No such file or directory
  false, COULD_NOT_CONNECT
missing key:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the key file ~/none.key: No such file or directory
  false, COULD_NOT_CONNECT
a directory:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~: it is a directory
  false, COULD_NOT_CONNECT
an empty file:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/empty.pem: it is empty
  false, COULD_NOT_CONNECT
garbage:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/garbage.pem: there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)
  false, COULD_NOT_CONNECT
half a certificate:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/half.pem: it is no PEM: a section in it cannot be decoded
  false, COULD_NOT_CONNECT
a key for a certificate:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the certificate file ~/client.key: there is no certificate in it (in PEM: -----BEGIN CERTIFICATE-----)
  false, COULD_NOT_CONNECT
a certificate for a key:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the certificate file ~/client.pem: there is no private key in it (in PEM: -----BEGIN PRIVATE KEY-----)
  false, COULD_NOT_CONNECT
a key that does not fit:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the key file ~/other.key: the key does not fit the certificate in ~/client.pem
  false, COULD_NOT_CONNECT
an encrypted key:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the key file ~/encrypted.key: the key is encrypted, and nobody is there to type the password; `openssl pkey -in FILE -out NEW` makes one that is not
  false, COULD_NOT_CONNECT
an encrypted key of the old kind:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the key file ~/old.key: the key is encrypted, and nobody is there to type the password; `openssl pkey -in FILE -out NEW` makes one that is not
  false, COULD_NOT_CONNECT
a key without a certificate:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: a key without a certificate is of no use: name the certificate of ~/client.key
  false, COULD_NOT_CONNECT
the wrong order:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the certificate file ~/order.pem: its certificates are in the wrong order: the key is that of number 2; that of the key comes first, then the one that signed it, and so on
  false, COULD_NOT_CONNECT
a gigabyte:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/large.pem: it is larger than 4 MiB, which no file of certificates is
  false, COULD_NOT_CONNECT
a pipe:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/fifo: it is no regular file
  false, COULD_NOT_CONNECT
a strange name:
  warning: GearmanX::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/a
b�.pem: No such file or directory
  false, COULD_NOT_CONNECT
all is well:
  true, SUCCESS
in one file:
  true, SUCCESS
a relative name: true
not yet there:
  warning: GearmanClient::ping(): no TLS connection to 127.0.0.1:PORT: the CA file ~/here/ca.pem: No such file or directory
  false, COULD_NOT_CONNECT
now: true, SUCCESS
pieces of the key shown: 0

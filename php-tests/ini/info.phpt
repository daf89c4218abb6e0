--TEST--
phpinfo() and php --ri: versions, defaults and settings
--INI--
gearman.connect_timeout=1234
gearman.servers=host:1,:2
--FILE--
<?php
(new ReflectionExtension('gearman'))->info();
var_dump(phpversion('gearman') === (new ReflectionExtension('gearman'))->getVersion(), version_compare(phpversion('gearman'), '2.2', '>='));
var_dump((new ReflectionExtension('gearman'))->getDependencies(), array_keys(ini_get_all('gearman')));
--EXPECTF--

gearman

gearman support => enabled
extension version => %d.%d.%d
libgearman version => 1.1.20
core version => gearman_rs %d.%d.%d (Rust, no libgearman)
Default TCP Host => localhost
Default TCP Port => 4730
persistent connections => 0 idle, 0 reused, 0 made
TLS => 1.2 and 1.3 (rustls)
TLS verification => on

Directive => Local Value => Master Value
gearman.connect_timeout => 1234 => 1234
gearman.default_timeout => -1 => -1
gearman.max_packet_size => 1073741824 => 1073741824
gearman.lazy_connect => 0 => 0
gearman.persistent => 0 => 0
gearman.direct_assignment => 1 => 1
gearman.prefetch => 0 => 0
gearman.servers => host:1,:2 => host:1,:2
gearman.ssl => 0 => 0
gearman.ssl_ca_file => no value => no value
gearman.ssl_certificate => no value => no value
gearman.ssl_key => no value => no value
gearman.ssl_peer_name => no value => no value
gearman.ssl_verify => 1 => 1
bool(true)
bool(true)
array(0) {
}
array(14) {
  [0]=>
  string(23) "gearman.connect_timeout"
  [1]=>
  string(23) "gearman.default_timeout"
  [2]=>
  string(25) "gearman.direct_assignment"
  [3]=>
  string(20) "gearman.lazy_connect"
  [4]=>
  string(23) "gearman.max_packet_size"
  [5]=>
  string(18) "gearman.persistent"
  [6]=>
  string(16) "gearman.prefetch"
  [7]=>
  string(15) "gearman.servers"
  [8]=>
  string(11) "gearman.ssl"
  [9]=>
  string(19) "gearman.ssl_ca_file"
  [10]=>
  string(23) "gearman.ssl_certificate"
  [11]=>
  string(15) "gearman.ssl_key"
  [12]=>
  string(21) "gearman.ssl_peer_name"
  [13]=>
  string(18) "gearman.ssl_verify"
}

--TEST--
A setting out of range in php.ini leaves the default
--INI--
gearman.connect_timeout=soon
gearman.default_timeout=0
gearman.max_packet_size=-1
gearman.lazy_connect=on
gearman.persistent=2
--FILE--
<?php
foreach (['connect_timeout', 'default_timeout', 'max_packet_size', 'lazy_connect', 'persistent'] as $name) {
    echo "$name: ", ini_get("gearman.$name"), "\n";
}
--EXPECT--
connect_timeout: 5000
default_timeout: -1
max_packet_size: 1073741824
lazy_connect: 1
persistent: 0

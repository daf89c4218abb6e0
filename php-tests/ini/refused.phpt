--TEST--
Settings out of range are refused and the old value stays
--FILE--
<?php
require __DIR__ . '/../api.inc';

foreach ([
    'gearman.connect_timeout' => ['1', '3600000', '0', '-1', '3600001', 'soon', '', '1.5'],
    'gearman.default_timeout' => ['-1', '1', '2147483647', '2147483648', '0', '-2', 'soon', ''],
    'gearman.max_packet_size' => ['1024', '4294967295', '1023', '0', '-1', '4294967296', '1M', '2g', '4G', '1T', 'M', ''],
    'gearman.lazy_connect' => ['1', '0', '2', 'yes', '-1'],
    'gearman.direct_assignment' => ['0', '1', 'no'],
    'gearman.prefetch' => ['1000', '1001', '-1', 'many', ''],
    'gearman.servers' => ['a:1,b:2', ''],
] as $name => $values) {
    foreach ($values as $value) {
        $before = ini_get($name);
        $old = ini_set($name, $value);
        show("$name = '$value'", $old === false ? 'refused' : 'set', ini_get($name) === ($old === false ? $before : $value));
    }
    ini_restore($name);
    show($name, ini_get($name));
}
show('on and off', ini_set('gearman.lazy_connect', true), ini_get('gearman.lazy_connect'), ini_set('gearman.lazy_connect', false), ini_get('gearman.lazy_connect'));
--EXPECT--
gearman.connect_timeout = '1': 'set', true
gearman.connect_timeout = '3600000': 'set', true
gearman.connect_timeout = '0': 'refused', true
gearman.connect_timeout = '-1': 'refused', true
gearman.connect_timeout = '3600001': 'refused', true
gearman.connect_timeout = 'soon': 'refused', true
gearman.connect_timeout = '': 'refused', true
gearman.connect_timeout = '1.5': 'refused', true
gearman.connect_timeout: '5000'
gearman.default_timeout = '-1': 'set', true
gearman.default_timeout = '1': 'set', true
gearman.default_timeout = '2147483647': 'set', true
gearman.default_timeout = '2147483648': 'refused', true
gearman.default_timeout = '0': 'refused', true
gearman.default_timeout = '-2': 'refused', true
gearman.default_timeout = 'soon': 'refused', true
gearman.default_timeout = '': 'refused', true
gearman.default_timeout: '-1'
gearman.max_packet_size = '1024': 'set', true
gearman.max_packet_size = '4294967295': 'set', true
gearman.max_packet_size = '1023': 'refused', true
gearman.max_packet_size = '0': 'refused', true
gearman.max_packet_size = '-1': 'refused', true
gearman.max_packet_size = '4294967296': 'refused', true
gearman.max_packet_size = '1M': 'set', true
gearman.max_packet_size = '2g': 'set', true
gearman.max_packet_size = '4G': 'refused', true
gearman.max_packet_size = '1T': 'refused', true
gearman.max_packet_size = 'M': 'refused', true
gearman.max_packet_size = '': 'refused', true
gearman.max_packet_size: '1073741824'
gearman.lazy_connect = '1': 'set', true
gearman.lazy_connect = '0': 'set', true
gearman.lazy_connect = '2': 'refused', true
gearman.lazy_connect = 'yes': 'refused', true
gearman.lazy_connect = '-1': 'refused', true
gearman.lazy_connect: '0'
gearman.direct_assignment = '0': 'set', true
gearman.direct_assignment = '1': 'set', true
gearman.direct_assignment = 'no': 'refused', true
gearman.direct_assignment: '1'
gearman.prefetch = '1000': 'set', true
gearman.prefetch = '1001': 'refused', true
gearman.prefetch = '-1': 'refused', true
gearman.prefetch = 'many': 'refused', true
gearman.prefetch = '': 'refused', true
gearman.prefetch: '0'
gearman.servers = 'a:1,b:2': 'set', true
gearman.servers = '': 'set', true
gearman.servers: ''
on and off: '0', '1', '1', ''

--TEST--
examples/mail: a mail that cannot be sent is tried again, and its result is kept
--EXTENSIONS--
gearman
pcntl
posix
--SKIPIF--
<?php
str_contains((string) shell_exec(getenv('GEARMAN_TEST_GEARMAND') . ' --help'), '--policy-file') or die('skip gearmand has no policies');
--FILE--
<?php
require __DIR__ . '/mail.inc';

// As it is in the example, but for the pauses.
$policies = getenv('GEARMAN_TEST_DIR') . '/mail-' . getmypid() . '.toml';
$text = file_get_contents(getenv('GEARMAN_TEST_ROOT') . '/examples/mail/policies.toml');
file_put_contents($policies, preg_replace('/^backoff = .*/m', 'backoff = "50ms*2<1s"', $text, 1, $changed));
show('changed', $changed);

$mail = new Mail(start_gearmand(['--policy-file', $policies]));
touch("$mail->folder/fail-1");
touch("$mail->folder/fail-2");
$handle = $mail->run('send', '--key=k', 'you@example.org', 'Hello', 'third time lucky');
echo $mail->sent(1)[0];
wait_until(fn() => str_contains($mail->said(), 'sent to'));
echo $mail->said();
show('result', preg_match('/^sent 2/', wait_until(fn() => !str_ends_with($result = $mail->run('result', $handle), '(1)') ? $result : false)));

echo "-- more failures than tries\n";
foreach (range(1, 4) as $n) {
    touch("$mail->folder/fail-$n");
}
$handle = $mail->run('send', 'you@example.org', 'Hello', 'never');
show('status', wait_until(fn() => str_starts_with($status = $mail->run('status', $handle), 'dead') ? $status : false));
show('failures', substr_count($mail->said(), 'sendmail ended with 75'), glob("$mail->folder/fail-*"));
show('the end', $mail->stop());
unlink($policies);
--EXPECT--
changed: 1
To: you@example.org
Subject: Hello
Message-ID: <KEY@mail.example>

third time lucky
RuntimeException: sendmail ended with 75
RuntimeException: sendmail ended with 75
sent to you@example.org, try 3
result: 1
-- more failures than tries
status: 'dead, tried 4 times'
failures: 6, []
the end: 0

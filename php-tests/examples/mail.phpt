--TEST--
examples/mail: mails now and later, once by key, cancelled while they wait and while they are sent
--EXTENSIONS--
gearman
pcntl
posix
--FILE--
<?php
require __DIR__ . '/mail.inc';

$mail = new Mail(start_gearmand());
show('handle', $mail->run('send', 'you@example.org', "Hello\nBcc: all@example.org", 'How are you?'));
echo $mail->sent(1)[0];

echo "-- later\n";
touch("$mail->folder/hold");
$now = $mail->run('send', '--key=now', 'a@example.org', 's', 'held');
wait_until(fn() => function_status('mail', $mail->server->port)[1] === 1);
$later = $mail->run('send', '--in=PT1H', '--key=later', 'b@example.org', 's', 'never');
$tomorrow = $mail->run('send', '--at=tomorrow 9:00', '--key=later', 'b@example.org', 's', 'the same');
show('one job', $later === $tomorrow, $later !== $now);
show('status', preg_replace('/, 0 of 0$/', '', $mail->run('status', $now)), $mail->run('status', $later) !== '');
show('cancel', $mail->run('cancel', $later), $mail->run('cancel', $later));
unlink("$mail->folder/hold");
echo $mail->sent(2)[1];
$soon = $mail->run('send', '--in=PT1S', 'c@example.org', 's', 'soon');
echo substr($mail->sent(3)[2], 0, 17), "\n";
show('all there are', count($mail->sent(3)), wait_until(fn() => function_status('mail', $mail->server->port)[0] === 0));

echo "-- a newsletter\n";
unlink("$mail->folder/asked");
touch("$mail->folder/hold");
$all = array_map(fn($n) => "$n@example.org", range(1, 500));
$letter = $mail->run('newsletter', 'News', 'Nothing new.', ...$all);
wait_until(fn() => file_exists("$mail->folder/asked")); // the first is being sent
show('cancel', $mail->run('cancel', $letter));
unlink("$mail->folder/hold");
// The notice may come a little later than the answer to who cancelled.
show('not all', wait_until(fn() => preg_match('/^cancelled after (\d+)$/m', $mail->said(), $sent) ? $sent[1] : 0) < 500);
echo preg_replace('/after \d+/', 'after some', $mail->said());

echo "-- mistakes\n";
show('no command', explode("\n", $mail->run())[0]);
show('no moment', str_contains($mail->run('send', '--in=soon', 'a@b', 's', 't'), 'soon'));
show('no handle', $mail->run('cancel', 'H:x:1 2'));
show('the end', $mail->stop());
--EXPECT--
handle: a handle
To: you@example.org
Subject: Hello Bcc: all@example.org
Message-ID: <KEY@mail.example>

How are you?
-- later
one job: true, true
status: 'running', true
cancel: 'cancelled', 'JOB_NOT_FOUND: no server knows the job (1)'
To: a@example.org
Subject: s
Message-ID: <KEY@mail.example>

held
To: c@example.org
all there are: 3, true
-- a newsletter
cancel: 'cancelled'
not all: true
sent to you@example.org
sent to a@example.org
sent to c@example.org
cancelled after some
-- mistakes
no command: 'usage: php mail.php [--servers=LIST] COMMAND'
no moment: true
no handle: 'INVALID_ARGUMENT: a job handle is not empty and holds neither blanks nor NUL bytes (1)'
the end: 0

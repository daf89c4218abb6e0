# A client by Perl's library: client.pl PORT ours|C; prints lines of checks.
use strict;
use warnings;
use Gearman::Client;
use Storable ();
use Time::HiRes ();

$| = 1;
alarm 120;
my ($port, $kind) = @ARGV;
my $server = "127.0.0.1:$port";
my $client = Gearman::Client->new(job_servers => [$server], exceptions => 1);

sub check {
    my ($name, $wanted, $got) = @_;
    $got = 'undef' unless defined $got;
    print $wanted eq $got ? "ok   $name\n" : "FAIL $name: wanted $wanted, got $got\n";
}

check 'do_task', 'olleh', ${ $client->do_task(perl_reverse => 'hello') };
my $bytes = join '', map { chr } 0 .. 255;
check 'bytes are bytes', unpack('H*', scalar reverse $bytes), unpack 'H*', ${ $client->do_task(perl_reverse => $bytes) };
check '1 MB', 1_000_000, ${ $client->do_task(perl_size => 'x' x 1_000_000) };
# Perl's worker leaves the NUL away that separates it from the handle, and C loses the job then.
my $empty = 'an empty result';
if ($kind eq 'ours') { check $empty, 'defined', defined $client->do_task(perl_empty => '') ? 'defined' : 'undef' }
else                 { print "skip $empty\n" }
check 'no result', 'undef', $client->do_task(perl_fail => '');

# What a task's callbacks hear, one after the other.
sub heard {
    my ($function, %options) = @_;
    my @heard;
    my $hear = sub { my $name = shift; sub { push @heard, join ' ', $name, map { ref ? $$_ : $_ } @_ } };
    my %callbacks = map { ("on_$_" => $hear->($_)) } qw(complete fail data warning status);
    $callbacks{on_exception} = sub { push @heard, "exception $_[0]" };
    my $tasks = $client->new_task_set;
    $tasks->add_task($function => '', { %callbacks, %options });
    $tasks->wait(timeout => 20);
    return join(', ', @heard) =~ s/\0/|/gr =~ s/\n//gr;
}
check 'callbacks', 'status 1 3, status 2 3, status 3 3, data one|, warning careful, data two, complete end',
    heard('perl_pieces');
check 'on_fail', 1, heard('perl_fail') =~ /^fail\b/ ? 1 : 0;
# C answers the WORK_FAIL behind a WORK_EXCEPTION with an ERROR, of which Perl's worker dies.
if ($kind eq 'ours') {
    my $exception = heard('perl_die');
    check 'on_exception', 1, $exception =~ /^exception .*on purpose/ ? 1 : "0 ($exception)";
    check 'a worker lives on after an exception', 'cba', ${ $client->do_task(perl_reverse => 'abc') };
    my $plain = Gearman::Client->new(job_servers => [$server]);
    check 'an exception for who did not ask', 'undef', $plain->do_task(perl_die => '');
} else {
    print "skip exceptions\n";
}

my (%results, $failed);
my $tasks = $client->new_task_set;
for my $n (1 .. 50) {
    $tasks->add_task(perl_reverse => "task-$n", { on_complete => sub { $results{$n} = ${ $_[0] } } });
}
$tasks->add_task(perl_fail => '', { on_fail => sub { $failed++ } });
$tasks->wait(timeout => 20);
check 'a set of tasks', 50, scalar grep { $results{$_} eq reverse "task-$_" } keys %results;
check 'with one that fails', 1, $failed;

my %same;
$tasks = $client->new_task_set;
$tasks->add_task(perl_slow => '', { uniq => 'same', on_complete => sub { $same{ ${ $_[0] } } = 1 } }) for 1 .. 2;
$tasks->wait(timeout => 20);
check 'two tasks of one key', 1, scalar keys %same;

my $reason = '';
my $begin = Time::HiRes::time();
$client->do_task(perl_slow => 'x', { timeout => 1, on_fail => sub { $reason = "@_" } });
check 'a timeout of the client', 1, $reason =~ /timeout/ && Time::HiRes::time() - $begin < 2.9 ? 1 : "0 ($reason)";

sub until_so {
    my ($what) = @_;
    for (1 .. 200) { return 1 if $what->(); Time::HiRes::sleep(0.05) }
    return 0;
}
my $handle = $client->dispatch_background(perl_pieces => '');
check 'dispatch_background', 1, $handle =~ m{^\Q$server\E//H:} ? 1 : $handle;
check 'get_status of a job that ends', 1, until_so(sub { !$client->get_status($handle)->known });
$handle = $client->dispatch_background(perl_nobody => '', { uniq => 'nobody' });
my $status = $client->get_status($handle);
check 'get_status of a queued job', '1 0', join ' ', $status->known, $status->running;
check 'one job of a key', $handle, $client->dispatch_background(perl_nobody => '', { uniq => 'nobody' });
$handle = $client->dispatch_background(perl_slow => '', { priority => 'high' });
check 'get_status of a running job', 1, until_so(sub { my $s = $client->get_status($handle); $s->known && $s->running });
check 'get_job_server_status', 1, $client->get_job_server_status($server)->{$server}{perl_nobody}{queued};
$reason = heard('perl_hang', timeout => 30);
check 'a timeout of the function', 1, $reason =~ /^fail\b/ ? 1 : "0 ($reason)";

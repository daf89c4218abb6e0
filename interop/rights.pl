# A client and a worker by Perl's library, on a server that refuses what does not begin with "open": rights.pl PORT; prints
# lines of checks.
use strict;
use warnings;
use Gearman::Client;
use Gearman::Worker;

$| = 1;
alarm 60;
my ($port) = @ARGV;
my $server = "127.0.0.1:$port";
my $client = Gearman::Client->new(job_servers => [$server]);

sub check {
    my ($name, $wanted, $got) = @_;
    $got = 'undef' unless defined $got;
    print $wanted eq $got ? "ok   $name\n" : "FAIL $name: wanted $wanted, got $got\n";
}

# What it does with an error is to die or to give up: either way it does not wait.
my $result = eval { local $SIG{__WARN__} = sub { }; $client->do_task(secret => 'x') };
check 'a job that is refused has no result', 'undef', $result;

my $pid = fork;
if (!$pid) {
    open STDERR, '>', '/dev/null';
    my $worker = Gearman::Worker->new(job_servers => [$server]);
    $worker->register_function($_ => sub { scalar reverse $_[0]->arg }) for qw(secret_perl open_perl hidden_perl);
    # It dies of a packet that it does not expect, once for each refusal; programs that survive that go on.
    for (;;) { eval { $worker->work } }
}
my $fresh = Gearman::Client->new(job_servers => [$server]);
my $answer = eval { $fresh->do_task(open_perl => 'hello') };
check 'a worker does what it may do', 'olleh', $answer ? $$answer : "nothing: $@";
kill TERM => $pid;
waitpid $pid, 0;

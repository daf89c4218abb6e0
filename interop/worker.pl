# A worker by Perl's library: worker.pl PORT [hang]; the functions that client.pl asks for.
use strict;
use warnings;
use Gearman::Worker;

my ($port, $hang) = @ARGV;
my $worker = Gearman::Worker->new(job_servers => ["127.0.0.1:$port"], client_id => 'perl-worker');

my $slow = 0;
my %functions = (
    perl_reverse => sub { scalar reverse $_[0]->arg },
    perl_size    => sub { length $_[0]->arg },
    # No result is a failure, and an empty one is not.
    perl_fail  => sub { undef },
    perl_empty => sub { '' },
    # WORK_EXCEPTION, and then WORK_FAIL for the same job.
    perl_die    => sub { die "on purpose\n" },
    perl_pieces => sub {
        my ($job) = @_;
        $job->set_status($_, 3) for 1 .. 3;
        $worker->send_work_data($job, "one\0");
        $worker->send_work_warning($job, 'careful');
        $worker->send_work_data($job, 'two');
        return 'end';
    },
    perl_slow => sub { sleep 3; 'late ' . ++$slow },
);
if ($hang) {
    # CAN_DO_TIMEOUT; Perl means seconds.
    $worker->register_function(perl_hang => 1, sub { sleep 60; 'never' });
} else {
    $worker->register_function($_ => $functions{$_}) for sort keys %functions;
}
$worker->work while 1;

# A client and a worker by Perl's library, with TLS: tls.pl PORT CERTIFICATES worker|client; the client prints lines of checks.
#
# A task at a time, whose worker sends no more than its end: the library waits for the next record of TLS when it has taken one
# packet, whatever else that record held.
use strict;
use warnings;
use Gearman::Client;
use Gearman::Worker;

$| = 1;
my ($port, $folder, $role) = @ARGV;

sub server {
    my ($folder, $name) = @_;
    return {
        host => '127.0.0.1', port => $port, use_ssl => 1,
        ca_file => "$folder/ca.pem", cert_file => "$folder/client.pem", key_file => "$folder/client.key",
        socket_cb => sub {
            my ($options) = @_;
            $options->{Timeout} = 20;
            $options->{SSL_verify_mode} = IO::Socket::SSL::SSL_VERIFY_PEER();
            $options->{SSL_verifycn_name} = $name if $name;
        },
    };
}

if ($role eq 'worker') {
    no warnings 'recursion'; # of the library, for each record of a large packet
    my $worker = Gearman::Worker->new(job_servers => [server($folder)]);
    $worker->register_function(perl_reverse => sub { scalar reverse $_[0]->arg });
    $worker->register_function(perl_raise => sub { die "on purpose\n" });
    $worker->register_function(perl_note => sub { open my $file, '>', $_[0]->arg; '' });
    $worker->work while 1;
}

alarm 60;
sub check {
    my ($name, $wanted, $got) = @_;
    $got = 'undef' unless defined $got;
    print $wanted eq $got ? "ok   $name\n" : "FAIL $name: wanted $wanted, got $got\n";
}

# What the library makes of an error is a text, or nothing at all.
sub answer {
    my ($server) = @_;
    my $result = eval { Gearman::Client->new(job_servers => [$server])->do_task(echo => 'hello') };
    return $result ? $$result : 'nothing';
}

for my $function (qw(echo perl_reverse)) {
    my $client = Gearman::Client->new(job_servers => [server($folder)], exceptions => 1);
    my $result = $client->do_task($function => 'hello');
    check "$function", $function eq 'echo' ? 'hello' : 'olleh', $result ? $$result : 'nothing';
}
my $client = Gearman::Client->new(job_servers => [server($folder)], exceptions => 1);
my $large = "\0" . 'x' x (64 << 20);
my $same = $client->do_task(echo => $large);
check '64 MB each way', 1, $same && $$same eq $large ? 1 : 'something else';
for my $function (qw(raise perl_raise)) {
    my $heard = '';
    my $tasks = $client->new_task_set;
    # Storable's form is what the library's own workers send; others send a text.
    $tasks->add_task($function => 'on purpose', { on_exception => sub { $heard .= $_[0] }, on_fail => sub { $heard .= 'failed' } });
    $tasks->wait(timeout => 20);
    check "exception of $function", 1, $heard =~ /on purpose/ ? 1 : "0 ($heard)";
}
my $handle = $client->dispatch_background(perl_nobody => 'x', { uniq => 'perl nobody' });
check 'a background job', 1, $handle =~ m{//H:} ? 1 : $handle;
check 'its status', '1 0', join ' ', $client->get_status($handle)->known, $client->get_status($handle)->running;

my $stranger = "$folder/../stranger";
check 'a server of another CA is refused', 'nothing', answer({ %{ server($folder) }, ca_file => "$stranger/ca.pem" });
check 'one of another name as well', 'nothing', answer(server($folder, 'jobs.example.org'));
check 'a client of another CA is refused', 'nothing',
    answer({ %{ server($folder) }, cert_file => "$stranger/client.pem", key_file => "$stranger/client.key" });
check 'one without a certificate as well', 'nothing', answer({ %{ server($folder) }, cert_file => undef, key_file => undef });
check 'and it goes on', 'hello', answer(server($folder));

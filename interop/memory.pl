# Load for memory.sh, in bare packets:
#   memory.pl PORT submit N    N background jobs of 100 bytes, each with a key of 16; with a further number,
#                              they run at this time
#   memory.pl PORT drain       a worker that ends all of them
#   memory.pl PORT connect N   N connections that were heard and say nothing more; says so, and ends with its input
use strict;
use warnings;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my ($port, $what, $n, $due) = @ARGV;
my ($CAN_DO, $GRAB_JOB, $NO_JOB, $JOB_ASSIGN, $WORK_COMPLETE, $ECHO_REQ, $SUBMIT_JOB_BG, $SUBMIT_JOB_EPOCH) =
    (1, 9, 10, 11, 13, 16, 18, 36);
my $BATCH = 500;

sub connection {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "cannot connect: $!";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1 or die "TCP_NODELAY: $!";
    return $socket;
}

sub packet {
    my ($command, @arguments) = @_;
    my $body = join "\0", @arguments;
    return pack('a4NN', "\0REQ", $command, length $body) . $body;
}

# The next so many packets, as pairs of a command and a body.
my $buffer = '';
sub answers {
    my ($socket, $count) = @_;
    my @answers;
    while (@answers < $count) {
        if (length $buffer >= 12) {
            my ($command, $size) = unpack 'x4NN', $buffer;
            if (length $buffer >= 12 + $size) {
                push @answers, [$command, substr $buffer, 12, $size];
                substr $buffer, 0, 12 + $size, '';
                next;
            }
        }
        sysread $socket, $buffer, 1 << 16, length $buffer or die "the connection ended";
    }
    return @answers;
}

if ($what eq 'submit') {
    my $socket = connection();
    for (my $i = 0; $i < $n; $i += $BATCH) {
        my $count = $n - $i < $BATCH ? $n - $i : $BATCH;
        my ($command, @at) = defined $due ? ($SUBMIT_JOB_EPOCH, $due) : $SUBMIT_JOB_BG;
        print $socket join '', map { packet($command, 'memory', sprintf('%016d', $i + $_), @at, 'x' x 100) } 1 .. $count;
        $socket->flush;
        answers($socket, $count);
    }
} elsif ($what eq 'drain') {
    my $socket = connection();
    print $socket packet($CAN_DO, 'memory');
    my ($done, $left) = ('', 1);
    while ($left) {
        print $socket $done, packet($GRAB_JOB) x $BATCH;
        $socket->flush;
        $done = '';
        for (answers($socket, $BATCH)) {
            if    ($_->[0] == $NO_JOB) { $left = 0 }
            elsif ($_->[0] == $JOB_ASSIGN) { $done .= packet($WORK_COMPLETE, $_->[1] =~ /^([^\0]+)/, '') }
            else                       { die "not expected: $_->[0]" }
        }
    }
    print $socket $done, packet($ECHO_REQ, 'end');
    $socket->flush;
    answers($socket, 1);
} else {
    my @sockets = map { connection() } 1 .. $n;
    for (@sockets) {
        print $_ packet($ECHO_REQ, 'x');
        $_->flush;
        answers($_, 1);
    }
    $| = 1;
    print "ready\n";
    <STDIN>;
}

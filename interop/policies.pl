# A worker by Perl's library: policies.pl PORT FOLDER; see policies.sh.
use strict;
use warnings;
use Gearman::Worker;
use Time::HiRes qw(time sleep);

my ($port, $folder) = @ARGV;

# A line in a file; many workers write it at a time.
sub note {
    my ($file, $text) = @_;
    open my $out, '>>', "$folder/$file" or die "$file: $!";
    syswrite $out, "$text\n";
}

sub lines_in {
    open my $in, '<', "$folder/$_[0]" or return 0;
    return scalar(() = <$in>);
}

sub tried {
    my ($name, $otherwise) = @_;
    return sub {
        note "$name.tries", int(time * 1000);
        return -e "$folder/good" ? 'done' : $otherwise->();
    };
}

my $worker = Gearman::Worker->new(job_servers => ["127.0.0.1:$port"]);
# No result is a failure.
$worker->register_function(perl_fail => tried(perl_fail => sub { undef }));
# WORK_EXCEPTION, and then WORK_FAIL for the same job.
$worker->register_function(perl_die => tried(perl_die => sub { die "no disk\n" }));
# Waits until two of these run, so that they do.
$worker->register_function(
    few => sub {
        note few => 'begin';
        for (my $end = time + 20; lines_in('few') < 2 && time < $end;) { sleep 0.01 }
        sleep 0.02;
        note few => 'end';
        return 'done';
    }
);
$worker->work while 1;

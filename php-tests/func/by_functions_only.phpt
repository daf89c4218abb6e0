--TEST--
A job, its tasks and its worker by functions alone
--SKIPIF--
<?php extension_loaded('pcntl') && extension_loaded('posix') or die('skip needs pcntl and posix');
--FILE--
<?php
require __DIR__ . '/../connect.inc';

$function = unique_function_name();
$child = spawn(function () use ($function) {
    $worker = gearman_worker_create();
    gearman_worker_add_server($worker, HOST, PORT);
    gearman_worker_add_function($worker, $function, function ($job, $context) use ($function) {
        gearman_job_send_status($job, 1, 2);
        gearman_job_send_data($job, 'data ');
        gearman_job_send_warning($job, 'careful');
        $size = gearman_job_workload_size($job);
        $same = gearman_job_function_name($job) === $function && str_starts_with(gearman_job_handle($job), 'H:');
        return "$context " . gearman_job_unique($job) . ' ' . strrev(gearman_job_workload($job)) . " $size " . var_export($same, true);
    }, 'context');
    gearman_worker_work($worker);
    gearman_worker_work($worker);
    gearman_worker_unregister_all($worker);
});

$client = gearman_client_create();
var_dump(gearman_client_add_servers($client, HOST . ':' . PORT));
var_dump(gearman_client_ping($client, 'hello'));
var_dump(gearman_client_do_high($client, $function, 'abc', 'key 1'));
var_dump(gearman_client_return_code($client));

$show = fn(string $event) => function ($task) use ($event) {
    echo "$event: ", gearman_task_unique($task), ' ', gearman_task_data($task), ' ', gearman_task_data_size($task), ' ',
        gearman_task_numerator($task), '/', gearman_task_denominator($task), "\n";
};
gearman_client_set_created_callback($client, $show('created'));
gearman_client_set_status_callback($client, $show('status'));
gearman_client_set_data_callback($client, $show('data'));
gearman_client_set_warning_callback($client, $show('warning'));
gearman_client_set_complete_callback($client, $show('complete'));
gearman_client_set_fail_callback($client, $show('fail'));
gearman_client_set_exception_callback($client, $show('exception'));
echo get_class(gearman_client_add_task_low($client, $function, 'def', 'ignored', 'key 2')), "\n";
var_dump(gearman_client_run_tasks($client));
echo wait_child($child), "\n";

$handle = gearman_client_do_background($client, $function, 'nobody there');
var_dump($handle === gearman_client_do_job_handle($client));
echo json_encode(gearman_client_job_status($client, $handle)), "\n";
--EXPECT--
bool(true)
bool(true)
string(29) "data context key 1 cba 3 true"
int(0)
GearmanTask
created: key 2  0 0/0
status: key 2  0 1/2
data: key 2 data  5 1/2
warning: key 2 careful 7 1/2
complete: key 2 context key 2 fed 3 true 24 1/2
bool(true)
0
bool(true)
[true,false,0,0]

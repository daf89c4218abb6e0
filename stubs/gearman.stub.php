<?php
/**
 * The one source of every PHP signature of gearman_rs. Nothing here is ever run.
 *
 * build.rs lets "php -n" read this file by reflection and writes arginfo, function tables and constants from it;
 * php-tests/tools/compare_api.php compares it, and the loaded module, with what pecl gearman 2.2.1 declares;
 * IDEs and PHPStan can use it as it is (PHPStan: parameters.stubFiles or scanFiles).
 *
 * Three tags have a meaning for the build and are used for nothing else. "alias Class::method" on a function: it is
 * the procedural twin of that method and both run the same Rust handler, the object being its first parameter.
 * "deprecated": PHP says so at each call. "tentative-return-type": a subclass may leave the return type out, and PHP remarks it. All
 * methods that pecl does not have are so: a program may have methods of these names in its subclasses, and loads with pecl.
 *
 * Words used below. Warning: an E_WARNING that begins with the name of the method or function called. Unless
 * something else is said, a call that fails gives a warning and returns false (the do* methods: ''); returnCode()
 * then tells the GEARMAN_* code and error() the text, and the object stays usable. Workloads, results and all other
 * data are plain bytes: any encoding, NUL included. Client and worker timeouts are in milliseconds, those of worker
 * functions in seconds.
 */

// Return codes: what returnCode() gives, GearmanJob::setReturn() takes, and task callbacks may return.
// The codes 33 and 48 to 52 have no constant here, as in pecl; returnCode() can give them all the same:
// 33 no such function registered, 48 argument too large, 49 invalid argument, 50 in progress, 51 invalid server
// option, 52 job not found.

/** All went well. */
const GEARMAN_SUCCESS = 0;
/** Not finished yet: a non-blocking object has to wait, or a signal ended the wait. */
const GEARMAN_IO_WAIT = 1;
/** From a worker function: send the result, then leave work(). */
const GEARMAN_SHUTDOWN = 2;
const GEARMAN_SHUTDOWN_GRACEFUL = 3;
/** A system call failed; getErrno() may tell which error. */
const GEARMAN_ERRNO = 4;
const GEARMAN_EVENT = 5;
const GEARMAN_TOO_MANY_ARGS = 6;
/** wait(): there is no connection to wait for, or a worker's servers are all gone. */
const GEARMAN_NO_ACTIVE_FDS = 7;
/** The peer does not speak the Gearman protocol. */
const GEARMAN_INVALID_MAGIC = 8;
const GEARMAN_INVALID_COMMAND = 9;
const GEARMAN_INVALID_PACKET = 10;
const GEARMAN_UNEXPECTED_PACKET = 11;
/** A host name cannot be resolved, or an entry of a server list is malformed. */
const GEARMAN_GETADDRINFO = 12;
/** No server was added. */
const GEARMAN_NO_SERVERS = 13;
/** The server closed the connection. */
const GEARMAN_LOST_CONNECTION = 14;
const GEARMAN_MEMORY_ALLOCATION_FAILURE = 15;
const GEARMAN_JOB_EXISTS = 16;
const GEARMAN_JOB_QUEUE_FULL = 17;
/** The server answered with an error. */
const GEARMAN_SERVER_ERROR = 18;
const GEARMAN_WORK_ERROR = 19;
const GEARMAN_WORK_DATA = 20;
const GEARMAN_WORK_WARNING = 21;
const GEARMAN_WORK_STATUS = 22;
/** The worker function threw, or called sendException(). */
const GEARMAN_WORK_EXCEPTION = 23;
/** The job failed: the worker called sendFail() or set a failing return code. */
const GEARMAN_WORK_FAIL = 24;
const GEARMAN_NOT_CONNECTED = 25;
/** No server could be reached. */
const GEARMAN_COULD_NOT_CONNECT = 26;
const GEARMAN_SEND_IN_PROGRESS = 27;
const GEARMAN_RECV_IN_PROGRESS = 28;
const GEARMAN_NOT_FLUSHING = 29;
/** A packet is larger than gearman.max_packet_size allows. */
const GEARMAN_DATA_TOO_LARGE = 30;
/** A job came for a function that has no callable here. */
const GEARMAN_INVALID_FUNCTION_NAME = 31;
const GEARMAN_INVALID_WORKER_FUNCTION = 32;
/** The worker has no function to serve. */
const GEARMAN_NO_REGISTERED_FUNCTIONS = 34;
/** No job is waiting (grabJob(), and work() of a non-blocking worker). */
const GEARMAN_NO_JOBS = 35;
/** ping(): what came back is not what was sent. */
const GEARMAN_ECHO_DATA_CORRUPTION = 36;
const GEARMAN_NEED_WORKLOAD_FN = 37;
/** From a task callback: leave runTasks() now; the next runTasks() goes on with the same event. */
const GEARMAN_PAUSE = 38;
const GEARMAN_UNKNOWN_STATE = 39;
const GEARMAN_PTHREAD = 40;
const GEARMAN_PIPE_EOF = 41;
/** The function's queue is full; or no server takes the job, because it is to stop or cannot store it. */
const GEARMAN_QUEUE_ERROR = 42;
const GEARMAN_FLUSH_DATA = 43;
const GEARMAN_SEND_BUFFER_TOO_SMALL = 44;
const GEARMAN_IGNORE_PACKET = 45;
const GEARMAN_UNKNOWN_OPTION = 46;
/** Nothing was heard within the time given to setTimeout(). */
const GEARMAN_TIMEOUT = 47;
/** One more than the largest return code. */
const GEARMAN_MAX_RETURN = 53;

// Client options: bits for GearmanClient::setOptions(), addOptions(), removeOptions().
// ALLOCATED, TASK_IN_USE and NO_NEW are libgearman's own and have no effect. 256, which has no constant, is TLS: see
// GearmanClient::setSSL().

const GEARMAN_CLIENT_ALLOCATED = 1;
/** runTasks() returns at once, with GEARMAN_IO_WAIT while tasks are unfinished; wait() waits for news. */
const GEARMAN_CLIENT_NON_BLOCKING = 2;
const GEARMAN_CLIENT_TASK_IN_USE = 4;
/** Results are not put into the task: the complete callback fetches them with GearmanTask::recvData(). */
const GEARMAN_CLIENT_UNBUFFERED_RESULT = 8;
const GEARMAN_CLIENT_NO_NEW = 16;
/** Tasks are emptied when runTasks() is done with them (default). */
const GEARMAN_CLIENT_FREE_TASKS = 32;
/** A handled signal ends the wait of a client method with GEARMAN_IO_WAIT. */
const GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL = 1024;

// Worker options: bits for GearmanWorker::setOptions(), addOptions(), removeOptions().
// NON_BLOCKING, GRAB_UNIQ, TIMEOUT_RETURN and STOP_WAIT_ON_SIGNAL can be changed, the others are only shown. 1024, which has no
// constant, is TLS: see GearmanWorker::setSSL().

const GEARMAN_WORKER_ALLOCATED = 1;
/** work() returns at once when no job is waiting. */
const GEARMAN_WORKER_NON_BLOCKING = 2;
const GEARMAN_WORKER_PACKET_INIT = 4;
const GEARMAN_WORKER_GRAB_JOB_IN_USE = 8;
const GEARMAN_WORKER_PRE_SLEEP_IN_USE = 16;
const GEARMAN_WORKER_WORK_JOB_IN_USE = 32;
/** Functions changed and the server has not been told yet. */
const GEARMAN_WORKER_CHANGE = 64;
/** Ask for the unique key with each job, so that GearmanJob::unique() tells it (default). */
const GEARMAN_WORKER_GRAB_UNIQ = 128;
/** work() returns false with GEARMAN_TIMEOUT when the timeout is over; set by setTimeout(). */
const GEARMAN_WORKER_TIMEOUT_RETURN = 256;
/** A handled signal ends the wait of work() and wait() with GEARMAN_IO_WAIT. */
const GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL = 8192;

// Job priorities, most urgent first.

const GEARMAN_JOB_PRIORITY_HIGH = 0;
const GEARMAN_JOB_PRIORITY_NORMAL = 1;
const GEARMAN_JOB_PRIORITY_LOW = 2;
const GEARMAN_JOB_PRIORITY_MAX = 3;

// Log levels, for gearman_verbose_name(); level 0 is called NEVER and has no constant.

const GEARMAN_VERBOSE_FATAL = 1;
const GEARMAN_VERBOSE_ERROR = 2;
const GEARMAN_VERBOSE_INFO = 3;
const GEARMAN_VERBOSE_DEBUG = 4;
const GEARMAN_VERBOSE_CRAZY = 5;
const GEARMAN_VERBOSE_MAX = 6;

// Defaults and sizes, in bytes unless the name says otherwise.

/** Host used when none is given. */
const GEARMAN_DEFAULT_TCP_HOST = 'localhost';
/** Port used when none is given. */
const GEARMAN_DEFAULT_TCP_PORT = 4730;
const GEARMAN_DEFAULT_SOCKET_TIMEOUT = 10;
const GEARMAN_DEFAULT_SOCKET_SEND_SIZE = 32768;
const GEARMAN_DEFAULT_SOCKET_RECV_SIZE = 32768;
const GEARMAN_MAX_ERROR_SIZE = 2048;
const GEARMAN_PACKET_HEADER_SIZE = 12;
const GEARMAN_JOB_HANDLE_SIZE = 64;
const GEARMAN_OPTION_SIZE = 64;
const GEARMAN_UNIQUE_SIZE = 64;
const GEARMAN_MAX_COMMAND_ARGS = 8;
const GEARMAN_ARGS_BUFFER_SIZE = 128;
const GEARMAN_SEND_BUFFER_SIZE = 8192;
const GEARMAN_RECV_BUFFER_SIZE = 8192;
/** A worker's timeout, in milliseconds, once GEARMAN_WORKER_TIMEOUT_RETURN was removed. */
const GEARMAN_WORKER_WAIT_TIMEOUT = 10000;

// Packet types of the Gearman protocol.

const GEARMAN_COMMAND_TEXT = 0;
const GEARMAN_COMMAND_CAN_DO = 1;
const GEARMAN_COMMAND_CANT_DO = 2;
const GEARMAN_COMMAND_RESET_ABILITIES = 3;
const GEARMAN_COMMAND_PRE_SLEEP = 4;
const GEARMAN_COMMAND_UNUSED = 5;
const GEARMAN_COMMAND_NOOP = 6;
const GEARMAN_COMMAND_SUBMIT_JOB = 7;
const GEARMAN_COMMAND_JOB_CREATED = 8;
const GEARMAN_COMMAND_GRAB_JOB = 9;
const GEARMAN_COMMAND_NO_JOB = 10;
const GEARMAN_COMMAND_JOB_ASSIGN = 11;
const GEARMAN_COMMAND_WORK_STATUS = 12;
const GEARMAN_COMMAND_WORK_COMPLETE = 13;
const GEARMAN_COMMAND_WORK_FAIL = 14;
const GEARMAN_COMMAND_GET_STATUS = 15;
const GEARMAN_COMMAND_ECHO_REQ = 16;
const GEARMAN_COMMAND_ECHO_RES = 17;
const GEARMAN_COMMAND_SUBMIT_JOB_BG = 18;
const GEARMAN_COMMAND_ERROR = 19;
const GEARMAN_COMMAND_STATUS_RES = 20;
const GEARMAN_COMMAND_SUBMIT_JOB_HIGH = 21;
const GEARMAN_COMMAND_SET_CLIENT_ID = 22;
const GEARMAN_COMMAND_CAN_DO_TIMEOUT = 23;
const GEARMAN_COMMAND_ALL_YOURS = 24;
const GEARMAN_COMMAND_WORK_EXCEPTION = 25;
const GEARMAN_COMMAND_OPTION_REQ = 26;
const GEARMAN_COMMAND_OPTION_RES = 27;
const GEARMAN_COMMAND_WORK_DATA = 28;
const GEARMAN_COMMAND_WORK_WARNING = 29;
const GEARMAN_COMMAND_GRAB_JOB_UNIQ = 30;
const GEARMAN_COMMAND_JOB_ASSIGN_UNIQ = 31;
const GEARMAN_COMMAND_SUBMIT_JOB_HIGH_BG = 32;
const GEARMAN_COMMAND_SUBMIT_JOB_LOW = 33;
const GEARMAN_COMMAND_SUBMIT_JOB_LOW_BG = 34;
const GEARMAN_COMMAND_SUBMIT_JOB_SCHED = 35;
const GEARMAN_COMMAND_SUBMIT_JOB_EPOCH = 36;
const GEARMAN_COMMAND_MAX = 43;

// States and options of libgearman's insides. Kept so that programs naming them still run; nothing here uses them.

const GEARMAN_NON_BLOCKING = 0;
const GEARMAN_DONT_TRACK_PACKETS = 1;

const GEARMAN_CON_READY = 0;
const GEARMAN_CON_PACKET_IN_USE = 1;
const GEARMAN_CON_EXTERNAL_FD = 2;
const GEARMAN_CON_IGNORE_LOST_CONNECTION = 3;
const GEARMAN_CON_CLOSE_AFTER_FLUSH = 4;
const GEARMAN_CON_SEND_STATE_NONE = 0;
const GEARMAN_CON_RECV_STATE_READ_DATA = 2;

const GEARMAN_CLIENT_STATE_IDLE = 0;
const GEARMAN_CLIENT_STATE_NEW = 1;
const GEARMAN_CLIENT_STATE_SUBMIT = 2;
const GEARMAN_CLIENT_STATE_PACKET = 3;

const GEARMAN_TASK_STATE_NEW = 0;
const GEARMAN_TASK_STATE_SUBMIT = 1;
const GEARMAN_TASK_STATE_WORKLOAD = 2;
const GEARMAN_TASK_STATE_WORK = 3;
const GEARMAN_TASK_STATE_CREATED = 4;
const GEARMAN_TASK_STATE_DATA = 5;
const GEARMAN_TASK_STATE_WARNING = 6;
const GEARMAN_TASK_STATE_STATUS = 7;
const GEARMAN_TASK_STATE_COMPLETE = 8;
const GEARMAN_TASK_STATE_EXCEPTION = 9;
const GEARMAN_TASK_STATE_FAIL = 10;
const GEARMAN_TASK_STATE_FINISHED = 11;

const GEARMAN_WORKER_STATE_START = 0;
const GEARMAN_WORKER_STATE_FUNCTION_SEND = 1;
const GEARMAN_WORKER_STATE_CONNECT = 2;
const GEARMAN_WORKER_STATE_GRAB_JOB_SEND = 3;
const GEARMAN_WORKER_STATE_GRAB_JOB_RECV = 4;
const GEARMAN_WORKER_STATE_PRE_SLEEP = 5;

/**
 * Submits jobs to Gearman servers and receives their results.
 *
 * One job at a time, waiting for the result (doNormal() and the like), in the background (doBackground()), or many
 * at once with callbacks (addTask(), set*Callback(), runTasks()). Tell it the servers first. The environment
 * variable GEARMAN_SERVERS and the setting gearman.servers, lists as for addServers(), are read when the object is
 * made.
 *
 * ```php
 * $client = new GearmanClient();
 * $client->addServer('127.0.0.1', 4730);
 * echo $client->doNormal('reverse', 'Hello'), "\n";    // olleH
 * ```
 *
 * Objects cannot be cloned. After a fork, parent and child can both go on, each on connections of its own.
 */
class GearmanClient
{
    /**
     * Makes a client; servers named by the environment or the settings are added, without connecting to them.
     *
     * @throws GearmanException If a server named there cannot be used.
     */
    public function __construct() {}

    /** Closes the connections. Tasks that were never run are dropped. */
    public function __destruct() {}

    /**
     * How the last call that talks to servers ended: GEARMAN_SUCCESS or another GEARMAN_* return code.
     *
     * Set by addServer(), addServers(), do*(), addTask*(), runTasks(), jobStatus(), ping() and wait(), and by all that
     * is refused. Look at it after do*(), where '' can be a result as well as a failure.
     *
     * @return int<0, 53>
     */
    public function returnCode(): int {}

    /**
     * The text of the last failure.
     *
     * @return string|false The name of returnCode() and the words of the warning, if there was one; false if nothing has
     *     failed.
     */
    public function error(): string|false {}

    /**
     * The system's error number of the last failure, where there was one; otherwise 0.
     */
    public function getErrno(): int {}

    /**
     * The options that are on.
     *
     * @return int Sum of GEARMAN_CLIENT_* bits, and 256 for TLS; GEARMAN_CLIENT_FREE_TASKS on a new client.
     */
    public function options(): int {}

    /**
     * Turns exactly these options on and all others off.
     *
     * @param int $option Bits GEARMAN_CLIENT_*, joined by |; bits that cannot be set are ignored.
     * @return bool Always true.
     */
    public function setOptions(int $option): bool {}

    /**
     * Turns options on, leaving the others as they are.
     *
     * @param int $option Bits GEARMAN_CLIENT_*, joined by |; bits that cannot be set are ignored.
     * @return bool Always true.
     */
    public function addOptions(int $option): bool {}

    /**
     * Turns options off, leaving the others as they are.
     *
     * @param int $option Bits GEARMAN_CLIENT_*, joined by |; bits that cannot be removed are ignored.
     * @return bool Always true.
     */
    public function removeOptions(int $option): bool {}

    /**
     * The timeout in milliseconds, as set by setTimeout() or, for a new client, by the setting gearman.default_timeout.
     *
     * @return int -1 if there is none.
     */
    public function timeout(): int {}

    /**
     * Limits how long a call waits without hearing from the server.
     *
     * Each packet that arrives starts the time anew, so a job that reports its status may run longer. When it is
     * over: warning, '' or false, GEARMAN_TIMEOUT; the job stays with the server and the client can be used again.
     *
     * @param int $timeout Milliseconds; 0 does not wait at all, -1 waits for ever (default, unless gearman.default_timeout says otherwise).
     * @return bool Always true.
     */
    public function setTimeout(int $timeout): bool {}

    /**
     * Has the connections to all servers of this client speak TLS, those added before and those to come.
     *
     * The server's certificate must be for the name or address by which the server was added, and of a CA that is known: one
     * of $ca_file, or of the system's without it. Or it is itself in $ca_file, self-signed as it may be. Files are PEM and are
     * read when a connection is made. One that is of no use is then a warning that names it, and GEARMAN_COULD_NOT_CONNECT.
     *
     * What is null or '' comes from the environment (GEARMAND_CA_CERTIFICATE, GEARMAN_CLIENT_PEM, GEARMAN_CLIENT_KEY) or else
     * from php.ini (gearman.ssl_ca_file, gearman.ssl_certificate, gearman.ssl_key). Where the first of these variables is set,
     * or gearman.ssl is 1, a new client speaks TLS without a call. A server added as tls://host speaks it in any case.
     *
     * ```php
     * $client->setSSL(true, '/etc/gearman/ca.pem', '/etc/gearman/web.pem', '/etc/gearman/web.key');
     * $client->addServer('jobs.example.org');
     * ```
     *
     * @param bool $ssl false: plain connections, but to servers named tls://.
     * @param string|null $ca_file The certificates of the CAs that servers' certificates may be of.
     * @param string|null $certificate This client's own, for servers that ask for one; those of its issuers may follow it.
     * @param string|null $key_file Its private key, not encrypted; null or '' if it is in $certificate.
     * @return bool false with a warning and 49, which has no constant, if open_basedir does not allow a file.
     */
    public function setSSL(bool $ssl = true, ?string $ca_file = null, ?string $certificate = null, ?string $key_file = null): bool {}

    /**
     * Adds a server. With several, a job goes to one of those that can be reached.
     *
     * By default connects at once, so that jobs' exceptions can be received (the server option "exceptions").
     * gearman.lazy_connect=1 puts the connection off until first use.
     *
     * @param string|null $host Name, IPv4 or IPv6 address; null or '' is localhost. tls://name and unix:///path, too.
     * @param int $port 1 to 65535; 0 is 4730.
     * @param bool $setupExceptionHandler false: do not connect now and do not ask for exceptions.
     * @return bool false with a warning and GEARMAN_GETADDRINFO if the name cannot be resolved; the server is not added then.
     *     With gearman.lazy_connect=1 and in event loops it is not looked up yet.
     * @throws GearmanException If a server added so far cannot be reached; the new one is added all the same.
     */
    public function addServer(?string $host = null, int $port = 0, bool $setupExceptionHandler = true): bool {}

    /**
     * Adds the servers of a list such as 'host1:4730,host2,:4731'.
     *
     * @param string|null $servers host:port, separated by commas; without host localhost, without port 4730, null or
     *     '' is localhost:4730. Blanks around the entries are ignored.
     * @param bool $setupExceptionHandler As for addServer().
     * @return bool false with a warning and GEARMAN_GETADDRINFO for a list with a bad entry, of which none is added, and for names
     *     that cannot be resolved: where one of the list can, all are added, and without a connection now that is no failure.
     * @throws GearmanException If a server added so far cannot be reached.
     */
    public function addServers(?string $servers = null, bool $setupExceptionHandler = true): bool {}

    /**
     * What an event loop watches for this client. Not in pecl.
     *
     * ```php
     * $client->setCompleteCallback(fn (GearmanTask $task) => print $task->data());
     * foreach ($client->getStreams() as $stream) {
     *     EventLoop::onReadable($stream, fn () => $client->poll());   // Revolt; others: see docs/event-loops.md
     * }
     * $client->addTask('reverse', 'Hello');
     * ```
     *
     * @return array<int, resource> One stream, the same for as long as the client lives: it is ready for reading when poll() has
     *     something to do, with all servers and for whatever reason. Nothing can be read from it. After a fork the child calls
     *     this again. Empty with a warning where the system gives no descriptor (GEARMAN_ERRNO).
     * @tentative-return-type
     */
    public function getStreams(): array {}

    /**
     * runTasks() for event loops: sends and receives what can be without waiting, and calls callbacks. Not in pecl.
     *
     * To be called when the stream of getStreams() is ready. A task that ends by an error (its connection is lost, no server can
     * be reached, setTimeout() is over) calls the fail callback; error() and the task's returnCode() say why. What callbacks return
     * does not matter.
     *
     * @return float|null Seconds until the stream is ready though no server has said anything; null: only when one has. Not needed by
     *     who watches the stream. With a warning where a task without a fail callback ended by an error.
     * @tentative-return-type
     */
    public function poll(): ?float {}

    /**
     * Waits until a server has something to say; for clients with GEARMAN_CLIENT_NON_BLOCKING.
     *
     * ```php
     * while ($client->runTasks() && $client->returnCode() === GEARMAN_IO_WAIT) {
     *     $client->wait();
     * }
     * ```
     *
     * @return bool false: with a warning if there is no connection to wait for (GEARMAN_NO_ACTIVE_FDS); without one when the
     *     timeout is over (GEARMAN_TIMEOUT).
     */
    public function wait(): bool {}

    /**
     * Runs a job of normal priority and waits for its result: doNormal() by its old name.
     *
     * ```php
     * echo $client->do('reverse', 'Hello world!');    // !dlrow olleH
     * ```
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key that makes equal jobs one, at most 64 bytes; null or '' has one made up.
     * @return string The result; '' when the job or the call failed.
     * @see GearmanClient::doNormal()
     * @tentative-return-type
     */
    public function do(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Runs a job of normal priority and waits for its result.
     *
     * A job that failed (GEARMAN_WORK_FAIL) or threw (GEARMAN_WORK_EXCEPTION) gives '' without a warning; other
     * failures (no server, timeout, empty workload ...) give '' with one. Task callbacks are not called.
     *
     * ```php
     * $sum = $client->doNormal('sum', json_encode([1, 2, 3]));
     * if ($client->returnCode() !== GEARMAN_SUCCESS) {
     *     throw new RuntimeException('sum: ' . ($client->error() ?: 'code ' . $client->returnCode()));
     * }
     * ```
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Jobs of one function with the same key, queued or running, are one job, whose result
     *     all waiting clients get. At most 64 bytes; null or '' has a key made up, '#' takes a hash of the workload,
     *     '-' the workload itself.
     * @return string The data the worker sent and its result, joined; '' when the job or the call failed.
     */
    public function doNormal(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Runs a job ahead of those of normal and low priority, and waits for its result.
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key as for doNormal().
     * @return string The result; '' when the job or the call failed, see doNormal().
     */
    public function doHigh(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Runs a job after those of high and normal priority, and waits for its result.
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key as for doNormal().
     * @return string The result; '' when the job or the call failed, see doNormal().
     */
    public function doLow(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Queues a job of normal priority and returns at once; its result is not kept.
     *
     * ```php
     * $handle = $client->doBackground('resize', $path);
     * if ($client->returnCode() !== GEARMAN_SUCCESS) {
     *     throw new RuntimeException('not queued: ' . $client->error());
     * }
     * [$known, $running, $done, $of] = $client->jobStatus($handle);
     * ```
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key as for doNormal(): a job with it that is queued or running already is not queued
     *     again, its handle is given.
     * @return string The job's handle, such as 'H:host:17'; '' with a warning when it was not queued.
     */
    public function doBackground(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Queues a job of high priority and returns at once.
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key as for doBackground().
     * @return string The job's handle; '' with a warning when it was not queued.
     */
    public function doHighBackground(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Queues a job of low priority and returns at once.
     *
     * @param string $function Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param string|null $unique Key as for doBackground().
     * @return string The job's handle; '' with a warning when it was not queued.
     */
    public function doLowBackground(string $function, string $workload, ?string $unique = null): string {}

    /**
     * Queues a background job of normal priority that does not begin before a moment. Not in pecl.
     *
     * ```php
     * $client->doBackgroundAt('remind', $id, new DateInterval('PT15M'));        // in a quarter of an hour
     * $client->doBackgroundAt('remind', $id, new DateTime('tomorrow 9:00'));
     * $client->doBackgroundAt('remind', $id, $order->due);                      // a Unix time
     * ```
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string $workload Bytes for the worker; may not be empty.
     * @param int|DateTimeInterface|DateInterval $when A Unix time, a date, or a time that counts from now, in whole seconds: of
     *     a date the fraction is cut, an interval is never shorter. What is past begins at once.
     * @param string|null $unique_key Key as for doBackground(). A job with it that is there already keeps its own moment.
     * @return string The job's handle; '' with a warning when it was not queued.
     * @tentative-return-type
     */
    public function doBackgroundAt(string $function_name, string $workload, int|DateTimeInterface|DateInterval $when, ?string $unique_key = null): string {}

    /**
     * The handle of the job that the last do*Background() queued.
     *
     * @return string '' before the first one.
     */
    public function doJobHandle(): string {}

    /**
     * Numerator and denominator of the running do*() job; [0, 0] when there is none.
     *
     * @return array{int<0, max>, int<0, max>}
     */
    public function doStatus(): array {}

    /**
     * Asks the servers how far a background job is.
     *
     * With several servers, the one is asked that gave the handle, where that is known; else all, until one knows the
     * job.
     *
     * @param string $job_handle Handle as doBackground() gave it.
     * @return array{bool, bool, int<0, max>, int<0, max>} Known to the server, running, numerator, denominator;
     *     [false, false, 0, 0] if finished or never heard of. The same with a warning and returnCode() if a server that
     *     might know it cannot be asked.
     */
    public function jobStatus(string $job_handle): array {}

    /**
     * Asks the servers how far the job with this unique key is. Leaves returnCode() as it was, unless it fails.
     *
     * @param string $unique_key The key given when the job was submitted, at most 64 bytes. C job servers know keys of
     *     63 at most: asked for a longer one there, it fails.
     * @return array{bool, bool, int<0, max>, int<0, max>} As jobStatus().
     */
    public function jobStatusByUniqueKey(string $unique_key): array {}

    /**
     * Cancels a job, whether it waits or runs: those who wait for it are told that it failed, and what its worker says of it
     * from then on counts for nothing. Not in pecl; any job server can do it.
     *
     * The question goes to the server that gave this client the handle, if that is known; else to all, one after another, until
     * one has such a job. Two servers on one host give the same handles: with a client that did not submit the job itself, and
     * more than one server, cancel by key.
     *
     * @param string $job_handle Handle as doBackground() gave it.
     * @return bool true: it is cancelled. false with GEARMAN_JOB_NOT_FOUND (52, no constant) as returnCode(): no server has
     *     such a job (any more). false with a warning: a server that might have it could not be asked, or does not allow it.
     * @tentative-return-type
     */
    public function cancelJob(string $job_handle): bool {}

    /**
     * Cancels the job of a function that has this unique key, as cancelJob(). Not in pecl; C job servers cannot do it.
     *
     * @param string $function_name Name of the function, without blanks.
     * @param string $unique_key The key given when the job was submitted, without blanks.
     * @return bool As cancelJob(); false with a warning as well where a server does not know the command.
     * @tentative-return-type
     */
    public function cancelJobByUniqueKey(string $function_name, string $unique_key): bool {}

    /**
     * Asks for all that the server knows of a job, one that failed for good among them. Not in pecl; C job servers cannot
     * answer.
     *
     * ```php
     * $job = $client->jobInfo($handle);
     * echo $job ? "$job[state], tried $job[tries] times" : $client->error();
     * ```
     *
     * @param string $job_handle Handle as doBackground() gave it; which server is asked: see cancelJob().
     * @return array<string, string|int|bool>|false By name: handle, function, unique, state (queued, delayed, running,
     *     storing, dead, done or failed), priority, background (bool), tries, due, age, worker, numerator, denominator,
     *     reason, text; only what is known. tries, due (Unix time), age (seconds), numerator and denominator are ints.
     *     false: as cancelJob().
     * @tentative-return-type
     */
    public function jobInfo(string $job_handle): array|false {}

    /**
     * Fetches the result of a background job, where the server keeps those of its function (keep-results). Not in pecl; C
     * job servers cannot answer.
     *
     * @param string $job_handle Handle as doBackground() gave it; which server is asked: see cancelJob().
     * @return string|false The result, '' where the function returned nothing. Else false, and returnCode() is why:
     *     GEARMAN_WORK_FAIL, it failed; GEARMAN_IN_PROGRESS (50, no constant), it has not ended; GEARMAN_JOB_NOT_FOUND (52, no
     *     constant), it is unknown, or its result is not kept any more. Other failures are a warning.
     * @tentative-return-type
     */
    public function jobResult(string $job_handle): string|false {}

    /**
     * Sends data to all servers and expects to get it back: are they all there?
     *
     * @param string $workload Any bytes; may not be empty.
     * @return bool false with a warning if one of them does not answer.
     */
    public function ping(string $workload): bool {}

    /**
     * Adds a job of normal priority, to be sent by the next runTasks(). Nothing is sent before that.
     *
     * Set the callbacks first: a task has those that were set when it was added.
     *
     * ```php
     * $client->setCompleteCallback(function (GearmanTask $task, string $name): void {
     *     echo "$name: ", $task->data(), "\n";
     * });
     * foreach (['a', 'b', 'c'] as $name) {
     *     $client->addTask('reverse', "text of $name", $name);
     * }
     * $client->runTasks();    // the three jobs run at the same time, given three workers
     * ```
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Anything; given to the callbacks as second argument, also by reference. Left out, they get the
     *     task alone.
     * @param string|null $unique_key Key as for doNormal().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTask(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a job of high priority, to be sent by the next runTasks().
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Given to the callbacks as second argument; left out, they get the task alone.
     * @param string|null $unique_key Key as for doNormal().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTaskHigh(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a job of low priority, to be sent by the next runTasks().
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Given to the callbacks as second argument; left out, they get the task alone.
     * @param string|null $unique_key Key as for doNormal().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTaskLow(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a background job, to be queued by the next runTasks(). Only the created callback is called for it.
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Given to the callback as second argument; left out, it gets the task alone.
     * @param string|null $unique_key Key as for doBackground().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTaskBackground(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a background job of high priority, to be queued by the next runTasks().
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Given to the created callback as second argument; left out, it gets the task alone.
     * @param string|null $unique_key Key as for doBackground().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTaskHighBackground(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a background job of low priority, to be queued by the next runTasks().
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param mixed $context Given to the created callback as second argument; left out, it gets the task alone.
     * @param string|null $unique_key Key as for doBackground().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     */
    public function addTaskLowBackground(string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Adds a background job that does not begin before a moment, to be queued by the next runTasks(). Not in pecl.
     *
     * @param string $function_name Name of the function, 1 to 512 bytes.
     * @param string|int|float $workload Bytes for the worker; may not be empty.
     * @param int|DateTimeInterface|DateInterval $when As for doBackgroundAt(); an interval counts from this call.
     * @param mixed $context Given to the callback as second argument; left out, it gets the task alone.
     * @param string|null $unique_key Key as for doBackgroundAt().
     * @return GearmanTask|false false with a warning if the arguments cannot be used.
     * @tentative-return-type
     */
    public function addTaskBackgroundAt(string $function_name, string|int|float $workload, int|DateTimeInterface|DateInterval $when, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

    /**
     * Runs all tasks added so far and those that callbacks add meanwhile; returns when the last one has ended.
     *
     * Jobs that fail or throw are told to the fail and exception callbacks and do not make it false. After a timeout
     * or a callback that returned GEARMAN_PAUSE the tasks stay, and the next runTasks() goes on with them. An
     * exception thrown by a callback comes out of here.
     *
     * Tasks whose server is lost, or refuses them, end without a callback; GearmanTask::returnCode() tells why. Tasks
     * that no server could be sent stay, and go out with the next call. All else is finished before this returns
     * false, once, with the code of the first failure.
     *
     * ```php
     * $client->setFailCallback(fn (GearmanTask $task) => error_log($task->unique() . ' failed'));
     * $client->addTask('resize', 'cat.jpg');
     * if (!$client->runTasks()) {
     *     echo $client->error(), "\n";
     * }
     * ```
     *
     * @return bool false with a warning on no server, a lost connection, a timeout (GEARMAN_TIMEOUT), or when a
     *     callback returned a failing code. true with GEARMAN_IO_WAIT on a non-blocking client that is not done.
     */
    public function runTasks(): bool {}

    /**
     * Adds a question for the status of a background job, to be asked by the next runTasks().
     *
     * The status callback is called once with the answer: see isKnown(), isRunning(), taskNumerator() and
     * taskDenominator() of the task.
     *
     * @param string $job_handle Handle as doBackground() gave it.
     * @param mixed $context Given to the callback as second argument; left out, it gets the task alone.
     * @return GearmanTask|false false with a warning if the handle cannot be used.
     */
    public function addTaskStatus(string $job_handle, mixed $context = null): GearmanTask|false {}

    /**
     * Sets a callback for sending workloads piecemeal. It is kept but never called: tasks carry their workload.
     *
     * @param callable(GearmanTask, mixed): mixed $function
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setWorkloadCallback(callable $function): bool {}

    /**
     * Sets what is called when the server has queued a task's job: its first event, with the job's handle.
     *
     * This and the other callbacks get the task, and the context if addTask() was given one. Returning null, false,
     * 0 or a text goes on; GEARMAN_PAUSE leaves runTasks() for now, another GEARMAN_* code ends it with that code.
     *
     * @param callable(GearmanTask, mixed): mixed $function
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setCreatedCallback(callable $function): bool {}

    /**
     * Sets what is called for each packet of data that a worker sends before its result: GearmanTask::data().
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setDataCallback(callable $function): bool {}

    /**
     * Sets what is called when a worker sends a warning; GearmanTask::data() is its text.
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setWarningCallback(callable $function): bool {}

    /**
     * Sets what is called when a worker reports progress, and for the answers to addTaskStatus().
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setStatusCallback(callable $function): bool {}

    /**
     * Sets what is called when a job is done; GearmanTask::data() is its result. The last event of a task.
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setCompleteCallback(callable $function): bool {}

    /**
     * Sets what is called when a worker function threw or sent an exception; GearmanTask::data() is its text. The
     * last event of a task, in place of complete and fail.
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     * @throws GearmanException If the servers cannot be asked for exceptions, as for enableExceptionHandler().
     */
    public function setExceptionCallback(callable $function): bool {}

    /**
     * Sets what is called when a job failed. The last event of a task, in place of complete and exception.
     *
     * @param callable(GearmanTask, mixed): mixed $function As for setCreatedCallback().
     * @return bool false with a warning if it cannot be called; the one set before stays.
     */
    public function setFailCallback(callable $function): bool {}

    /**
     * Removes all callbacks; tasks added from now on have none.
     *
     * @return bool Always true.
     */
    public function clearCallbacks(): bool {}

    /**
     * The text given to setContext(); '' on a new client.
     */
    public function context(): string {}

    /**
     * Keeps a text with the client, for the program's own use.
     *
     * @param string $data Any text.
     * @return bool Always true.
     */
    public function setContext(string $data): bool {}

    /**
     * Asks all servers to tell this client about jobs that throw. addServer() does it by default.
     *
     * @return bool Always true.
     * @throws GearmanException If there is no server or one of them cannot be reached.
     */
    public function enableExceptionHandler(): bool {}
}

/**
 * Offers functions to Gearman servers and runs the jobs that clients submit for them.
 *
 * ```php
 * $worker = new GearmanWorker();
 * $worker->addServer('127.0.0.1', 4730);
 * $worker->addFunction('reverse', fn (GearmanJob $job) => strrev($job->workload()));
 * while ($worker->work());
 * ```
 *
 * A worker runs one job at a time; start as many processes as should run at once. The environment variable
 * GEARMAN_SERVERS and the setting gearman.servers, lists as for addServers(), are read when the object is made.
 * Objects cannot be cloned. After a fork, parent and child can both go on, each on connections of its own.
 */
class GearmanWorker
{
    /**
     * Makes a worker; servers named by the environment or the settings are added, without connecting to them.
     *
     * @throws GearmanException If a server named there cannot be used.
     */
    public function __construct() {}

    /** Closes the connections. A job that is not finished goes back to the server's queue. */
    public function __destruct() {}

    /**
     * How the last call that talks to servers ended: GEARMAN_SUCCESS or another GEARMAN_* return code.
     *
     * Set by addServer(), addServers(), addFunction(), register(), unregister(), unregisterAll(), work(), grabJob(),
     * ping() and wait(), and by all that is refused. After a job it is the code the job ended with.
     *
     * @return int<0, 53>
     */
    public function returnCode(): int {}

    /**
     * The text of the last failure.
     *
     * @return string|false The name of returnCode() and the words of the warning, if there was one; false if nothing has
     *     failed.
     */
    public function error(): string|false {}

    /**
     * The system's error number of the last failure, where there was one; otherwise 0.
     */
    public function getErrno(): int {}

    /**
     * The options that are on.
     *
     * @return int Sum of GEARMAN_WORKER_* bits, and of 512 and 1024 (TLS), which have no constants.
     */
    public function options(): int {}

    /**
     * Turns exactly these options on and all others that can be changed off.
     *
     * Without GEARMAN_WORKER_TIMEOUT_RETURN the timeout becomes GEARMAN_WORKER_WAIT_TIMEOUT; without
     * GEARMAN_WORKER_GRAB_UNIQ jobs come without their unique key.
     *
     * @param int $option Bits GEARMAN_WORKER_*, joined by |; bits that cannot be set are ignored.
     * @return true
     */
    public function setOptions(int $option): true {}

    /**
     * Turns options on, leaving the others as they are.
     *
     * @param int $option Bits GEARMAN_WORKER_*, joined by |; bits that cannot be set are ignored.
     * @return true
     */
    public function addOptions(int $option): true {}

    /**
     * Turns options off, leaving the others as they are.
     *
     * @param int $option Bits GEARMAN_WORKER_*, joined by |; bits that cannot be removed are ignored.
     * @return true
     */
    public function removeOptions(int $option): true {}

    /**
     * The timeout in milliseconds, as set by setTimeout().
     *
     * @return int -1 if there is none.
     */
    public function timeout(): int {}

    /**
     * Limits how long work() waits for a job: then false, GEARMAN_TIMEOUT, no warning. Running functions are not
     * limited by it.
     *
     * Also turns on GEARMAN_WORKER_TIMEOUT_RETURN.
     *
     * @param int $timeout Milliseconds; 0 does not wait at all, -1 waits for ever (default).
     * @return true
     */
    public function setTimeout(int $timeout): true {}

    /**
     * Gives the worker a name by which the server's "workers" command shows it.
     *
     * @param string $id 1 to 254 printable characters without blanks.
     * @return bool false, without a warning, if the name cannot be used.
     */
    public function setId(string $id): bool {}

    /**
     * Has the connections to all servers of this worker speak TLS, those added before and those to come: as
     * GearmanClient::setSSL(), with the same defaults.
     *
     * @param bool $ssl false: plain connections, but to servers named tls://.
     * @param string|null $ca_file The certificates of the CAs that servers' certificates may be of.
     * @param string|null $certificate This worker's own, for servers that ask for one; those of its issuers may follow it.
     * @param string|null $key_file Its private key, not encrypted; null or '' if it is in $certificate.
     * @return bool false with a warning and 49, which has no constant, if open_basedir does not allow a file.
     */
    public function setSSL(bool $ssl = true, ?string $ca_file = null, ?string $certificate = null, ?string $key_file = null): bool {}

    /**
     * Adds a server; the worker takes jobs from all that can be reached.
     *
     * By default connects at once; gearman.lazy_connect=1 puts that off until first use.
     *
     * @param string|null $host Name, IPv4 or IPv6 address; null or '' is localhost. tls://name and unix:///path, too.
     * @param int $port 1 to 65535; 0 is 4730.
     * @param bool $setupExceptionHandler false: do not connect now.
     * @return bool false with a warning and GEARMAN_GETADDRINFO if the name cannot be resolved; the server is not added then.
     *     With gearman.lazy_connect=1 and in event loops it is not looked up yet.
     * @throws GearmanException If a server added so far cannot be reached; the new one is added all the same.
     */
    public function addServer(?string $host = null, int $port = 0, bool $setupExceptionHandler = true): bool {}

    /**
     * Adds the servers of a list such as 'host1:4730,host2,:4731'.
     *
     * @param string|null $servers host:port, separated by commas; without host localhost, without port 4730, null or
     *     '' is localhost:4730. Blanks around the entries are ignored.
     * @param bool $setupExceptionHandler As for addServer().
     * @return bool false with a warning and GEARMAN_GETADDRINFO for a list with a bad entry, of which none is added, and for names
     *     that cannot be resolved: where one of the list can, all are added, and without a connection now that is no failure.
     * @throws GearmanException If a server added so far cannot be reached.
     */
    public function addServers(?string $servers = null, bool $setupExceptionHandler = true): bool {}

    /**
     * What an event loop watches for this worker: as GearmanClient::getStreams(). Not in pecl.
     *
     * @return array<int, resource> One stream, ready for reading when poll() has something to do.
     * @tentative-return-type
     */
    public function getStreams(): array {}

    /**
     * work() for event loops: runs a job if there is one, and waits for none. Not in pecl.
     *
     * To be called when the stream of getStreams() is ready; whoever does not want a job does not call it. A function that
     * suspends its fiber does not keep the next poll() from taking the next job. What is thrown by a function comes out of poll(),
     * as out of work(). Servers that are lost are connected to again by and by, without a call.
     *
     * @return float|null Seconds until the stream is ready though no server has said anything; null: only when one has. Not needed by
     *     who watches the stream. With a warning, one for each outage, where no server can be reached.
     * @tentative-return-type
     */
    public function poll(): ?float {}

    /**
     * Waits until there is a job for work(); for workers with GEARMAN_WORKER_NON_BLOCKING.
     *
     * While no server is there it pauses for up to a second and tries again, once a call.
     *
     * @return bool false when the timeout is over (GEARMAN_TIMEOUT), or with a warning if no server is there to wait
     *     for (GEARMAN_NO_ACTIVE_FDS).
     */
    public function wait(): bool {}

    /**
     * Announces a function without a callable; its jobs can be taken by grabJob() only. See addFunction().
     *
     * @param string $function_name 1 to 512 bytes.
     * @param int $timeout Seconds a job may take before the server gives up on it; 0 has no limit.
     * @return bool false with a warning if the name cannot be used.
     */
    public function register(string $function_name, int $timeout = 0): bool {}

    /**
     * Takes a function back. The server hears of it at the next work() or grabJob().
     *
     * @param string $function_name As it was added.
     * @return bool false with a warning if there is no such function.
     */
    public function unregister(string $function_name): bool {}

    /**
     * Takes all functions back. The server hears of it at the next work() or grabJob().
     *
     * @return bool false with a warning and GEARMAN_NO_REGISTERED_FUNCTIONS if there are none.
     */
    public function unregisterAll(): bool {}

    /**
     * Takes one waiting job without running its function, and without waiting.
     *
     * The program must end the job itself: sendComplete(), sendFail() or sendException().
     *
     * @return GearmanJob|false false with a warning and GEARMAN_NO_JOBS if no job is waiting, or, for a non-blocking
     *     worker, no server is there.
     */
    public function grabJob(): GearmanJob|false {}

    /**
     * Adds a function that work() calls for the jobs of that name; the same name again replaces the callable.
     *
     * It is called with the job and the context. What it returns becomes the result, converted to a string; what it
     * throws reaches the client as "Class: message" and comes out of work().
     *
     * ```php
     * $worker->addFunction('resize', function (GearmanJob $job, array $sizes): string {
     *     foreach ($sizes as $n => $size) {
     *         // ... resize the file $job->workload() ...
     *         $job->sendStatus($n + 1, count($sizes));
     *     }
     *     return 'done';
     * }, [100, 800], 30);
     * ```
     *
     * @param string $function_name 1 to 512 bytes.
     * @param callable(GearmanJob, mixed): mixed $function
     * @param mixed $context Given to the function as second argument. If it takes that by reference, what it makes of it
     *     is what it gets for the next job.
     * @param int $timeout Seconds a job may take before the server gives up on it; 0 has no limit.
     * @return bool false with a warning if the name cannot be used or the callable cannot be called.
     */
    public function addFunction(string $function_name, callable $function, mixed $context = null, int $timeout = 0): bool {}

    /**
     * Waits for one job and runs its function.
     *
     * Signal handlers run while it waits. A handler that ran ends the wait: true with GEARMAN_SUCCESS though no job
     * was run, or false with GEARMAN_IO_WAIT under GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL.
     *
     * ```php
     * $stop = false;
     * pcntl_async_signals(true);
     * pcntl_signal(SIGTERM, function () use (&$stop): void { $stop = true; });
     * $worker->setTimeout(5000);
     * while (!$stop && ($worker->work() || $worker->returnCode() === GEARMAN_TIMEOUT));
     * ```
     *
     * @return bool true when a job was done. false without a warning: timeout (GEARMAN_TIMEOUT), no job or no server
     *     for a non-blocking worker (GEARMAN_IO_WAIT, GEARMAN_NO_JOBS), or a job that failed by GearmanJob::setReturn().
     *     false with a warning: no servers, no functions, no server reached and the like.
     */
    public function work(): bool {}

    /**
     * Sends data to all servers and expects to get it back: are they all there?
     *
     * @param string $data Any bytes; may not be empty.
     * @return bool false with a warning if one of them does not answer.
     */
    public function ping(string $data): bool {}

    /**
     * Sets the server option "exceptions" on all servers. addServer() does it by default.
     *
     * @return bool Always true.
     * @throws GearmanException If there is no server or one of them cannot be reached.
     */
    public function enableExceptionHandler(): bool {}
}

/**
 * A job as its worker function gets it: the workload, and ways to report to the client while it runs.
 *
 * ```php
 * function word_count(GearmanJob $job): string
 * {
 *     if ($job->workloadSize() > 1000000) {
 *         $job->sendWarning('this may take a while');
 *     }
 *     return (string) str_word_count($job->workload());
 * }
 * ```
 *
 * A job ends when its function has: by what is returned or thrown, unless sendComplete(), sendFail() or
 * sendException() said something else before. exit() and crashes end nothing: the server gives the job to another
 * worker. The object is of use only while the function runs, or, from grabJob(), until the job was ended. It
 * cannot be cloned.
 */
class GearmanJob
{
    /** Lets the job go. A grabbed job that was not ended stays with the worker's connection. */
    public function __destruct() {}

    /**
     * How the last send*() or setReturn() ended: GEARMAN_SUCCESS or another GEARMAN_* return code.
     *
     * @return int<0, 53>
     */
    public function returnCode(): int {}

    /**
     * Sets the code the job ends with when its function returns; any other than GEARMAN_SUCCESS and
     * GEARMAN_SHUTDOWN makes the job fail.
     *
     * ```php
     * $job->setReturn(GEARMAN_WORK_FAIL);
     * return null;
     * ```
     *
     * @param int $gearman_return_t GEARMAN_* return code, 0 to GEARMAN_MAX_RETURN.
     * @return bool false with a warning if it is out of range; nothing changes then.
     */
    public function setReturn(int $gearman_return_t): bool {}

    /**
     * Sends a piece of the result ahead; goes to the data callback, and before the result in doNormal().
     *
     * @param string $data Any bytes.
     * @return bool false with a warning if it cannot be sent; the job fails then.
     */
    public function sendData(string $data): bool {}

    /**
     * Sends a warning to the client's warning callback; the job goes on.
     *
     * @param string $warning Any bytes.
     * @return bool false with a warning if it cannot be sent; the job fails then.
     */
    public function sendWarning(string $warning): bool {}

    /**
     * Tells client and server how far the job is, say 3 of 10.
     *
     * ```php
     * foreach ($rows as $n => $row) {
     *     import($row);
     *     $job->sendStatus($n + 1, count($rows));
     * }
     * ```
     *
     * @param int $numerator 0 to 4294967295.
     * @param int $denominator 0 to 4294967295.
     * @return bool false with a warning if it cannot be sent; the job fails then.
     */
    public function sendStatus(int $numerator, int $denominator): bool {}

    /**
     * Ends the job with this result, whatever its function returns afterwards.
     *
     * @param string $result Any bytes.
     * @return bool false with a warning if it cannot be sent. true, without effect, if the job was ended before.
     */
    public function sendComplete(string $result): bool {}

    /**
     * Ends the job as one that threw: exception callback, GEARMAN_WORK_EXCEPTION at the client.
     *
     * @param string $exception Text for the client; may not be empty.
     * @return bool false with a warning if it cannot be sent. true, without effect, if the job was ended before.
     */
    public function sendException(string $exception): bool {}

    /**
     * Ends the job as failed: fail callback, GEARMAN_WORK_FAIL at the client.
     *
     * @return bool false with a warning if it cannot be sent. true, without effect, if the job was ended before.
     */
    public function sendFail(): bool {}

    /**
     * The handle the server gave the job, such as 'H:host:17'.
     *
     * @return string|false false if the object stands for no job.
     */
    public function handle(): string|false {}

    /**
     * The name of the function the job is for.
     *
     * @return string|false false if the object stands for no job.
     */
    public function functionName(): string|false {}

    /**
     * The unique key of the job, the client's or one made up.
     *
     * @return string|false '' if the worker does not ask for keys (GEARMAN_WORKER_GRAB_UNIQ); false if the object
     *     stands for no job.
     */
    public function unique(): string|false {}

    /**
     * The bytes the client sent; '' if the object stands for no job.
     */
    public function workload(): string {}

    /**
     * The length of the workload in bytes.
     *
     * @return int<0, max>
     */
    public function workloadSize(): int {}

    /**
     * Which try of the job this is. Not in pecl.
     *
     * @return int<0, max> 1, the first; 2, once more after a failure or after the end of a worker; and so on. 0 where the
     *     server does not tell, as C job servers do not.
     * @tentative-return-type
     */
    public function attempt(): int {}

    /**
     * Was the job cancelled since it was given to this worker? A look at what the server has sent, without waiting: for long
     * functions, now and then. Not in pecl; C job servers do not tell.
     *
     * ```php
     * foreach ($rows as $row) {
     *     if ($job->isCancelled()) {
     *         return null;             // nobody gets to see it
     *     }
     *     import($row);
     * }
     * ```
     *
     * @return bool Once true, it stays so. false also where the connection to the server is lost: the next send*() says so.
     * @tentative-return-type
     */
    public function isCancelled(): bool {}
}

/**
 * One job of runTasks() as the client sees it: made by GearmanClient::addTask() and the like, given to the callbacks.
 *
 * ```php
 * $client->setStatusCallback(function (GearmanTask $task): void {
 *     printf("%s: %d of %d\n", $task->unique(), $task->taskNumerator(), $task->taskDenominator());
 * });
 * ```
 *
 * After the run it is empty and its accessors give false; without GEARMAN_CLIENT_FREE_TASKS name, key and handle
 * stay.
 */
class GearmanTask
{
    /** Makes an empty task, which is of no use: all accessors give false. Tasks come from GearmanClient::addTask(). */
    public function __construct() {}

    /**
     * How the task stands: GEARMAN_SUCCESS or another GEARMAN_* return code, such as GEARMAN_WORK_FAIL in the fail
     * callback. After a runTasks() that returned false, GEARMAN_LOST_CONNECTION or the like if the task was lost.
     *
     * @return int<0, 53>
     */
    public function returnCode(): int {}

    /**
     * The name of the function the job is for.
     *
     * @return string|false false on an empty task.
     */
    public function functionName(): string|false {}

    /**
     * The unique key of the job.
     *
     * @return string|false false on an empty task.
     */
    public function unique(): string|false {}

    /**
     * The handle the server gave the job; '' until it has queued it.
     *
     * @return string|false false on an empty task.
     */
    public function jobHandle(): string|false {}

    /**
     * Does the server know the job? true from the created callback to the end of the job.
     */
    public function isKnown(): bool {}

    /**
     * Is the job being run? true from its first data on; of addTaskStatus(), what the server says.
     */
    public function isRunning(): bool {}

    /**
     * The numerator of the last status, 0 before the first one.
     *
     * @return int<0, max>|false false on an empty task.
     */
    public function taskNumerator(): int|false {}

    /**
     * The denominator of the last status, 0 before the first one.
     *
     * @return int<0, max>|false false on an empty task.
     */
    public function taskDenominator(): int|false {}

    /**
     * What came with the present event: a piece of data, a warning, the result or the text of an exception.
     *
     * @return string|false '' in other callbacks; false on an empty task and with GEARMAN_CLIENT_UNBUFFERED_RESULT.
     */
    public function data(): string|false {}

    /**
     * The length in bytes of what came with the present event.
     *
     * @return int<0, max>|false false on an empty task.
     */
    public function dataSize(): int|false {}

    /**
     * Sends workload piecemeal. Of no use, as tasks carry their workload.
     *
     * @param string $data Any bytes.
     * @return int<0, max>|false Number of bytes sent; false on failure.
     */
    public function sendWorkload(string $data): int|false {}

    /**
     * Takes the next piece of the result, in a complete callback with GEARMAN_CLIENT_UNBUFFERED_RESULT.
     *
     * ```php
     * while (([$length, $piece] = $task->recvData(8192)) && $length > 0) {
     *     fwrite($file, $piece);
     * }
     * ```
     *
     * @param int $data_len Most bytes to take.
     * @return array{int<0, max>, string}|false Length and bytes, [0, ''] at the end; false if there is nothing to take.
     */
    public function recvData(int $data_len): array|false {}
}

/**
 * Thrown when servers cannot be asked for exceptions (see GearmanClient::addServer()) or an object cannot be made.
 * Everything else that fails gives a warning and a return code.
 */
final class GearmanException extends Exception
{
    /** @var int */
    public $code = 0;
}

// Functions without a method.

/** The libgearman version whose behaviour this module has, such as '1.1.20'. */
function gearman_version(): string {}

/** The address where bugs can be reported. */
function gearman_bugreport(): string {}

/**
 * The name of a log level: NEVER for 0, FATAL, ERROR, INFO, DEBUG, CRAZY for 1 to 5, UNKNOWN above.
 *
 * @param int $verbose GEARMAN_VERBOSE_* constant.
 * @return string|null null with a warning if it is negative.
 */
function gearman_verbose_name(int $verbose): ?string {}

/**
 * Makes a client, as new GearmanClient does.
 *
 * @return GearmanClient|false false on failure.
 * @see GearmanClient::__construct()
 */
function gearman_client_create(): GearmanClient|false {}

/**
 * Makes a worker, as new GearmanWorker does.
 *
 * @return GearmanWorker|false false on failure.
 * @see GearmanWorker::__construct()
 */
function gearman_worker_create(): GearmanWorker|false {}

// Twins of the methods of GearmanClient. $obj is the object, the rest is as there; warnings begin with the
// function's own name.

/**
 * @alias GearmanClient::returnCode {@see GearmanClient::returnCode()}
 * @return int<0, 53>
 */
function gearman_client_return_code(GearmanClient $obj): int {}

/** @alias GearmanClient::error {@see GearmanClient::error()} */
function gearman_client_error(GearmanClient $obj): string|false {}

/** @alias GearmanClient::getErrno {@see GearmanClient::getErrno()} */
function gearman_client_get_errno(GearmanClient $obj): int {}

/** @alias GearmanClient::options {@see GearmanClient::options()} */
function gearman_client_options(GearmanClient $obj): int {}

/** @alias GearmanClient::setOptions {@see GearmanClient::setOptions()} */
function gearman_client_set_options(GearmanClient $obj, int $option): bool {}

/** @alias GearmanClient::addOptions {@see GearmanClient::addOptions()} */
function gearman_client_add_options(GearmanClient $obj, int $option): bool {}

/** @alias GearmanClient::removeOptions {@see GearmanClient::removeOptions()} */
function gearman_client_remove_options(GearmanClient $obj, int $option): bool {}

/** @alias GearmanClient::timeout {@see GearmanClient::timeout()} */
function gearman_client_timeout(GearmanClient $obj): ?int {}

/** @alias GearmanClient::setTimeout {@see GearmanClient::setTimeout()} */
function gearman_client_set_timeout(GearmanClient $obj, int $timeout): bool {}

/** @alias GearmanClient::setSSL {@see GearmanClient::setSSL()} */
function gearman_client_set_ssl(GearmanClient $obj, bool $ssl = true, ?string $ca_file = null, ?string $certificate = null, ?string $key_file = null): bool {}

/**
 * @alias GearmanClient::addServer {@see GearmanClient::addServer()}
 * @throws GearmanException
 */
function gearman_client_add_server(GearmanClient $obj, ?string $host = null, int $port = 0, bool $setupExceptionHandler = true): bool {}

/**
 * @alias GearmanClient::addServers {@see GearmanClient::addServers()}
 * @throws GearmanException
 */
function gearman_client_add_servers(GearmanClient $obj, ?string $servers = null, bool $setupExceptionHandler = true): bool {}

/** @alias GearmanClient::getStreams {@see GearmanClient::getStreams()} */
function gearman_client_get_streams(GearmanClient $obj): array {}

/** @alias GearmanClient::poll {@see GearmanClient::poll()} */
function gearman_client_poll(GearmanClient $obj): ?float {}

/** @alias GearmanClient::wait {@see GearmanClient::wait()} */
function gearman_client_wait(GearmanClient $obj): bool {}

/** @alias GearmanClient::do {@see GearmanClient::do()} */
function gearman_client_do(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doNormal {@see GearmanClient::doNormal()} */
function gearman_client_do_normal(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doHigh {@see GearmanClient::doHigh()} */
function gearman_client_do_high(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doLow {@see GearmanClient::doLow()} */
function gearman_client_do_low(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doBackground {@see GearmanClient::doBackground()} */
function gearman_client_do_background(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doHighBackground {@see GearmanClient::doHighBackground()} */
function gearman_client_do_high_background(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doLowBackground {@see GearmanClient::doLowBackground()} */
function gearman_client_do_low_background(GearmanClient $obj, string $function, string $workload, ?string $unique = null): string {}

/** @alias GearmanClient::doBackgroundAt {@see GearmanClient::doBackgroundAt()} */
function gearman_client_do_background_at(GearmanClient $obj, string $function_name, string $workload, int|DateTimeInterface|DateInterval $when, ?string $unique_key = null): string {}

/** @alias GearmanClient::doJobHandle {@see GearmanClient::doJobHandle()} */
function gearman_client_do_job_handle(GearmanClient $obj): string {}

/**
 * @alias GearmanClient::doStatus {@see GearmanClient::doStatus()}
 * @return array{int<0, max>, int<0, max>}
 */
function gearman_client_do_status(GearmanClient $obj): array {}

/**
 * @alias GearmanClient::jobStatus {@see GearmanClient::jobStatus()}
 * @return array{bool, bool, int<0, max>, int<0, max>}
 */
function gearman_client_job_status(GearmanClient $obj, string $job_handle): array {}

/**
 * @alias GearmanClient::jobStatusByUniqueKey {@see GearmanClient::jobStatusByUniqueKey()}
 * @return array{bool, bool, int<0, max>, int<0, max>}
 */
function gearman_client_job_status_by_unique_key(GearmanClient $obj, string $unique_key): array {}

/** @alias GearmanClient::cancelJob {@see GearmanClient::cancelJob()} */
function gearman_client_cancel_job(GearmanClient $obj, string $job_handle): bool {}

/** @alias GearmanClient::cancelJobByUniqueKey {@see GearmanClient::cancelJobByUniqueKey()} */
function gearman_client_cancel_job_by_unique_key(GearmanClient $obj, string $function_name, string $unique_key): bool {}

/** @alias GearmanClient::jobInfo {@see GearmanClient::jobInfo()} */
function gearman_client_job_info(GearmanClient $obj, string $job_handle): array|false {}

/** @alias GearmanClient::jobResult {@see GearmanClient::jobResult()} */
function gearman_client_job_result(GearmanClient $obj, string $job_handle): string|false {}

/** @alias GearmanClient::ping {@see GearmanClient::ping()} */
function gearman_client_ping(GearmanClient $obj, string $workload): bool {}

/** @alias GearmanClient::addTask {@see GearmanClient::addTask()} */
function gearman_client_add_task(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskHigh {@see GearmanClient::addTaskHigh()} */
function gearman_client_add_task_high(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskLow {@see GearmanClient::addTaskLow()} */
function gearman_client_add_task_low(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskBackground {@see GearmanClient::addTaskBackground()} */
function gearman_client_add_task_background(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskHighBackground {@see GearmanClient::addTaskHighBackground()} */
function gearman_client_add_task_high_background(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskLowBackground {@see GearmanClient::addTaskLowBackground()} */
function gearman_client_add_task_low_background(GearmanClient $obj, string $function_name, string|int|float $workload, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::addTaskBackgroundAt {@see GearmanClient::addTaskBackgroundAt()} */
function gearman_client_add_task_background_at(GearmanClient $obj, string $function_name, string|int|float $workload, int|DateTimeInterface|DateInterval $when, mixed $context = null, ?string $unique_key = null): GearmanTask|false {}

/** @alias GearmanClient::runTasks {@see GearmanClient::runTasks()} */
function gearman_client_run_tasks(GearmanClient $obj): bool {}

/** @alias GearmanClient::addTaskStatus {@see GearmanClient::addTaskStatus()} */
function gearman_client_add_task_status(GearmanClient $obj, string $job_handle, mixed $context = null): GearmanTask|false {}

/**
 * @alias GearmanClient::setWorkloadCallback {@see GearmanClient::setWorkloadCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_workload_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setCreatedCallback {@see GearmanClient::setCreatedCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_created_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setDataCallback {@see GearmanClient::setDataCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_data_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setWarningCallback {@see GearmanClient::setWarningCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_warning_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setStatusCallback {@see GearmanClient::setStatusCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_status_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setCompleteCallback {@see GearmanClient::setCompleteCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_complete_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setExceptionCallback {@see GearmanClient::setExceptionCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 * @throws GearmanException
 */
function gearman_client_set_exception_callback(GearmanClient $obj, callable $function): bool {}

/**
 * @alias GearmanClient::setFailCallback {@see GearmanClient::setFailCallback()}
 * @param callable(GearmanTask, mixed): mixed $function
 */
function gearman_client_set_fail_callback(GearmanClient $obj, callable $function): bool {}

/** @alias GearmanClient::clearCallbacks {@see GearmanClient::clearCallbacks()} */
function gearman_client_clear_callbacks(GearmanClient $obj): bool {}

/** @alias GearmanClient::context {@see GearmanClient::context()} */
function gearman_client_context(GearmanClient $obj): string {}

/** @alias GearmanClient::setContext {@see GearmanClient::setContext()} */
function gearman_client_set_context(GearmanClient $obj, string $data): bool {}

/**
 * @alias GearmanClient::enableExceptionHandler {@see GearmanClient::enableExceptionHandler()}
 * @throws GearmanException
 */
function gearman_client_enable_exception_handler(GearmanClient $obj): bool {}

// Twins of the methods of GearmanJob.

/**
 * @alias GearmanJob::returnCode {@see GearmanJob::returnCode()}
 * @return int<0, 53>
 */
function gearman_job_return_code(GearmanJob $obj): int {}

/** @alias GearmanJob::setReturn {@see GearmanJob::setReturn()} */
function gearman_job_set_return(GearmanJob $obj, int $gearman_return_t): bool {}

/** @alias GearmanJob::sendData {@see GearmanJob::sendData()} */
function gearman_job_send_data(GearmanJob $obj, string $data): bool {}

/** @alias GearmanJob::sendWarning {@see GearmanJob::sendWarning()} */
function gearman_job_send_warning(GearmanJob $obj, string $warning): bool {}

/** @alias GearmanJob::sendStatus {@see GearmanJob::sendStatus()} */
function gearman_job_send_status(GearmanJob $obj, int $numerator, int $denominator): bool {}

/** @alias GearmanJob::sendComplete {@see GearmanJob::sendComplete()} */
function gearman_job_send_complete(GearmanJob $obj, string $result): bool {}

/** @alias GearmanJob::sendException {@see GearmanJob::sendException()} */
function gearman_job_send_exception(GearmanJob $obj, string $exception): bool {}

/** @alias GearmanJob::sendFail {@see GearmanJob::sendFail()} */
function gearman_job_send_fail(GearmanJob $obj): bool {}

/** @alias GearmanJob::handle {@see GearmanJob::handle()} */
function gearman_job_handle(GearmanJob $obj): string|false {}

/** @alias GearmanJob::functionName {@see GearmanJob::functionName()} */
function gearman_job_function_name(GearmanJob $obj): string|false {}

/** @alias GearmanJob::unique {@see GearmanJob::unique()} */
function gearman_job_unique(GearmanJob $obj): string|false {}

/** @alias GearmanJob::workload {@see GearmanJob::workload()} */
function gearman_job_workload(GearmanJob $obj): string {}

/**
 * @alias GearmanJob::workloadSize {@see GearmanJob::workloadSize()}
 * @return int<0, max>
 */
function gearman_job_workload_size(GearmanJob $obj): int {}

/** @alias GearmanJob::attempt {@see GearmanJob::attempt()} */
function gearman_job_attempt(GearmanJob $obj): int {}

/** @alias GearmanJob::isCancelled {@see GearmanJob::isCancelled()} */
function gearman_job_is_cancelled(GearmanJob $obj): bool {}

// Twins of the methods of GearmanTask.

/**
 * @alias GearmanTask::returnCode {@see GearmanTask::returnCode()}
 * @return int<0, 53>
 */
function gearman_task_return_code(GearmanTask $obj): int {}

/** @alias GearmanTask::functionName {@see GearmanTask::functionName()} */
function gearman_task_function_name(GearmanTask $obj): string|false {}

/** @alias GearmanTask::unique {@see GearmanTask::unique()} */
function gearman_task_unique(GearmanTask $obj): string|false {}

/** @alias GearmanTask::jobHandle {@see GearmanTask::jobHandle()} */
function gearman_task_job_handle(GearmanTask $obj): string|false {}

/** @alias GearmanTask::isKnown {@see GearmanTask::isKnown()} */
function gearman_task_is_known(GearmanTask $obj): bool {}

/** @alias GearmanTask::isRunning {@see GearmanTask::isRunning()} */
function gearman_task_is_running(GearmanTask $obj): bool {}

/**
 * @alias GearmanTask::taskNumerator {@see GearmanTask::taskNumerator()}
 * @return int<0, max>|false
 */
function gearman_task_numerator(GearmanTask $obj): int|false {}

/**
 * @alias GearmanTask::taskDenominator {@see GearmanTask::taskDenominator()}
 * @return int<0, max>|false
 */
function gearman_task_denominator(GearmanTask $obj): int|false {}

/** @alias GearmanTask::data {@see GearmanTask::data()} */
function gearman_task_data(GearmanTask $obj): string|false {}

/**
 * @alias GearmanTask::dataSize {@see GearmanTask::dataSize()}
 * @return int<0, max>|false
 */
function gearman_task_data_size(GearmanTask $obj): int|false {}

/**
 * @alias GearmanTask::sendWorkload {@see GearmanTask::sendWorkload()}
 * @return int<0, max>|false
 */
function gearman_task_send_workload(GearmanTask $obj, string $data): int|false {}

/**
 * @alias GearmanTask::recvData {@see GearmanTask::recvData()}
 * @return array{int<0, max>, string}|false
 */
function gearman_task_recv_data(GearmanTask $obj, int $data_len): array|false {}

// Twins of the methods of GearmanWorker.

/**
 * @alias GearmanWorker::returnCode {@see GearmanWorker::returnCode()}
 * @return int<0, 53>
 */
function gearman_worker_return_code(GearmanWorker $obj): int {}

/** @alias GearmanWorker::error {@see GearmanWorker::error()} */
function gearman_worker_error(GearmanWorker $obj): string|false {}

/** @alias GearmanWorker::getErrno {@see GearmanWorker::getErrno()} */
function gearman_worker_errno(GearmanWorker $obj): int {}

/** @alias GearmanWorker::options {@see GearmanWorker::options()} */
function gearman_worker_options(GearmanWorker $obj): int {}

/** @alias GearmanWorker::setOptions {@see GearmanWorker::setOptions()} */
function gearman_worker_set_options(GearmanWorker $obj, int $option): true {}

/** @alias GearmanWorker::addOptions {@see GearmanWorker::addOptions()} */
function gearman_worker_add_options(GearmanWorker $obj, int $option): true {}

/** @alias GearmanWorker::removeOptions {@see GearmanWorker::removeOptions()} */
function gearman_worker_remove_options(GearmanWorker $obj, int $option): true {}

/** @alias GearmanWorker::timeout {@see GearmanWorker::timeout()} */
function gearman_worker_timeout(GearmanWorker $obj): int {}

/** @alias GearmanWorker::setTimeout {@see GearmanWorker::setTimeout()} */
function gearman_worker_set_timeout(GearmanWorker $obj, int $timeout): true {}

/** @alias GearmanWorker::setId {@see GearmanWorker::setId()} */
function gearman_worker_set_id(GearmanWorker $obj, string $id): bool {}

/** @alias GearmanWorker::setSSL {@see GearmanWorker::setSSL()} */
function gearman_worker_set_ssl(GearmanWorker $obj, bool $ssl = true, ?string $ca_file = null, ?string $certificate = null, ?string $key_file = null): bool {}

/**
 * @alias GearmanWorker::addServer {@see GearmanWorker::addServer()}
 * @throws GearmanException
 */
function gearman_worker_add_server(GearmanWorker $obj, ?string $host = null, int $port = 0, bool $setupExceptionHandler = true): bool {}

/**
 * @alias GearmanWorker::addServers {@see GearmanWorker::addServers()}
 * @throws GearmanException
 */
function gearman_worker_add_servers(GearmanWorker $obj, ?string $servers = null, bool $setupExceptionHandler = true): bool {}

/** @alias GearmanWorker::getStreams {@see GearmanWorker::getStreams()} */
function gearman_worker_get_streams(GearmanWorker $obj): array {}

/** @alias GearmanWorker::poll {@see GearmanWorker::poll()} */
function gearman_worker_poll(GearmanWorker $obj): ?float {}

/** @alias GearmanWorker::wait {@see GearmanWorker::wait()} */
function gearman_worker_wait(GearmanWorker $obj): bool {}

/** @alias GearmanWorker::register {@see GearmanWorker::register()} */
function gearman_worker_register(GearmanWorker $obj, string $function_name, int $timeout = 0): bool {}

/** @alias GearmanWorker::unregister {@see GearmanWorker::unregister()} */
function gearman_worker_unregister(GearmanWorker $obj, string $function_name): bool {}

/** @alias GearmanWorker::unregisterAll {@see GearmanWorker::unregisterAll()} */
function gearman_worker_unregister_all(GearmanWorker $obj): bool {}

/** @alias GearmanWorker::grabJob {@see GearmanWorker::grabJob()} */
function gearman_worker_grab_job(GearmanWorker $obj): GearmanJob|false {}

/**
 * @alias GearmanWorker::addFunction {@see GearmanWorker::addFunction()}
 * @param callable(GearmanJob, mixed): mixed $function
 */
function gearman_worker_add_function(GearmanWorker $obj, string $function_name, callable $function, mixed $context = null, int $timeout = 0): bool {}

/** @alias GearmanWorker::work {@see GearmanWorker::work()} */
function gearman_worker_work(GearmanWorker $obj): bool {}

/** @alias GearmanWorker::ping {@see GearmanWorker::ping()} */
function gearman_worker_ping(GearmanWorker $obj, string $data): bool {}

/**
 * @alias GearmanWorker::enableExceptionHandler {@see GearmanWorker::enableExceptionHandler()}
 * @throws GearmanException
 */
function gearman_worker_enable_exception_handler(GearmanWorker $obj): bool {}

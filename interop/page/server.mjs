// The job server under test, its workers and its clients: real programs, ended with this one.

import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { becomes } from './checks.mjs';

const run = promisify(execFile);
const { GEARMAND, GEARMAN, MODULE, PHP, SCRATCH } = process.env;

const children = new Set();
process.on('exit', () => children.forEach(child => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => process.exit(1));
}
process.stdout.on('error', () => process.exit(1)); // nobody reads it any more

/** Starts a program whose output goes where lib.sh shows it after a failure. */
function background(program, ...args) {
    const log = openSync(`${SCRATCH}/log`, 'a');
    const child = spawn(program, args.map(String), { stdio: ['ignore', log, log] });
    closeSync(log);
    child.ended = new Promise(resolve => child.on('exit', resolve));
    children.add(child);
    child.ended.then(() => children.delete(child));
    return child;
}

/** Ends a child, and waits until it is gone. */
export async function end(child, signal = 'SIGTERM') {
    child.kill(signal);
    await child.ended;
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
function freePort() {
    return new Promise((resolve, reject) => {
        const socket = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
            const { port } = socket.address();
            socket.close(() => resolve(port));
        });
    });
}

export class Server {
    constructor(...options) {
        this.options = options;
        this.http = 0;
        this.starts = 0;
    }

    /** Starts it; once more, on the ports it had before. */
    async start() {
        this.port ??= await freePort();
        const log = `${SCRATCH}/gearmand-page-${++this.starts}.log`;
        this.process = background(
            GEARMAND, '-p', this.port, '-L', '127.0.0.1', '-l', log, '-P', `${SCRATCH}/gearmand-page.pid`,
            '--http-listen', `127.0.0.1:${this.http}`, ...this.options,
        );
        let said;
        await becomes(true, () => {
            if (this.process.exitCode !== null) {
                throw new Error(`gearmand ended with ${this.process.exitCode}`);
            }
            said = listening(log);
            return said !== undefined;
        });
        this.http = said;
        this.origin = `http://127.0.0.1:${said}`;
    }

    async kill() {
        await end(this.process, 'SIGKILL');
    }

    /** A worker of the tool's that runs a command for each job. */
    worker(functions, ...command) {
        return background(GEARMAN, '-h', '127.0.0.1', '-p', this.port, '-w', ...functions.flatMap(name => ['-f', name]), '--', ...command);
    }

    /** A worker of PHP's: see worker.php. */
    php(functionName, ...args) {
        return background(PHP, '-n', '-d', `extension=${MODULE}`, 'interop/page/worker.php', this.port, functionName, ...args);
    }

    /** Background jobs, one for each workload. */
    async submit(functionName, ...workloads) {
        for (const workload of workloads) {
            await run(GEARMAN, ['-h', '127.0.0.1', '-p', String(this.port), '-b', '-f', functionName, workload]);
        }
    }
}

/** The port of HTTP, once the log tells it. */
function listening(log) {
    try {
        return Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(log, 'utf8'))?.[1]) || undefined;
    } catch {
        return undefined;
    }
}

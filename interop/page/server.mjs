// The job server under test, its workers and its clients: real programs, ended with this one.

import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
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

let servers = 0;

export class Server {
    constructor(...options) {
        this.options = options;
        this.number = ++servers;
        this.starts = 0;
        this.port = this.http = 0; // free ones
    }

    /** Starts it; once more, on the ports it had before. */
    async start() {
        const files = `${SCRATCH}/page-${this.number}-${++this.starts}`;
        this.process = background(
            GEARMAND, '-p', this.port, '-L', '127.0.0.1', '--http-listen', `127.0.0.1:${this.http}`,
            '--verbose', 'NOTICE', '-l', `${files}.log`, '-P', `${files}.pid`, ...this.options,
        );
        await becomes(true, () => {
            if (this.process.exitCode !== null) {
                throw new Error(`gearmand ended with ${this.process.exitCode}`);
            }
            const log = existsSync(`${files}.log`) ? readFileSync(`${files}.log`, 'utf8') : '';
            const ports = [/listening on 127\.0\.0\.1:(\d+)/, /HTTP at http:\/\/127\.0\.0\.1:(\d+)/].map(said => Number(said.exec(log)?.[1]));
            [this.port, this.http] = ports;
            return ports.every(port => port > 0);
        });
        this.origin = `http://127.0.0.1:${this.http}`;
    }

    async kill() {
        await end(this.process, 'SIGKILL');
    }

    /** A worker of the tool's that runs a command for each job. */
    worker(functions, ...command) {
        return background(GEARMAN, '-h', '127.0.0.1', '-p', this.port, '-w', ...functions.flatMap(name => ['-f', name]), '--', ...command);
    }

    /** A program in PHP of this folder, which is told the port before all else. */
    php(script, ...args) {
        return background(PHP, '-n', '-d', `extension=${MODULE}`, `interop/page/${script}`, this.port, ...args);
    }

    /** Background jobs, one for each workload. */
    async submit(functionName, ...workloads) {
        for (const workload of workloads) {
            await run(GEARMAN, ['-h', '127.0.0.1', '-p', String(this.port), '-b', '-f', functionName, workload]);
        }
    }

    /** A background job; its handle. */
    async queue(functionName, token) {
        const response = await fetch(`${this.origin}/api/v1/functions/${functionName}/jobs`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            body: '{"background":true}',
        });
        return (await response.json()).handle;
    }

    /** As many watch as may. Gives what lets them go. */
    async crowd(token) {
        const all = [];
        const watch = () => new Promise((resolve, reject) => {
            const options = { headers: { authorization: `Bearer ${token}` } };
            const request = get(`${this.origin}/api/v1/events`, options, response => resolve(response.resume().statusCode));
            all.push(request.on('error', reject));
        });
        while (await watch() === 200);
        return () => all.forEach(request => request.destroy());
    }

    /** What the API says, which is not what is tested here: what the page did is seen by it. */
    async api(path, token) {
        const response = await fetch(`${this.origin}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
        if (!response.ok) {
            throw new Error(`${path}: ${response.status} ${await response.text()}`);
        }
        return response.json();
    }
}

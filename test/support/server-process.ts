// The real server in a process of its own, to be killed at any moment and started again on the same directory; and a
// client that does what any client does then: it asks again, with the same Idempotency-Key, until it has an answer.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Client, clientOf, type Reply, type RequestOptions, sender } from './world.ts';

const serverFile = fileURLToPath(new URL('../../functions/server.ts', import.meta.url));

export class ServerProcess implements AsyncDisposable {
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #origin = Promise.resolve('');
  #tokens = new Map<string, string>();
  /** Everything the processes said, for a failing test to show. */
  output = '';
  kills = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Starts the server, and resolves when it listens. */
  start(): Promise<string> {
    const child = spawn(process.execPath, [serverFile, '--port', '0', '--data', this.#directory, '--empty'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr!.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.#origin = new Promise((resolve, reject) => {
      let text = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const origin = /listening on (http:\S+)\n/.exec(text)?.[1];
        if (origin) resolve(origin);
      });
      child.once('exit', (code, signal) =>
        reject(new Error(`the server ended: ${code ?? signal}\n${this.output}`)),
      );
    });
    this.#origin.catch(() => {});
    return this.#origin;
  }

  /** Ends the process as a power cut would, wherever it is, and starts another one. */
  async killAndRestart(): Promise<void> {
    const child = this.#child!;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    this.kills++;
    await this.start();
  }

  /** Someone who speaks to whatever process runs now, and repeats a request that was cut off. */
  async client(user: string, manager = false): Promise<Client> {
    return clientOf(user, (method, path, options) => this.#ask(user, manager, method, path, options));
  }

  async #ask(
    user: string,
    manager: boolean,
    method: string,
    path: string,
    options?: RequestOptions,
  ): Promise<Reply> {
    for (;;) {
      const origin = await this.#origin;
      try {
        // A signed URL names the process that signed it.
        const here = path.startsWith('http') ? new URL(path).pathname + new URL(path).search : path;
        return await sender(origin, await this.#token(origin, user, manager))(method, here, options);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async #token(origin: string, user: string, manager: boolean): Promise<string> {
    const known = this.#tokens.get(user);
    if (known) return known;
    const reply = await sender(origin)('POST', '/v1/dev/tokens', { json: { user, manager } });
    this.#tokens.set(user, reply.body.token);
    return reply.body.token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}

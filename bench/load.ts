// The clients, on a worker thread: each has a connection of its own and sends its next request when the last is answered.

import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { inParallel } from '../core/ops/retry.ts';

export interface Shot {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body?: string;
  readonly mediaType?: string;
}

export interface LoadResult {
  readonly ms: number;
  /** The processor time of this thread. */
  readonly cpuMs: number;
  /** How many answers had each status. */
  readonly statuses: Readonly<Record<number, number>>;
  /** Milliseconds in which that share of the requests was answered. */
  readonly half: number;
  readonly ninetyNine: number;
}

interface Load {
  readonly port: number;
  readonly shots: readonly Shot[];
  readonly clients: number;
}

async function fire({ port, shots, clients }: Load): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const statuses: Record<number, number> = {};
  const times: number[] = [];
  const began = performance.now();
  const cpu = process.threadCpuUsage();
  await inParallel(shots, clients, async ({ method, path, token, body, mediaType = 'text/plain' }) => {
    const sent = performance.now();
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': mediaType };
      const asked = request({ agent, port, host: '127.0.0.1', method, path, headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode!));
      });
      asked.on('error', reject).end(body);
    });
    times.push(performance.now() - sent);
    statuses[status] = (statuses[status] ?? 0) + 1;
  });
  const ms = performance.now() - began;
  const { user, system } = process.threadCpuUsage(cpu);
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { ms, cpuMs: (user + system) / 1_000, statuses, half: at(0.5), ninetyNine: at(0.99) };
}

parentPort?.postMessage(await fire(workerData as Load));

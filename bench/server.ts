// The HTTP API over a bench's ports, and clients on a thread of their own, so that server and clients have a core each.

import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { developmentIssuer } from '../adapters/local/issuer.ts';
import { httpHandler } from '../functions/http/handler.ts';
import { localServer } from '../functions/http/local-server.ts';
import { router } from '../functions/http/router.ts';
import { endpoints } from '../functions/routes.ts';
import type { Bench } from './harness.ts';
import type { LoadResult, Shot } from './load.ts';

export interface BenchServer extends Disposable {
  token(user: string): Promise<string>;
  /** Sends all shots, so many at a time. */
  fire(shots: readonly Shot[], clients: number): Promise<LoadResult>;
}

export async function openServer({ backend, ports }: Bench): Promise<BenchServer> {
  const issuer = developmentIssuer(backend.secret);
  const server = localServer({
    route: router(endpoints),
    handler: httpHandler(endpoints, ports),
    issuer,
    signed: backend,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    token: (user) => issuer.issue(user, false),
    fire: (shots, clients) =>
      new Promise((resolve, reject) => {
        const worker = new Worker(new URL('load.ts', import.meta.url), {
          workerData: { port, shots, clients },
        });
        worker.once('message', resolve);
        worker.once('error', reject);
      }),
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

// The storage of one machine in a directory, opened the way a process opens it, and a server of its signed URLs.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalBlobs } from '../../adapters/local/blobs.ts';
import { Database } from '../../adapters/local/database.ts';
import { LocalPages } from '../../adapters/local/pages.ts';
import { LocalRecords } from '../../adapters/local/records.ts';
import { serveSigned } from '../../adapters/local/signed-server.ts';
import { SignedUrls } from '../../adapters/local/signed-urls.ts';
import { AppError } from '../../core/errors.ts';

const secret = Buffer.from('the same for all who open a directory');

export interface LocalStore extends AsyncDisposable {
  readonly database: Database;
  readonly records: LocalRecords;
  readonly pages: LocalPages;
  readonly urls: SignedUrls;
  readonly blobs: LocalBlobs;
}

/** A directory that is removed afterwards. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'handout-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

export function openLocalStore(directory: string): LocalStore {
  const database = new Database(join(directory, 'handout.db'));
  const urls = new SignedUrls(secret, Date.now);
  return {
    database,
    records: new LocalRecords(database),
    pages: new LocalPages(database),
    urls,
    blobs: new LocalBlobs(directory, database, urls),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** Answers the signed URLs of a store; whatever is refused is a 400. Closing it throws what went wrong otherwise. */
export async function serveLocalStore({
  blobs,
  urls,
}: LocalStore): Promise<{ origin: string } & AsyncDisposable> {
  const faults: unknown[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      await serveSigned(blobs, urls, request, response);
    } catch (error) {
      request.resume();
      if (response.headersSent) response.destroy();
      else response.writeHead(error instanceof AppError ? 400 : 500).end(String(error));
      if (!(error instanceof AppError)) faults.push(error);
    }
  };
  const answers: Promise<void>[] = [];
  const server = createServer((request, response) => void answers.push(answer(request, response)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), 'close');
      await Promise.all(answers);
      if (faults.length > 0) throw new AggregateError(faults, 'Signed URLs were not served.');
    },
  };
}

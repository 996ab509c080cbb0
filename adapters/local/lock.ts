// One process per directory: two servers over the same files would run the same workflows. The lock is an exclusive
// transaction on a small SQLite file of its own; the operating system frees it when the process ends, however it ends.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export function lockDirectory(directory: string): Disposable {
  const handle = new DatabaseSync(join(directory, 'lock.db'));
  try {
    handle.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (cause) {
    handle.close();
    throw new Error(`Another process is using ${directory}.`, { cause });
  }
  return { [Symbol.dispose]: () => handle.close() };
}

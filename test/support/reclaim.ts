// Reclaims as tests ask for them, and whether bytes are still stored.

import { type Client, sha256, type World } from './world.ts';

/** Runs a reclaim to its end. */
export async function reclaim(manager: Client, wanted: object = {}) {
  const asked = await manager.post('/v1/reclaims', wanted);
  if (asked.status !== 202) throw new Error(`${asked.status} ${asked.text}`);
  for (let etag = ''; ; ) {
    const reply = await manager.get(`/v1/reclaims/${asked.body.id}?wait=20`, { 'if-none-match': etag });
    etag = reply.headers.get('etag')!;
    if (reply.status === 200 && ['completed', 'failed'].includes(reply.body.status)) return reply.body;
  }
}

/** Whether the bytes are stored, whoever may read them. */
export async function isStoredIn(world: World, text: string): Promise<boolean> {
  const hash = sha256(text);
  const before = (BigInt(`0x${hash}`) - 1n).toString(16).padStart(64, '0');
  return (await world.backend.ports.blobs.list(before, 1)).some((ref) => ref.sha256 === hash);
}

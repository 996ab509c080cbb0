// `?wait=` with `If-None-Match`: an HTTP API cannot stream, so a client asks again and is answered once something moved.

import { digestOf } from '../../core/tree/digest.ts';
import { type Answer, ok } from './endpoint.ts';
import { quoted } from './schemas.ts';

const longestWaitSeconds = 20;
const pollMs = 150;

/** Answers when what `look` sees differs from what the caller has, or 304 when the time is over. */
export async function whenMoved(
  look: () => Promise<unknown>,
  known: string | undefined,
  waitSeconds = 0,
): Promise<Answer> {
  const until = performance.now() + Math.min(waitSeconds, longestWaitSeconds) * 1_000;
  for (;;) {
    const view = await look();
    const etag = quoted(digestOf(JSON.stringify(view)));
    if (etag !== known) return ok(view, { etag });
    if (performance.now() >= until) return { status: 304, headers: { etag } };
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

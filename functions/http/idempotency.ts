// `Idempotency-Key`: the same key and body give the same answer. The first try claims the key before it does anything;
// a repeat makes the same ids again, so that what a cut-off try did is found and not done twice.

import { AppError, badInput, isCode } from '../../core/errors.ts';
import type { Actor } from '../../core/model/access.ts';
import { keys } from '../../core/model/keys.ts';
import { type Call, newCall, seededCall } from '../../core/ops/call.ts';
import type { Ports, RecordKey } from '../../core/ports.ts';
import { digestOf } from '../../core/tree/digest.ts';
import type { Answer } from './endpoint.ts';

interface Claim {
  readonly request: string;
  readonly at: number;
  readonly answer?: Answer;
}

const lifeMs = 24 * 60 * 60 * 1_000;
const maxKeyLength = 200;
/** Larger answers are made anew by a repeat. */
const maxStoredAnswer = 300_000;

export async function withIdempotency(
  ports: Ports,
  actor: Actor,
  idempotencyKey: string | undefined,
  request: { readonly route: string; readonly params: unknown; readonly bytes: Uint8Array },
  run: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  if (idempotencyKey === undefined) return run(newCall(ports, actor));
  if (idempotencyKey === '' || idempotencyKey.length > maxKeyLength)
    throw badInput('Idempotency-Key', `The key has 1 to ${maxKeyLength} characters.`);
  const key = keys.request(actor.user, idempotencyKey);
  const { claim, repeats } = await claimKey(
    ports,
    key,
    digestOf([request.route, request.params, request.bytes]),
  );
  if (claim.answer) return claim.answer;
  const seed = `${actor.user} ${idempotencyKey} ${claim.at}`;
  const answer = await run(seededCall(ports, actor, seed, claim.at, repeats));
  if (JSON.stringify(answer).length <= maxStoredAnswer)
    await ports.records.write([{ put: key, value: { ...claim, answer } satisfies Claim }]);
  return answer;
}

async function claimKey(
  ports: Ports,
  key: RecordKey,
  request: string,
): Promise<{ claim: Claim; repeats: boolean }> {
  const now = ports.now();
  const before = await ports.records.get<Claim>(key);
  if (before && before.value.at + lifeMs > now) {
    if (before.value.request !== request)
      throw new AppError('key-reused', 'Use a new Idempotency-Key for another request.');
    return { claim: before.value, repeats: true };
  }
  const claim: Claim = { request, at: now };
  try {
    await ports.records.write([
      { put: key, value: claim, if: before ? { revision: before.revision } : 'absent' },
    ]);
  } catch (error) {
    if (isCode(error, 'conflict')) return claimKey(ports, key, request);
    throw error;
  }
  return { claim, repeats: false };
}

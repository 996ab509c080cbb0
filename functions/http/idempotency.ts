// `Idempotency-Key`: the same key and body give the same answer. The first try claims the key before it does anything;
// a repeat makes the same ids again, so that what a cut-off try did is found and not done twice.

import { AppError, badInput, isCode } from '../../core/errors.ts';
import type { Actor } from '../../core/model/access.ts';
import type { Part } from '../../core/model/entry.ts';
import { keys } from '../../core/model/keys.ts';
import { readPart, storeBlob } from '../../core/ops/blobs.ts';
import { type Call, seededCall } from '../../core/ops/call.ts';
import { untilSettled } from '../../core/ops/retry.ts';
import type { Ports, RecordKey } from '../../core/ports.ts';
import { digestOf } from '../../core/tree/digest.ts';
import type { Answer } from './endpoint.ts';

interface Claim {
  readonly request: string;
  readonly at: number;
  readonly answer?: Answer;
  /** Where the answer is when a record cannot hold it. Reclaim's grace is longer than a claim lives. */
  readonly answerAt?: Part;
}

const lifeMs = 24 * 60 * 60 * 1_000;
const maxKeyLength = 200;
const maxAnswerInRecord = 300_000;

export async function withIdempotency(
  ports: Ports,
  actor: Actor,
  idempotencyKey: string,
  request: { readonly route: string; readonly params: unknown; readonly bytes: Uint8Array },
  run: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  if (idempotencyKey === '' || idempotencyKey.length > maxKeyLength)
    throw badInput('Idempotency-Key', `The key has 1 to ${maxKeyLength} characters.`);
  const key = keys.request(actor.user, idempotencyKey);
  const claim = await claimKey(ports, key, digestOf([request.route, request.params, request.bytes]));
  const known = await answerOf(ports, claim);
  if (known) return known;
  const seed = `${actor.user} ${idempotencyKey} ${claim.at}`;
  return settle(ports, key, await run(seededCall(ports, actor, seed, claim.at)));
}

async function answerOf(ports: Ports, { answer, answerAt }: Claim): Promise<Answer | undefined> {
  if (!answerAt) return answer;
  return JSON.parse(new TextDecoder().decode(await readPart(ports, answerAt))) as Answer;
}

/** Keeps the answer of a claim. Of two tries at the same time the first to come here answers for both. */
async function settle(ports: Ports, key: RecordKey, answer: Answer): Promise<Answer> {
  const bytes = new TextEncoder().encode(JSON.stringify(answer));
  const kept = bytes.length <= maxAnswerInRecord ? { answer } : { answerAt: await storeBlob(ports, bytes) };
  return untilSettled(async () => {
    const { value: claim, revision } = (await ports.records.get<Claim>(key))!;
    const first = await answerOf(ports, claim);
    if (first) return first;
    await ports.records.write([{ put: key, value: { ...claim, ...kept } satisfies Claim, if: { revision } }]);
    return answer;
  });
}

async function claimKey(ports: Ports, key: RecordKey, request: string): Promise<Claim> {
  const now = ports.now();
  const before = await ports.records.get<Claim>(key);
  if (before && before.value.at + lifeMs > now) {
    if (before.value.request !== request)
      throw new AppError('key-reused', 'Use a new Idempotency-Key for another request.');
    return before.value;
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
  return claim;
}

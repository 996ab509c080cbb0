// Records in one DynamoDB table: keys `partition` and `sort`, the value as JSON text. Text, because a native map would
// not give back every JSON value (empty member names, numbers below 1e-130) and costs more time than it saves bytes.
// Every write bears a revision made here. By it a put whose answer was lost is recognised when the next try finds the
// condition broken; batches are recognised by DynamoDB itself, by their `ClientRequestToken`.
// One put, or one delete without a condition, is a plain write at half the price of a transaction.

import { randomBytes, randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  BatchGetItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { AppError } from '../../core/errors.ts';
import { inParallel } from '../../core/ops/retry.ts';
import type {
  Condition,
  RecordKey,
  RecordQuery,
  Records,
  RecordWrite,
  StoredRecord,
} from '../../core/ports.ts';
import { asAwsError, chunksOf, reasonsOf, retrying, untilTaken } from './retry.ts';

type Item = Record<string, AttributeValue>;
type Put = Extract<RecordWrite, { put: RecordKey }>;

const maxBatch = 100;
const maxKeysOfOneRead = 100;
const readsAtOnce = 4;

/** DynamoDB refuses longer keys, and empty ones: no record has them. */
const longest = { partition: 2_048, sort: 1_024 };
const isPossible = (key: RecordKey): boolean =>
  (['partition', 'sort'] as const).every((name) => {
    const bytes = Buffer.byteLength(key[name]);
    return bytes > 0 && bytes <= longest[name];
  });

const keyOf = ({ partition, sort }: RecordKey): Item => ({ partition: { S: partition }, sort: { S: sort } });

const itemOf = ({ put, value }: Put, revision: string): Item => ({
  ...keyOf(put),
  revision: { S: revision },
  value: { S: JSON.stringify(value) },
});

const recordOf = <T>({ partition, sort, revision, value }: Item): StoredRecord<T> => ({
  partition: partition!.S!,
  sort: sort!.S!,
  revision: revision!.S!,
  value: JSON.parse(value!.S!) as T,
});

/** A condition as DynamoDB has it: an expression and what its names and values stand for. */
function conditionOf(condition: Condition) {
  if (condition === 'absent') return present('attribute_not_exists(#partition)');
  if (condition === 'present') return present('attribute_exists(#partition)');
  return {
    ConditionExpression: '#revision = :revision',
    ExpressionAttributeNames: { '#revision': 'revision' },
    ExpressionAttributeValues: { ':revision': { S: condition.revision } },
  };
}

const present = (ConditionExpression: string) => ({
  ConditionExpression,
  ExpressionAttributeNames: { '#partition': 'partition' },
});

const ifAny = (condition: Condition | undefined) => (condition === undefined ? {} : conditionOf(condition));

const addressOf = (write: RecordWrite): RecordKey =>
  'put' in write ? write.put : 'delete' in write ? write.delete : write.check;

/** Throws what a refusal of DynamoDB means; anything unknown as it is. */
function refuse(error: unknown, writes: readonly RecordWrite[]): never {
  const { name, message = '', CancellationReasons = [] } = asAwsError(error);
  const failed = reasonsOf(error).indexOf('ConditionalCheckFailed');
  const blamed = name === 'ConditionalCheckFailedException' ? writes[0] : writes[failed];
  if (blamed) {
    const { partition, sort } = addressOf(blamed);
    throw new AppError('conflict', `The record ${partition} ${sort} is not as expected.`, { cause: error });
  }
  const texts = [message, ...CancellationReasons.map(({ Message = '' }) => Message)];
  if (!texts.some((text) => /\bsize\b/i.test(text))) throw error;
  const detail = 'That is more than one record or one batch of records holds.';
  throw new AppError('too-large', detail, { cause: error });
}

const unclear = (cause: unknown): AppError =>
  new AppError('busy', 'The answer to a write was lost, and others wrote since; look again.', { cause });

export class AwsRecords implements Records {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined> {
    if (!isPossible(key)) return undefined;
    const command = new GetItemCommand({ TableName: this.#table, Key: keyOf(key), ConsistentRead: true });
    const { Item: item } = await retrying(() => this.#client.send(command));
    return item && recordOf<T>(item);
  }

  async getMany<T>(keys: readonly RecordKey[]): Promise<StoredRecord<T>[]> {
    const possible = keys.filter(isPossible);
    const different = new Map(possible.map((key) => [JSON.stringify([key.partition, key.sort]), keyOf(key)]));
    const found: StoredRecord<T>[] = [];
    await inParallel(chunksOf([...different.values()], maxKeysOfOneRead), readsAtOnce, (chunk) =>
      untilTaken(chunk, async (Keys) => {
        const RequestItems = { [this.#table]: { Keys: [...Keys], ConsistentRead: true } };
        const answer = await this.#client.send(new BatchGetItemCommand({ RequestItems }));
        for (const item of answer.Responses?.[this.#table] ?? []) found.push(recordOf<T>(item));
        return answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
      }),
    );
    return found;
  }

  async query<T>(query: RecordQuery): Promise<StoredRecord<T>[]> {
    const { partition, prefix, reverse = false, limit = 1_000 } = query;
    const start = startOf(query);
    if (start === 'nothing') return [];
    const found: StoredRecord<T>[] = [];
    for (let from = start; found.length < limit; ) {
      const command = new QueryCommand({
        TableName: this.#table,
        ConsistentRead: true,
        ScanIndexForward: !reverse,
        Limit: limit - found.length,
        KeyConditionExpression: `#partition = :partition${prefix === '' ? '' : ' AND begins_with(#sort, :prefix)'}`,
        ExpressionAttributeNames: { '#partition': 'partition', ...(prefix !== '' && { '#sort': 'sort' }) },
        ExpressionAttributeValues: {
          ':partition': { S: partition },
          ...(prefix !== '' && { ':prefix': { S: prefix } }),
        },
        ...(from && { ExclusiveStartKey: from }),
      });
      const { Items = [], LastEvaluatedKey } = await retrying(() => this.#client.send(command));
      for (const item of Items) found.push(recordOf<T>(item));
      if (!LastEvaluatedKey) break;
      from = LastEvaluatedKey;
    }
    return found;
  }

  async write(batch: readonly RecordWrite[]): Promise<void> {
    if (batch.length > maxBatch)
      throw new Error(`a batch of ${batch.length} writes; the limit is ${maxBatch}`);
    const [first, second] = batch;
    if (!first) return;
    if (!batch.map(addressOf).every(isPossible))
      throw new AppError('too-large', 'That name is too long to be kept.');
    if (second || 'check' in first) await this.#transact(batch);
    else if ('put' in first) await this.#put(first);
    else if (first.if === undefined) await this.#delete(first.delete);
    else await this.#transact(batch);
  }

  /** A put may be sent twice, as the second finds the revision of the first. */
  async #put(write: Put): Promise<void> {
    const revision = newRevision();
    const command = new PutItemCommand({
      TableName: this.#table,
      Item: itemOf(write, revision),
      ...ifAny(write.if),
      ...(write.if !== undefined && { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }),
    });
    await retrying(async (unsure) => {
      try {
        await this.#client.send(command);
      } catch (error) {
        if (!unsure || asAwsError(error).name !== 'ConditionalCheckFailedException') throw error;
        const there = (error as { Item?: Item }).Item;
        if (there?.revision?.S !== revision) throw unclear(error);
      }
    }).catch((error) => refuse(error, [write]));
  }

  async #delete(key: RecordKey): Promise<void> {
    const command = new DeleteItemCommand({ TableName: this.#table, Key: keyOf(key) });
    await retrying(() => this.#client.send(command));
  }

  async #transact(batch: readonly RecordWrite[]): Promise<void> {
    const revision = newRevision();
    const command = new TransactWriteItemsCommand({
      TransactItems: batch.map((write) => this.#transactionItem(write, revision)),
      ClientRequestToken: randomUUID(),
    });
    await retrying(() => this.#client.send(command)).catch((error) => refuse(error, batch));
  }

  #transactionItem(write: RecordWrite, revision: string): TransactWriteItem {
    const TableName = this.#table;
    if ('put' in write) return { Put: { TableName, Item: itemOf(write, revision), ...ifAny(write.if) } };
    if ('delete' in write) return { Delete: { TableName, Key: keyOf(write.delete), ...ifAny(write.if) } };
    return { ConditionCheck: { TableName, Key: keyOf(write.check), ...conditionOf(write.if) } };
  }
}

const newRevision = (): string => randomBytes(12).toString('base64url');

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * Where a query starts: after a key, at the beginning, or nowhere. DynamoDB refuses a start key outside of the prefix, so
 * what lies before it is dropped, and what lies behind it leaves nothing to find.
 */
function startOf({ partition, prefix, after, reverse = false }: RecordQuery): Item | undefined | 'nothing' {
  if (!isPossible({ partition, sort: prefix || '-' })) return 'nothing';
  if (after === undefined) return undefined;
  if (after !== '' && after.startsWith(prefix))
    return isPossible({ partition, sort: after }) ? keyOf({ partition, sort: after }) : 'nothing';
  const before = after === '' || compare(after, prefix) < 0;
  return before === reverse ? 'nothing' : undefined;
}

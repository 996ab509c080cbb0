// Walking through more records than one query answers.

import type { RecordQuery, Records, StoredRecord } from '../ports.ts';

const pageSize = 500;

/** Every record of a query, page by page. */
export async function* eachRecord<T>(
  records: Records,
  query: Omit<RecordQuery, 'limit'>,
): AsyncGenerator<StoredRecord<T>> {
  let { after } = query;
  for (;;) {
    const page = await records.query<T>({ ...query, limit: pageSize, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)!.sort;
  }
}

/** The values of the first `limit` records of a query that are wanted. */
export async function firstValues<T>(
  records: Records,
  query: Omit<RecordQuery, 'limit' | 'after'>,
  after: string | undefined,
  limit: number,
  wanted: (value: T) => boolean = () => true,
): Promise<T[]> {
  const found: T[] = [];
  const from = after === undefined ? {} : { after: query.prefix + after };
  for await (const { value } of eachRecord<T>(records, { ...query, ...from })) {
    if (wanted(value)) found.push(value);
    if (found.length >= limit) break;
  }
  return found;
}

// The text formats are UTF-8, with or without a byte order mark. Bytes that are not are refused with their line, never
// replaced: a wrong letter that nobody sees is worse than an error.

import { isUtf8 } from 'node:buffer';
import { badTable } from './bad-table.ts';

const lineFeed = 0x0a;

export function checkUtf8(bytes: Uint8Array): void {
  if (isUtf8(bytes)) return;
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    const next = bytes.indexOf(lineFeed, start);
    const end = next < 0 ? bytes.length : next;
    if (!isUtf8(bytes.subarray(start, end)))
      throw badTable('This is not UTF-8 text. Save the file as UTF-8 and send it again.', `line ${line}`);
    start = end + 1;
  }
}

// The decompressors for Parquet pages, ours and foreign. A page of nulls alone has no values; what its codec makes of
// nothing differs, and not every decoder takes it back (an LZ4 block of one zero byte is "out of range").

import type { Compressors } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export const codecs: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, unfold]) => [
    codec,
    (input: Uint8Array, size: number) => (size === 0 ? new Uint8Array() : unfold(input, size)),
  ]),
);

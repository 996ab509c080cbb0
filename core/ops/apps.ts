// Applications: image, command, resources, packages and configuration, complete enough that another host could run them.

import type { AppEntry, Part } from '../model/entry.ts';
import { toKey } from '../model/path.ts';
import type { Ports } from '../ports.ts';
import { readPart, storeBlob } from './blobs.ts';
import type { Call } from './call.ts';
import { type SavedVersion, save, savedVersion } from './save.ts';

/** Configuration up to this size lives in the tree, above it in a blob. */
const inlineConfigBytes = 4 * 1024;

export interface App {
  readonly image: string;
  readonly command?: readonly string[] | undefined;
  readonly resources?: Readonly<Record<string, number>> | undefined;
  /** The text of a lock file. */
  readonly packages?: string | undefined;
  readonly config?: unknown;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

export async function putApp(
  call: Call,
  instance: string,
  name: string,
  app: App,
  ifMatch?: string,
): Promise<SavedVersion> {
  const entry = await packApp(call.ports, app);
  const saved = await save(call, instance, { ifMatch }, async () => [{ key: toKey('app', name), entry }]);
  return savedVersion(saved);
}

async function packApp(ports: Ports, app: App): Promise<AppEntry> {
  const config = app.config === undefined ? undefined : JSON.stringify(app.config);
  const configBytes = config === undefined ? undefined : utf8.encode(config);
  const large = configBytes && configBytes.length > inlineConfigBytes;
  return {
    kind: 'app',
    image: app.image,
    command: app.command ?? [],
    resources: app.resources ?? {},
    ...(app.packages !== undefined && { packages: await storeBlob(ports, utf8.encode(app.packages)) }),
    ...(config !== undefined && { config: large ? await storeBlob(ports, configBytes) : config }),
  };
}

/** The application as it was put. */
export async function unpackApp(ports: Ports, entry: AppEntry): Promise<App> {
  const read = async (part: Part) => text.decode(await readPart(ports, part));
  const config = typeof entry.config === 'object' ? await read(entry.config) : entry.config;
  return {
    image: entry.image,
    command: entry.command,
    resources: entry.resources,
    ...(entry.packages && { packages: await read(entry.packages) }),
    ...(config !== undefined && { config: JSON.parse(config) as unknown }),
  };
}

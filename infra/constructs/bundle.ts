// Lambda code: one entry file and all it imports as one minified ES module, by esbuild, here and now (no Docker). The AWS
// SDK is bundled too (docs/decisions/0011). `test/stacks.test.ts` builds with the same options and weighs the result.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { type BuildOptions, buildSync, type OutputFile } from 'esbuild';

const top = join(import.meta.dirname, '..', '..');

/** `entry` is a path below the repository's top. */
export const bundleOptions = (entry: string) =>
  ({
    absWorkingDir: top,
    entryPoints: { index: entry },
    outdir: join(top, 'cdk.out', 'bundle'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    // Packages that are CommonJS inside still ask for Node's own modules by `require`.
    // A Lambda's credentials are in its environment: the other ways to find some are 100 KB that would never run.
    alias: { '@aws-sdk/credential-provider-node': './adapters/aws/lambda-credentials.ts' },
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'warning',
  }) satisfies BuildOptions;

interface Bundle {
  readonly files: readonly OutputFile[];
  readonly hash: string;
}

const bundles = new Map<string, Bundle>();

function bundleOf(entry: string): Bundle {
  const known = bundles.get(entry);
  if (known) return known;
  const { outputFiles: files } = buildSync({ ...bundleOptions(entry), write: false });
  const hash = createHash('sha256');
  for (const { path, contents } of files) hash.update(basename(path)).update(contents);
  const bundle = { files, hash: hash.digest('hex') };
  bundles.set(entry, bundle);
  return bundle;
}

/** The code of an entry, built once. Tenants share it: what they differ in is in the environment. */
export function codeOf(entry: string): Code {
  const { files, hash } = bundleOf(entry);
  return Code.fromAsset(top, {
    assetHash: hash,
    bundling: {
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(directory) {
          for (const { path, contents } of files) writeFileSync(join(directory, basename(path)), contents);
          return true;
        },
      },
    },
  });
}

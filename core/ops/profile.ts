// Who the actor is: the roles in spaces and instances.

import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Instance, InstanceRole, Space, SpaceRole } from '../model/space.ts';
import type { Ports, StoredRecord } from '../ports.ts';
import type { RoleRecord } from './access.ts';
import type { Call } from './call.ts';

export interface Profile {
  readonly user: string;
  readonly manager: boolean;
  readonly spaces: readonly { readonly spaceId: string; readonly role: SpaceRole }[];
  readonly instances: readonly {
    readonly instanceId: string;
    readonly spaceId: string;
    readonly role: InstanceRole;
  }[];
}

export async function profileOf({ ports, actor }: Call): Promise<Profile> {
  const partition = partitions.user(actor.user);
  const [spaces, instances] = await Promise.all([
    ports.records.query<{ role: SpaceRole }>({ partition, prefix: prefixes.space }),
    ports.records.query<RoleRecord>({ partition, prefix: prefixes.instance }),
  ]);
  const held = {
    spaces: spaces.map(({ sort, value }) => ({
      spaceId: sort.slice(prefixes.space.length),
      role: value.role,
    })),
    instances: instances.map(({ sort, value }) => ({
      instanceId: sort.slice(prefixes.instance.length),
      spaceId: value.spaceId,
      role: value.role,
    })),
  };
  const { spaceIds, instanceIds } = await deletedAmong(ports, held);
  return {
    ...actor,
    spaces: held.spaces.filter(({ spaceId }) => !spaceIds.has(spaceId)),
    instances: held.instances.filter(
      ({ instanceId, spaceId }) => !instanceIds.has(instanceId) && !spaceIds.has(spaceId),
    ),
  };
}

/** Roles outlast what was deleted, for it may come back. */
async function deletedAmong(
  { records }: Ports,
  { spaces, instances }: Pick<Profile, 'spaces' | 'instances'>,
) {
  const spaceKeys = [...spaces, ...instances].map(({ spaceId }) => keys.space(spaceId));
  const instanceKeys = instances.map(({ instanceId }) => keys.instance(instanceId));
  const [foundSpaces, foundInstances] = await Promise.all([
    records.getMany<Space>(spaceKeys),
    records.getMany<Instance>(instanceKeys),
  ]);
  const deleted = (found: readonly StoredRecord<Space | Instance>[]) =>
    new Set(found.flatMap(({ value }) => (value.deletedAt ? [value.id] : [])));
  return { spaceIds: deleted(foundSpaces), instanceIds: deleted(foundInstances) };
}

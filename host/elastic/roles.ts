import type { ElasticRoles } from '../config/schema.ts';

/** Which roles a user's groups give, compiled once from `group_mappings` and `default_roles`. */
export type RoleMap = (groups: readonly string[]) => readonly string[];

/**
 * The roles of all of the user's groups that are mapped, each once, in the order
 * of the groups; `default_roles` for whoever has none of these. The case of a
 * group counts for nothing, as in elastauth; that of a role does.
 */
export function roleMap({ groupMappings, defaultRoles }: ElasticRoles): RoleMap {
  const byGroup = new Map<string, string[]>();
  for (const [group, roles] of groupMappings) {
    // `Admins` and `admins` may both stand in the file.
    const key = foldGroup(group);
    byGroup.set(key, [...(byGroup.get(key) ?? []), ...roles]);
  }
  const defaults = [...new Set(defaultRoles)];
  return groups => {
    const roles = new Set(groups.flatMap(group => byGroup.get(foldGroup(group)) ?? []));
    return roles.size > 0 ? [...roles] : defaults;
  };
}

/** The first of the groups that is not in the list, undefined when all are; without a list every group is good. */
export function strangeGroup(
  groups: readonly string[],
  whitelist: readonly string[] | undefined,
): string | undefined {
  if (whitelist === undefined) return undefined;
  const known = new Set(whitelist.map(foldGroup));
  return groups.find(group => !known.has(foldGroup(group)));
}

/** Lower case, and one sigma: which of the two small ones `Σ` becomes depends on what stands around it. */
export function foldGroup(group: string): string {
  return group
    .replaceAll(/^ +| +$/g, '')
    .toLowerCase()
    .replaceAll('ς', 'σ');
}

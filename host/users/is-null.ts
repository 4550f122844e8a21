/** What YAML's core schema reads as null; the failsafe schema, by which users and tokens are read, leaves it as text. */
export function isNull(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    (typeof value === 'string' && /^(~|null|Null|NULL)?$/.test(value))
  );
}

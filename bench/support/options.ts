/** Options of a suite: `--json` and whole numbers with their defaults, each within 1 to its limit. */
export function readOptions<Name extends string>(
  args: readonly string[],
  numbers: Readonly<Record<Name, { readonly value: number; readonly max: number }>>,
): { json: boolean } & Record<Name, number> {
  const known = Object.keys(numbers) as Name[];
  const read = Object.fromEntries(known.map(name => [name, numbers[name].value])) as Record<Name, number>;
  let json = false;
  const rest = [...args];
  while (rest.length > 0) {
    const [option = '', inline] = (rest.shift() ?? '').split('=', 2);
    if (option === '--json') {
      json = true;
      continue;
    }
    const name = known.find(candidate => option === `--${candidate}`);
    const value = name === undefined ? Number.NaN : Number(inline ?? rest.shift());
    if (name === undefined || !Number.isInteger(value) || value < 1 || value > numbers[name].max) {
      const usage = known.map(each => `--${each} 1..${numbers[each].max}`).join(', ');
      throw new Error(`${option}: options are --json, ${usage}`);
    }
    read[name] = value;
  }
  return { json, ...read };
}

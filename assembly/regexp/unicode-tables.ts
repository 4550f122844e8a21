export function installUnicodeTables(): void {}

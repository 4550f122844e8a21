/** WASI preview 1 error numbers, as far as they are answered here. */
export const EACCES = 2;
export const EBADF = 8;
export const EFAULT = 21;
export const EINVAL = 28;
export const EIO = 29;
export const EISDIR = 31;
export const ELOOP = 32;
export const EMFILE = 33;
export const ENAMETOOLONG = 37;
export const ENOENT = 44;
export const ENOSYS = 52;
export const ENOTDIR = 54;
export const EPERM = 63;

const byCode: Readonly<Record<string, number>> = {
  EACCES,
  EBADF,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
};

/** Number for an error that `node:fs` threw. */
export function errnoOf(error: unknown): number {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return (code !== undefined && byCode[code]) || EIO;
}

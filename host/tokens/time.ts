import { parseDuration } from '../config/duration.ts';

const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * A point in time as the tokens file writes it: `2027-01-31T12:00:00Z`, or a
 * day, whose beginning in UTC is meant. Milliseconds since 1970, undefined when
 * it is none.
 */
export function parseTime(text: string): number | undefined {
  if (!DATE.test(text) && !TIME.test(text)) return undefined;
  const time = Date.parse(text);
  // `2027-02-30` would be read as a day of March.
  const day = Number(text.slice(8, 10));
  const last = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return Number.isFinite(time) && day <= last ? time : undefined;
}

/** `2027-01-31T12:00:00Z` of milliseconds since 1970, rounded down to a second. */
export function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** A point in time, or a duration like `90d` from `now` on. */
export function parseEnd(text: string, now: number): number | undefined {
  const time = parseTime(text);
  if (time !== undefined) return time;
  const seconds = parseDuration(text);
  const end = seconds === undefined ? undefined : now + Math.round(seconds * 1_000);
  return end === undefined || end > 8.64e15 ? undefined : end;
}

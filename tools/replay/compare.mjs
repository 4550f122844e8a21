import { DIFFERENCES } from './differences.mjs';

/** Of the connection, not of the answer. */
const OF_THE_CONNECTION = ['connection', 'date', 'keep-alive', 'server', 'transfer-encoding'];
/** A refused password is told this late. */
const DELAY_SECONDS = 2;

/**
 * Compares our answer with the recorded one: the names of the differences that
 * were found and are meant, and in `mismatch` what is not, empty when all is well.
 */
export async function compare(row, answer, ask) {
  let found = differing(row, answer);
  const meant = [];
  for (const { name, excuses } of DIFFERENCES) {
    if (found.length === 0) break;
    const excused = await excuses({ row, answer, ask });
    const left =
      excused === true ? [] : excused === false ? found : found.filter(part => !excused.includes(part));
    if (left.length < found.length) meant.push(name);
    found = left;
  }
  const shown = found.map(part => `${part}: ${show(row, part)}, got ${show(answer, part)}`);
  if (meant.length === 0 && row.seconds >= DELAY_SECONDS && answer.seconds < DELAY_SECONDS) {
    shown.push(`answered after ${answer.seconds.toFixed(3)} s`);
  }
  return { meant, mismatch: shown.join('; ') };
}

function differing(row, answer) {
  const names = [...row.headers, ...answer.headers].map(([name]) => name.toLowerCase());
  const parts = ['status', 'body', ...names.filter(name => !OF_THE_CONNECTION.includes(name))];
  return [...new Set(parts)].filter(part => show(row, part) !== show(answer, part));
}

function show(message, part) {
  if (part === 'status') return String(message.status);
  if (part === 'body') return JSON.stringify(bytes(message.body));
  const values = message.headers
    .filter(([name]) => name.toLowerCase() === part)
    .map(([, value]) => bytes(value));
  return values.length === 0 ? 'none' : values.map(value => JSON.stringify(value)).join(', ');
}

/** Recorded texts are characters, received ones bytes. */
function bytes(text) {
  return /[^\p{Cc} -\xff]/u.test(text) || !isUtf8(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
}

function isUtf8(text) {
  const read = Buffer.from(text, 'latin1').toString('utf8');
  return !read.includes('�');
}

/**
 * Writes a module's data segments into one: wazero makes a record of each of the
 * six hundred that the compiler makes, in every instance, and an instance is held
 * for every request in flight. What lies between them is zero, as it was.
 * WebAssembly core 1.0, section 5.5: sections are an id, a length and bytes.
 */
const DATA = 11;
const ACTIVE = 0;
const I32_CONST = 0x41;
const END = 0x0b;
/** More than this between the first byte and the last is not the plugin's memory. */
const MAX_SPAN = 128 * 1024;

export function joinSegments(bytes) {
  const out = [bytes.subarray(0, 8)];
  const reader = { bytes, at: 8 };
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = bytes[reader.at++];
    const length = readUnsigned(reader);
    const end = reader.at + length;
    out.push(id === DATA ? section(DATA, joined(readSegments(reader))) : bytes.subarray(start, end));
    reader.at = end;
  }
  return Buffer.concat(out);
}

function readSegments(reader) {
  return Array.from({ length: readUnsigned(reader) }, () => {
    const kind = readUnsigned(reader);
    if (kind !== ACTIVE || reader.bytes[reader.at++] !== I32_CONST)
      throw new Error('a data segment that does not lie at a constant offset cannot be joined');
    const offset = readSigned(reader);
    if (reader.bytes[reader.at++] !== END)
      throw new Error('a data segment whose offset is more than a constant');
    const length = readUnsigned(reader);
    const data = reader.bytes.subarray(reader.at, reader.at + length);
    reader.at += length;
    return { offset, data };
  });
}

/** Content of a data section with the one segment. */
function joined(segments) {
  if (segments.length === 0) return Buffer.from([0]);
  const from = Math.min(...segments.map(({ offset }) => offset));
  const to = Math.max(...segments.map(({ offset, data }) => offset + data.length));
  if (from < 0 || to - from > MAX_SPAN) throw new Error(`data from ${from} to ${to} is not joined`);
  const data = Buffer.alloc(to - from);
  // In their order: of two at one place the later counts.
  for (const segment of segments) data.set(segment.data, segment.offset - from);
  return Buffer.concat([
    Buffer.from([1, ACTIVE, I32_CONST, ...signed(from), END, ...unsigned(data.length)]),
    data,
  ]);
}

function section(id, content) {
  return Buffer.concat([Buffer.from([id, ...unsigned(content.length)]), content]);
}

function readUnsigned(reader) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.bytes[reader.at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}

function readSigned(reader) {
  let value = 0;
  for (let shift = 0; ; ) {
    const byte = reader.bytes[reader.at++];
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
  }
}

function unsigned(value) {
  const out = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...out, rest];
    out.push((rest & 0x7f) | 0x80);
  }
}

function signed(value) {
  const out = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest >= -64 && rest < 64) return [...out, rest & 0x7f];
    out.push((rest & 0x7f) | 0x80);
  }
}

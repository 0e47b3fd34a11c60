import * as fs from 'node:fs';

/** Lambda's names for the `e_machine` of executables. */
const machines: Record<number, string> = { 62: 'x86_64', 183: 'arm64' };

/** Lambda's name for the architecture of a 64-bit little-endian Linux executable; none for any other file. */
export function elfArchitecture(file: string): string | undefined {
  const header = Buffer.alloc(20);
  const descriptor = fs.openSync(file, 'r');
  try {
    fs.readSync(descriptor, header);
  } finally {
    fs.closeSync(descriptor);
  }
  return header.toString('latin1', 0, 6) === '\x7fELF\x02\x01' ? machines[header.readUInt16LE(18)] : undefined;
}

/**
 * A byte stream inside HID reports, both ways. Pure. No document tells how collectors do it, so it is configuration.
 * A report: id, then `lengthPrefix` bytes that tell how many data bytes follow (big-endian), the data, and `pad` to `reportSize`.
 */
import { ByteReader, ByteWriter } from '../bytes.ts';
import { AppError } from '../errors.ts';

export interface HidFraming {
  /** 0 where the device numbers no reports: then the host's first byte is 0 all the same, and the device's reports begin with the data. */
  readonly reportId: number;
  /** Bytes after the id. */
  readonly reportSize: number;
  readonly lengthPrefix: 0 | 1 | 2;
  readonly pad: number;
}

/** Output reports as node-hid writes them: the id first, whether there is one or not. */
export function encodeReports(framing: HidFraming, bytes: Uint8Array): Uint8Array[] {
  const { reportId, reportSize, lengthPrefix, pad } = framing;
  const room = Math.min(reportSize - lengthPrefix, lengthPrefix === 1 ? 0xff : 0xffff);
  if (room < 1) throw new AppError('CONFIG_INVALID', 'reader.framing: reportSize leaves no room for data');
  const reports: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += room) {
    const data = bytes.subarray(at, at + room);
    const writer = new ByteWriter(1 + reportSize).u8(reportId);
    if (lengthPrefix === 1) writer.u8(data.length);
    if (lengthPrefix === 2) writer.u16(data.length);
    writer.raw(data).raw(new Uint8Array(reportSize - lengthPrefix - data.length).fill(pad));
    reports.push(writer.finish());
  }
  return reports;
}

/**
 * The data of an input report as node-hid hands it over: with its id where reports are numbered, else without. Reports of another id
 * carry none of the stream. Without a length prefix the padding is indistinguishable from data, and the protocol's parser skips it.
 */
export function decodeReport(framing: HidFraming, report: Uint8Array): Uint8Array {
  const reader = new ByteReader(report, 'READER_PROTOCOL');
  if (framing.reportId !== 0 && reader.u8('report id') !== framing.reportId) return new Uint8Array(0);
  if (framing.lengthPrefix === 0) return reader.take(reader.remaining, 'data');
  const length = framing.lengthPrefix === 1 ? reader.u8('length') : reader.u16('length');
  if (length > reader.remaining) {
    throw new AppError('READER_PROTOCOL', `a report tells ${length} bytes and holds ${reader.remaining}`);
  }
  return reader.take(length, 'data');
}

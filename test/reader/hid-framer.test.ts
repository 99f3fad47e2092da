import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../../src/bytes.ts';
import { isAppError } from '../../src/errors.ts';
import { decodeReport, encodeReports } from '../../src/reader/hid-framer.ts';
import type { HidFraming } from '../../src/reader/hid-framer.ts';
import { thrownBy } from './thrown.ts';

const framings: fc.Arbitrary<HidFraming> = fc.record({
  reportId: fc.nat(255),
  reportSize: fc.integer({ min: 3, max: 1024 }),
  lengthPrefix: fc.constantFrom(0, 1, 2),
  pad: fc.nat(255),
});

/** As the device's reports come out of node-hid: without an id where there is none. */
function asInput(framing: HidFraming, report: Uint8Array): Uint8Array {
  return framing.reportId === 0 ? report.subarray(1) : report;
}

describe('HID reports', () => {
  test('hold the id, the length, the data and the padding', () => {
    const framing: HidFraming = { reportId: 5, reportSize: 6, lengthPrefix: 1, pad: 0xff };
    const reports = encodeReports(framing, Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
    expect(reports.map(toHex)).toEqual(['05050102030405', '05020607ffffff']);
  });

  test('begin with 0 on the way out where they have no id', () => {
    const framing: HidFraming = { reportId: 0, reportSize: 4, lengthPrefix: 2, pad: 0 };
    expect(encodeReports(framing, Uint8Array.of(9)).map(toHex)).toEqual(['0000010900']);
    expect([...decodeReport(framing, Uint8Array.of(0, 1, 9, 0))]).toEqual([9]);
  });

  test('carry a stream unchanged where they tell its length', () => {
    const counted = framings.filter((framing) => framing.lengthPrefix > 0);
    fc.assert(
      fc.property(counted, fc.uint8Array({ maxLength: 3000 }), (framing, bytes) => {
        const reports = encodeReports(framing, bytes);
        for (const report of reports) expect(report.length).toBe(1 + framing.reportSize);
        expect(concatBytes(...reports.map((report) => decodeReport(framing, asInput(framing, report))))).toEqual(bytes);
      }),
    );
  });

  test('carry a stream and its padding where they do not', () => {
    const bare = framings.map((framing) => ({ ...framing, lengthPrefix: 0 as const }));
    fc.assert(
      fc.property(bare, fc.uint8Array({ minLength: 1, maxLength: 3000 }), (framing, bytes) => {
        const reports = encodeReports(framing, bytes);
        const all = concatBytes(...reports.map((report) => decodeReport(framing, asInput(framing, report))));
        expect(all.subarray(0, bytes.length)).toEqual(bytes);
        expect(all.subarray(bytes.length).every((byte) => byte === framing.pad)).toBe(true);
        expect(all.length - bytes.length).toBeLessThan(framing.reportSize);
      }),
    );
  });

  test('of another id carry none of it', () => {
    const framing: HidFraming = { reportId: 5, reportSize: 4, lengthPrefix: 1, pad: 0 };
    expect(decodeReport(framing, Uint8Array.of(6, 1, 9, 0, 0)).length).toBe(0);
  });

  test('whose length is not true are READER_PROTOCOL, and no report is anything worse', () => {
    const framing: HidFraming = { reportId: 0, reportSize: 4, lengthPrefix: 1, pad: 0 };
    expect(() => decodeReport(framing, Uint8Array.of(4, 1, 2, 3))).toThrow(/READER_PROTOCOL/);
    fc.assert(
      fc.property(framings, fc.uint8Array({ maxLength: 1100 }), (framing, report) => {
        const error = thrownBy(() => decodeReport(framing, report));
        expect(error === undefined || isAppError(error, 'READER_PROTOCOL')).toBe(true);
      }),
    );
  });

  test('without room for data are a mistake of the configuration', () => {
    const framing: HidFraming = { reportId: 0, reportSize: 2, lengthPrefix: 2, pad: 0 };
    expect(() => encodeReports(framing, Uint8Array.of(1))).toThrow(/CONFIG_INVALID/);
  });
});

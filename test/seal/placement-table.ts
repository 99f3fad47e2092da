/**
 * Where the marks of real programs' prints of one agreement belong, read off the rendered pages: the last page with the block, and
 * in millimetres the middle of each party's row, the printed name (left edge, width), and the middle between the date's 年 and 月.
 */
export interface Expected {
  readonly file: string;
  readonly parties: number;
  readonly page: number;
  readonly rowsMm: readonly number[];
  readonly nameMm: readonly [left: number, width: number];
  readonly mediatorMm: number;
  readonly dateMm: readonly [x: number, y: number];
}

const OFFICE = { nameMm: [93.8, 8.5], page: 3 } as const;
const CHROMIUM = { nameMm: [93.7, 8.5] } as const;
const OFFICE_P3 = {
  ...OFFICE,
  parties: 3,
  rowsMm: [37.4, 46.5, 55.6],
  mediatorMm: 64.7,
  dateMm: [42.6, 82.9],
} as const;
const CHROMIUM_P2 = {
  ...CHROMIUM,
  parties: 2,
  page: 2,
  rowsMm: [109.9, 120],
  mediatorMm: 130.1,
  dateMm: [167.6, 150.4],
} as const;
const OFFICE_P2 = {
  ...OFFICE,
  parties: 2,
  page: 2,
  rowsMm: [69.5, 78.6],
  mediatorMm: 87.7,
  dateMm: [42.6, 106],
} as const;

export const PLACES: readonly Expected[] = [
  { file: 'chromium-p2s1.pdf', ...CHROMIUM_P2 },
  {
    file: 'chromium-p3s2.pdf',
    ...CHROMIUM,
    parties: 3,
    page: 3,
    rowsMm: [93.8, 103.9, 114.2],
    mediatorMm: 124.2,
    dateMm: [167.6, 144.6],
  },
  {
    file: 'chromium-p6s5.pdf',
    ...CHROMIUM,
    parties: 6,
    page: 6,
    rowsMm: [83.5, 93.8, 103.9, 114.2, 124.2, 134.3],
    mediatorMm: 144.6,
    dateMm: [167.6, 164.7],
  },
  { file: 'gs-14.pdf', ...OFFICE_P3 },
  // Of 甲 and 丙 this file knows no longer what they are: the rows are numbered.
  {
    file: 'gs-17.pdf',
    ...CHROMIUM,
    parties: 3,
    page: 3,
    rowsMm: [93.8, 103.9, 114.2],
    mediatorMm: 124.2,
    dateMm: [167.8, 144.6],
  },
  { file: 'office-p2s1.pdf', ...OFFICE_P2 },
  { file: 'office-p3s2.pdf', ...OFFICE_P3 },
  {
    file: 'office-p6s5.pdf',
    ...OFFICE,
    parties: 6,
    page: 5,
    rowsMm: [161.8, 170.9, 180, 189.1, 198.2, 207.3],
    mediatorMm: 216.4,
    dateMm: [42.6, 234.6],
  },
  { file: 'office-pdfa1b.pdf', ...OFFICE_P3 },
  { file: 'office-pdfa2b.pdf', ...OFFICE_P3 },
  { file: 'office-tagged.pdf', ...OFFICE_P3 },
  { file: 'qpdf-aes256-open.pdf', ...CHROMIUM_P2 },
  { file: 'qpdf-linearized.pdf', ...CHROMIUM_P2 },
  { file: 'qpdf-objstm.pdf', ...OFFICE_P3 },
  { file: 'qpdf-rc4-open.pdf', ...OFFICE_P2 },
  { file: 'qpdf-rotated.pdf', ...CHROMIUM_P2 },
];

/** The number that an agreement is given when it comes in, by the committee's template. Pure. */
import type { Config } from '../config.ts';

/** `（{year}）{short}人调字第{n}号` filled in. */
export function agreementNumber(
  { shortName, numberTemplate }: Pick<Config['committee'], 'shortName' | 'numberTemplate'>,
  year: number,
  n: number,
): string {
  const values: Readonly<Record<string, string>> = { year: String(year), short: shortName, n: String(n) };
  return numberTemplate.replaceAll(/\{(year|short|n)\}/g, (_, name: string) => values[name] ?? '');
}

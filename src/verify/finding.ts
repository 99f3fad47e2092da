/** What verification itself can find wrong, in words for a court clerk. Pure. */
import type { Finding } from './report.ts';

const FINDINGS = {
  BYTE_RANGE_INVALID: [
    'The signature does not say in the one allowed way which bytes it covers.',
    '签名声明的覆盖范围不合规范。',
  ],
  CONTENTS_INVALID: ['The signature’s value is not where and how it has to be.', '签名值的位置或形式不合规范。'],
  SIGNATURE_DICTIONARY_INVALID: ['The signature’s dictionary breaks its standard.', '签名字典不合标准。'],
  SUBFILTER_UNSUPPORTED: [
    'A signature of this kind cannot be checked, so it is not believed.',
    '无法检验此种签名，因此不予采信。',
  ],
  CHANGED_AFTER_SIGNATURE: ['Something was added to the file after this signature.', '签名之后文件又被添加了内容。'],
  EARLIER_SIGNATURE_REMOVED: [
    'A signature that an earlier version of the file carried is no longer there.',
    '文件早前版本上的一个签名已被移除。',
  ],
  CLAIMED_TIME_INVALID: ['The signature does not say when it was made.', '签名没有可读的签署时间。'],
  CLAIMED_TIME_AHEAD: ['The signature claims a time that has not come yet.', '签名声称的签署时间尚未到来。'],
} as const satisfies Record<string, readonly [string, string]>;

export type FindingCode = keyof typeof FINDINGS;

/** `detail` follows both texts in brackets: figures, the same in both languages. */
export function finding(code: FindingCode, detail?: string): Finding {
  const [message, messageZh] = FINDINGS[code];
  if (detail === undefined) return { code, message, messageZh };
  return { code, message: `${message} (${detail})`, messageZh: `${messageZh}（${detail}）` };
}

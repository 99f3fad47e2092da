/** What verification itself can find wrong, in words for a court clerk. Pure. */
import { problemOf } from '../errors.ts';
import type { AppError } from '../errors.ts';
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

  // --- what may follow a signature ------------------------------------------------------------------------------------
  SIGNATURE_ADDED: ['A further signature was added.', '之后又加了一个签名或印章。'],
  SIGNATURE_FIELD_ADDED: ['An empty field for a further signature was added.', '之后新增了一个空白签名栏。'],
  TIMESTAMP_ADDED: ['A timestamp was added to the document.', '之后给文档加盖了时间戳。'],
  VALIDATION_DATA_ADDED: [
    'Certificates and proof that they were valid were added.',
    '之后补充了证书及其当时有效的证明。',
  ],
  FIELD_FILLED: ['A form field was filled in or changed.', '之后填写或修改了表单内容。'],
  ANNOTATION_ADDED: ['A comment was put on a page.', '之后在页面上添加了批注。'],
  ANNOTATION_CHANGED: ['A comment on a page was changed.', '之后修改了页面上的批注。'],
  ANNOTATION_REMOVED: ['A comment was taken off a page.', '之后删除了页面上的批注。'],
  DATES_CHANGED: ['What the file says of when it was written was changed.', '之后更新了文件自身记载的修改时间等信息。'],
  VERSION_CHANGED: ['The file was declared to be of a newer version of PDF.', '之后文件声明采用更新的 PDF 版本。'],
  UNUSED_OBJECTS_ADDED: ['Objects were added that nothing in the document uses.', '之后添加了文档未使用的对象。'],

  // --- what may not ---------------------------------------------------------------------------------------------------
  UNREFERENCED_UPDATE: [
    'Something stands in what was added that readers need not see.',
    '之后添加的数据中有阅读器未必显示的内容。',
  ],
  HISTORY_REWRITTEN: [
    'What was added does not build on what was signed.',
    '之后添加的内容没有建立在已签署的版本之上。',
  ],
  UPDATE_UNREADABLE: ['What was added cannot be understood.', '之后添加的内容无法解读。'],
  CHANGE_UNKNOWN: ['Something of unknown purpose was changed.', '之后改动了用途不明的内容。'],
  CATALOG_CHANGED: ['The document as a whole was changed.', '之后改动了文档的整体设置。'],
  PAGES_CHANGED: [
    'Pages were added, taken out or put in another order, or all of them were changed.',
    '之后增删了页面、调整了页序，或改动了全部页面。',
  ],
  PAGE_CHANGED: ['A page was changed.', '之后改动了页面。'],
  PAGE_CONTENT_CHANGED: ['What is on a page was changed.', '之后改动了页面内容。'],
  NAMES_CHANGED: ['Names within the document were changed.', '之后改动了文档内的名称表。'],
  ACTIONS_CHANGED: ['What the document does by itself was changed.', '之后改动了文档自动执行的动作。'],
  LAYERS_CHANGED: ['Layers that can be hidden were changed.', '之后改动了可隐藏的图层。'],
  STRUCTURE_CHANGED: ['The order in which the document is read aloud was changed.', '之后改动了文档的逻辑结构。'],
  OUTLINES_CHANGED: ['The bookmarks were changed.', '之后改动了书签。'],
  FILES_CHANGED: ['Attached files were changed.', '之后改动了附件。'],
  DESCRIPTION_CHANGED: ['The description of the document was changed.', '之后改动了文档的标题等描述信息。'],
  PERMISSIONS_CHANGED: ['What the document permits was changed.', '之后改动了文档的权限声明。'],
  FORM_CHANGED: ['The form as a whole was changed.', '之后改动了表单的整体设置。'],
  FIELD_CHANGED: [
    'A form field was added, taken out, or changed in more than its value.',
    '之后增删了表单栏，或改动了其内容以外的部分。',
  ],
  SIGNATURE_CHANGED: [
    'A signature that was there, or what it looks like, was changed.',
    '之后改动了已有的签名或印章，或其外观。',
  ],
  ANNOTATION_FORBIDDEN: [
    'Something that is more than a comment was put on a page, or changed.',
    '之后在页面上添加或改动了批注以外的内容。',
  ],
  VALIDATION_DATA_CHANGED: [
    'Proof that certificates were valid was taken out or replaced.',
    '之后删除或替换了证书有效性的证明。',
  ],
  MORE_CHANGES: ['There is more of this kind than is listed here.', '同类改动还有更多，未全部列出。'],

  EARLIER_SIGNATURE_UNCHECKED: [
    'The document has an earlier signature that cannot be checked here.',
    '文档上已有的签名在此无法验证。',
  ],
  UNREFERENCED_CONTENT: [
    'The file holds objects that no version of the document shows.',
    '文件中含有任何版本都不显示的对象。',
  ],
  READERS_DISAGREE: [
    'The file is built so that readers may show different documents.',
    '文件结构有误，不同阅读器可能显示不同的内容。',
  ],
  EARLIER_SIGNATURE_REMOVED: [
    'A signature that an earlier version of the file carried is no longer there.',
    '文件早前版本上的一个签名已被移除。',
  ],
  UNSIGNED_ATTRIBUTE_UNKNOWN: [
    'The signature carries an attribute that its format does not know.',
    '签名附带了其格式不认可的属性。',
  ],
  TIMESTAMPS_TOO_MANY: ['The signature carries more timestamps than are looked at.', '签名附带的时间戳过多。'],
  TIMESTAMP_IGNORED: [
    'A timestamp of the signature is not by an authority that is trusted, and proves nothing.',
    '签名的一个时间戳并非出自受信任的时间戳机构，不能证明签署时间。',
  ],
  TIMESTAMP_AHEAD: ['The timestamp is of a time that has not come yet.', '时间戳的时间尚未到来。'],
  REVOCATION_UNTOLD: ['Nothing tells of revocation.', '没有任何吊销信息。'],
  REVOCATION_GOOD: [
    'Those who issued the certificates say that none was revoked then.',
    '据各签发者的信息，证书当时均未被吊销。',
  ],
  CLAIMED_TIME_INVALID: ['The signature does not say when it was made.', '签名没有可读的签署时间。'],
  CLAIMED_TIME_AHEAD: ['The signature claims a time that has not come yet.', '签名声称的签署时间尚未到来。'],
} as const satisfies Record<string, readonly [string, string]>;

/** What another part found, without what else it tells of it. */
export function findingOf({ code, message, messageZh }: Finding): Finding {
  return { code, message, messageZh };
}

/** What reading came to grief on. Details are English. */
export function problemFinding(error: AppError): Finding {
  const { code, title, titleZh, detail } = problemOf(error);
  return { code, message: detail === '' ? title : `${title}: ${detail}`, messageZh: `${titleZh}。` };
}

export type FindingCode = keyof typeof FINDINGS;

/** `detail` follows both texts in brackets: figures, the same in both languages. */
export function finding(code: FindingCode, detail?: string): Finding {
  const [message, messageZh] = FINDINGS[code];
  if (detail === undefined) return { code, message, messageZh };
  return { code, message: `${message} (${detail})`, messageZh: `${messageZh}（${detail}）` };
}

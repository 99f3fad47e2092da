/** Why a signature or a certificate is not believed, in words for people. Pure. */

export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
  readonly messageZh: string;
}

const REASONS = {
  // --- the signature ----------------------------------------------------------------------------------------------------
  DIGEST_WRONG: ['The signed bytes were changed after signing.', '签名覆盖的内容在签署后被改动。'],
  SIGNATURE_WRONG: ['The signature value is not by the key of its certificate.', '签名值与证书公钥不符。'],
  SIGNER_CERTIFICATE_ABSENT: ['The signer’s certificate is not in the signature.', '签名中没有签署者证书。'],
  SIGNING_CERTIFICATE_ABSENT: [
    'The signature does not bind its certificate (signing-certificate), which its format requires.',
    '签名未绑定签署证书（signing-certificate），不符合其格式要求。',
  ],
  SIGNING_CERTIFICATE_WRONG: ['The signature binds another certificate.', '签名绑定的是另一张证书。'],
  CONTENT_TYPE_WRONG: ['The signature is over another type of content.', '签名内容类型不正确。'],
  CONTENT_NOT_DETACHED: ['The signature carries content of its own.', '签名自带内容，不是分离式签名。'],
  CONTENT_ABSENT: ['What was signed is not in the signature.', '签名中没有被签内容。'],
  ATTRIBUTES_ABSENT: ['The signature has no signed attributes.', '签名缺少已签名属性。'],
  ATTRIBUTES_INVALID: ['The signed attributes break their standard.', '已签名属性不合标准。'],
  ALGORITHM_WEAK: ['The signature uses an algorithm that can be forged.', '签名使用了可被伪造的弱算法。'],
  ALGORITHM_UNKNOWN: ['The signature uses an algorithm that is not accepted.', '签名使用了不被接受的算法。'],
  ALGORITHMS_DISAGREE: ['The signature names different algorithms in different places.', '签名各处声明的算法不一致。'],
  KEY_WEAK: ['The signer’s key is too short: RSA needs 2048 bits.', '签署者密钥过短：RSA 至少 2048 位。'],
  KEY_UNKNOWN: ['The signer’s key is of a kind that is not accepted.', '签署者密钥类型不被接受。'],

  // --- the timestamp ----------------------------------------------------------------------------------------------------
  TIMESTAMP_IMPRINT_WRONG: ['The timestamp is over other bytes.', '时间戳对应的不是这些内容。'],

  // --- revocation -------------------------------------------------------------------------------------------------------
  CERTIFICATE_REVOKED: ['The certificate had been revoked at that time.', '证书在该时间已被吊销。'],
  REVOCATION_ABSENT: ['Nothing tells whether the certificate was revoked.', '没有该证书的吊销信息。'],
  REVOCATION_UNREADABLE: ['What may tell of revocation cannot be read.', '吊销信息无法读取。'],
  REVOCATION_UNKNOWN: ['The responder does not know the certificate.', '证书状态服务不知道该证书。'],
  REVOCATION_SIGNATURE: [
    'The list of revoked certificates is not by the certificate’s issuer.',
    '吊销列表并非由证书签发者签发。',
  ],
  OCSP_RESPONDER: [
    'The OCSP answer is not by somebody who may answer for the issuer.',
    'OCSP 应答者无权代签发者应答。',
  ],
  RESPONDER_REVOKED: ['The responder’s own certificate had been revoked.', '证书状态服务自身的证书已被吊销。'],
  RESPONDER_STATUS: [
    'It is not known whether the responder’s own certificate had been revoked.',
    '证书状态服务自身证书的吊销状态不明。',
  ],
  REVOCATION_OUTDATED: ['What tells of revocation does not reach that time.', '吊销信息不覆盖该时间。'],

  // --- the chain --------------------------------------------------------------------------------------------------------
  CHAIN_INCOMPLETE: ['The certificate does not lead to a trusted root.', '证书链未能到达受信任的根证书。'],
  CERTIFICATE_EXPIRED: ['A certificate had expired at that time.', '证书在该时间已过期。'],
  CERTIFICATE_NOT_YET_VALID: ['A certificate was not valid yet at that time.', '证书在该时间尚未生效。'],
  CERTIFICATE_USAGE: ['The certificate is not for signing documents.', '证书不得用于签署文档。'],
  TIMESTAMP_USAGE: ['The certificate is not for timestamps alone.', '证书不是专用于时间戳的证书。'],
  OCSP_USAGE: ['The certificate is not for telling the status of others.', '证书不得用于证书状态查询应答。'],
  CERTIFICATE_ALGORITHM: [
    'A certificate was issued with an algorithm or key that is not accepted.',
    '证书签发算法或密钥不被接受。',
  ],
  CERTIFICATE_EXTENSION: [
    'A certificate has a critical extension that is not understood.',
    '证书含有无法识别的关键扩展。',
  ],
  ISSUER_NOT_CA: ['An issuer is not a certificate authority.', '签发者不是证书颁发机构。'],
  ISSUER_USAGE: ['An issuer may not issue certificates.', '签发者无权签发证书。'],
  PATH_TOO_LONG: ['The chain is longer than an issuer allows.', '证书链超过签发者允许的长度。'],
} as const satisfies Record<string, readonly [string, string]>;

export type ReasonCode = keyof typeof REASONS;

/** `detail` follows both texts in brackets: names or figures, the same in both languages. */
export function reason(code: ReasonCode, detail?: string): Reason {
  const [message, messageZh] = REASONS[code];
  return {
    code,
    message: detail === undefined ? message : `${message} (${detail})`,
    messageZh: detail === undefined ? messageZh : `${messageZh}（${detail}）`,
  };
}

/**
 * Every failure a person can meet: one row a code, with the HTTP status, what it is and what to do about it, in English
 * and Chinese. A row never carries data; what differs from case to case goes into `AppError.detail` and `extras`, and neither
 * ever holds a name, a template, a passphrase or a token.
 */
interface ErrorRow {
  readonly status: number;
  readonly title: string;
  readonly titleZh: string;
  readonly remedy: string;
  readonly remedyZh: string;
}

function row(status: number, title: string, titleZh: string, remedy: string, remedyZh: string): ErrorRow {
  return { status, title, titleZh, remedy, remedyZh };
}

const ASK_AGAIN = [
  'Try again; if it stays, restart the daemon and look at its log.',
  '请重试；若仍出现，请重启服务并查看日志。',
] as const;
const PRESS_AGAIN = ['Press the finger again.', '请重新按压手指。'] as const;
const CHECK_READER = [
  'Unplug the reader, plug it in again, then repeat the capture.',
  '请拔下采集器后重新插入，然后重新采集。',
] as const;
const OTHER_PDF = [
  'Print the agreement to PDF again from the program that made it, and upload that file.',
  '请用原程序把协议书重新导出为 PDF 后上传。',
] as const;

export const ERRORS = {
  // --- requests ---------------------------------------------------------------------------------------------------------
  BAD_REQUEST: row(
    400,
    'The request is not valid',
    '请求格式不正确',
    'Correct the member that `detail` names.',
    '请按 detail 的提示改正。',
  ),
  TOKEN_IN_QUERY: row(
    400,
    'A token does not belong in the address',
    '令牌不得写在网址中',
    'Send it in the Authorization header.',
    '请放在 Authorization 请求头中。',
  ),
  UNAUTHORIZED: row(
    401,
    'No valid token',
    '缺少有效令牌',
    'Send `Authorization: Bearer` with the token from the file that the daemon names at start.',
    '请在 Authorization 请求头中附上服务启动时所示文件里的令牌。',
  ),
  ORIGIN_FORBIDDEN: row(
    403,
    'This web page may not use the daemon',
    '此网页无权使用本服务',
    'Add the exact origin of the page to `origins` in the configuration.',
    '请把该网页的完整来源加入配置项 origins。',
  ),
  SAMPLES_NOT_EXPOSED: row(
    403,
    'Fingerprint records are not handed out',
    '不对外提供指纹数据',
    'Set `exposeSamples` in the configuration if the platform is entitled to them.',
    '确有权限时，在配置中启用 exposeSamples。',
  ),
  NOT_FOUND: row(404, 'There is no such thing', '没有此项', 'Check the id in the address.', '请核对网址中的编号。'),
  METHOD_NOT_ALLOWED: row(
    405,
    'This address does not take that method',
    '不支持此请求方法',
    'See /openapi.json.',
    '请参阅 /openapi.json。',
  ),
  REQUEST_TIMEOUT: row(408, 'The request came too slowly', '请求超时', ...ASK_AGAIN),
  BODY_TOO_LARGE: row(
    413,
    'The body is too large',
    '请求内容过大',
    'Send a smaller file, or raise `limits.uploadBytes` (files) or `limits.jsonBytes` (JSON).',
    '请缩小文件，或调高配置项 limits.uploadBytes（文件）或 limits.jsonBytes（JSON）。',
  ),
  UNSUPPORTED_MEDIA_TYPE: row(
    415,
    'This kind of body is not taken',
    '不支持的内容类型',
    'Send application/json, or application/pdf for uploads.',
    '请使用 application/json；上传文件使用 application/pdf。',
  ),
  HEADERS_TOO_LARGE: row(
    431,
    'The request’s headers are too large',
    '请求头过大',
    'Send fewer or shorter headers.',
    '请减少请求头的数量或长度。',
  ),
  MISDIRECTED: row(
    421,
    'This address is not this daemon’s',
    '访问地址不属于本服务',
    'Call http://127.0.0.1 with the port that the daemon printed.',
    '请使用服务启动时所示的 http://127.0.0.1 地址。',
  ),
  TOO_MANY_REQUESTS: row(
    429,
    'Too many requests',
    '请求过于频繁',
    'Wait as long as Retry-After says.',
    '请按 Retry-After 所示时间等待。',
  ),
  OVERLOADED: row(503, 'The daemon is busy', '服务繁忙', 'Wait a moment and try again.', '请稍候重试。'),
  SHUTTING_DOWN: row(
    503,
    'The daemon is stopping',
    '服务正在停止',
    'Start it again and repeat the request.',
    '请重新启动服务后再试。',
  ),
  INTERNAL: row(500, 'Something went wrong inside', '内部错误', ...ASK_AGAIN),
  IDEMPOTENCY_KEY_REQUIRED: row(
    400,
    'Sealing needs an Idempotency-Key',
    '用印请求缺少 Idempotency-Key',
    'Send a fresh unique key with each new sealing, the same key when repeating it.',
    '每次新的用印请使用新的唯一值，重试时使用原值。',
  ),
  IDEMPOTENCY_KEY_REUSED: row(
    409,
    'This Idempotency-Key belongs to another request',
    '此 Idempotency-Key 已用于其他请求',
    'Use a fresh key for a new sealing.',
    '新的用印请使用新的值。',
  ),

  // --- starting and configuration ---------------------------------------------------------------------------------------
  CONFIG_INVALID: row(
    500,
    'The configuration is not valid',
    '配置有误',
    'Correct the setting that `detail` names.',
    '请改正 detail 所指的配置项。',
  ),
  CONFIG_UNREADABLE: row(
    500,
    'The configuration file cannot be read',
    '无法读取配置文件',
    'Check the path and its permissions.',
    '请检查路径与权限。',
  ),
  PORT_IN_USE: row(
    500,
    'The port is taken',
    '端口已被占用',
    'Stop the program that `detail` names, or set another `listen.port`.',
    '请停止占用端口的程序，或更改 listen.port。',
  ),
  STATE_UNUSABLE: row(
    500,
    'The state folder cannot be used',
    '数据目录不可用',
    'Check that the folder exists, is yours, and has free space.',
    '请检查目录是否存在、权限与剩余空间。',
  ),
  STATE_IN_USE: row(
    500,
    'Another daemon uses this state folder',
    '数据目录正由另一个服务使用',
    'Stop the other daemon, or set another `storage.folder`.',
    '请停止另一个服务，或更改 storage.folder。',
  ),
  STATE_KEY_WRONG: row(
    500,
    'Stored samples cannot be decrypted',
    '无法解密已存的采集数据',
    'Restore sample.key of the state folder, or delete the agreement.',
    '请恢复数据目录中的 sample.key，或删除该协议。',
  ),
  INTERRUPTED: row(503, 'The command was interrupted', '命令已中断', 'Run it again.', '请重新运行该命令。'),
  USAGE: row(400, 'The command line is not valid', '命令用法有误', 'See `zhiyin --help`.', '请运行 zhiyin --help。'),
  FILE_UNREADABLE: row(
    400,
    'The file cannot be read',
    '无法读取文件',
    'Check the path and its permissions.',
    '请检查路径与权限。',
  ),
  FILE_UNWRITABLE: row(
    500,
    'The file cannot be written',
    '无法写入文件',
    'Check the folder, its permissions and the free space.',
    '请检查目录、权限与剩余空间。',
  ),

  OUTPUT_TAKEN: row(
    409,
    'Another sealed document stands where this one would go',
    '输出位置已有另一份已用印的文件',
    'Move it away, or choose another output folder; `--replace` gives its place to the new one.',
    '请移走该文件或另选输出目录；使用 --replace 可覆盖。',
  ),
  OUTPUT_IN_USE: row(
    409,
    'Another run is sealing into this folder',
    '另一次用印正在写入此目录',
    'Wait for it to end.',
    '请等待其结束。',
  ),

  // --- readers ----------------------------------------------------------------------------------------------------------
  READER_NOT_FOUND: row(
    404,
    'There is no such reader',
    '没有此采集器',
    'Choose one of the readers that GET /v1/readers lists.',
    '请从 GET /v1/readers 所列采集器中选择。',
  ),
  READER_ABSENT: row(
    503,
    'No fingerprint reader is connected',
    '未连接指纹采集器',
    'Plug the reader in; if it is, check `reader` in the configuration.',
    '请插入采集器；若已插入，请检查配置项 reader。',
  ),
  READER_BUSY: row(
    409,
    'The reader is in use',
    '采集器正在使用',
    'Finish or cancel the running capture first.',
    '请先完成或取消正在进行的采集。',
  ),
  READER_IN_USE: row(
    503,
    'Another program holds the reader',
    '采集器被其他程序占用',
    'Close the other fingerprint program and try again.',
    '请关闭其他指纹程序后重试。',
  ),
  READER_REMOVED: row(
    503,
    'The reader was unplugged',
    '采集器已拔出',
    'Plug the reader in again and repeat the capture.',
    '请重新插入采集器后再次采集。',
  ),
  READER_ACCESS_DENIED: row(
    503,
    'No permission to open the reader',
    '没有打开采集器的权限',
    'Install the udev rule from the README, or add the user to the group that owns the device.',
    '请按 README 安装 udev 规则，或把用户加入设备所属的组。',
  ),
  READER_LIBRARY_MISSING: row(
    503,
    'A system library for readers is missing',
    '缺少采集器所需的系统库',
    'Install the package that `detail` names.',
    '请安装 detail 所示的软件包。',
  ),
  READER_DRIVER_UNKNOWN: row(
    500,
    'There is no such reader driver',
    '没有此采集器驱动',
    'Use one of the drivers that `detail` lists.',
    '请使用 detail 所列的驱动。',
  ),
  READER_NOT_SIMULATED: row(
    403,
    'Only a simulated reader may do this',
    '仅模拟采集器可用',
    'Name a simulated reader; real prints are captured through an agreement, with consent.',
    '请指定模拟采集器；真实指纹须经协议与同意后采集。',
  ),
  READER_SILENT: row(
    502,
    'The reader does not answer',
    '采集器无应答',
    'Check baud rate and cable; a wrong baud rate looks like dead hardware.',
    '请检查波特率与连线；波特率错误时设备表现为无应答。',
  ),
  READER_PROTOCOL: row(
    502,
    'The reader answers with what its protocol does not know',
    '采集器应答不符合协议',
    'Check driver, dialect, framing and baud rate in the configuration.',
    '请检查配置中的驱动、方言、封装与波特率。',
  ),
  READER_STALLED: row(504, 'The reader stopped in mid-transfer', '采集器传输中断', ...CHECK_READER),
  READER_PASSWORD: row(
    502,
    'The reader wants another password',
    '采集器密码不符',
    'Set `reader.password` to the device’s password.',
    '请在配置项 reader.password 中填写设备密码。',
  ),
  READER_CODE: row(502, 'The reader reported an error', '采集器报告错误', ...CHECK_READER),
  READER_SIMULATED: row(
    409,
    'A simulated print does not go under a real seal',
    '模拟指纹不得加盖正式印章',
    'Capture with the real reader, or use a TEST seal.',
    '请用真实采集器采集，或使用测试印章。',
  ),

  // --- a capture --------------------------------------------------------------------------------------------------------
  FINGER_TIMEOUT: row(
    408,
    'No finger in time',
    '未按压手指，已超时',
    'Start the capture again and press the finger on the window.',
    '请重新开始采集并按压手指。',
  ),
  FINGER_TOO_DRY: row(
    422,
    'The finger is too dry',
    '手指太干',
    'Breathe on the finger or moisten it, then press again.',
    '请对手指哈气或稍加湿润后重按。',
  ),
  FINGER_TOO_WET: row(
    422,
    'The finger is too wet',
    '手指太湿',
    'Wipe the finger dry, then press again.',
    '请擦干手指后重按。',
  ),
  FINGER_SMUDGED: row(
    422,
    'The print is smudged',
    '指纹图像模糊',
    'Wipe the window, press still and straight.',
    '请擦净采集窗，平稳按压。',
  ),
  FINGER_FEW_FEATURES: row(
    422,
    'Too little of the print was seen',
    '指纹特征太少',
    'Press the middle of the finger flat on the window.',
    '请用指肚平压采集窗。',
  ),
  FINGER_LIFTED: row(
    422,
    'The finger was lifted too early',
    '手指抬起过早',
    'Keep the finger down until told to lift it.',
    '请保持按压，直到提示抬起。',
  ),
  FINGER_RESIDUAL: row(
    422,
    'An old print is on the window',
    '采集窗有残留指纹',
    'Wipe the window, then press again.',
    '请擦净采集窗后重按。',
  ),
  FINGER_POOR: row(422, 'The print is too poor to use', '指纹质量过低', ...PRESS_AGAIN),
  CAPTURE_CANCELLED: row(409, 'The capture was cancelled', '采集已取消', 'Start a new capture.', '请重新开始采集。'),
  CAPTURE_NOT_DONE: row(
    409,
    'The capture has not finished',
    '采集尚未完成',
    'Wait until its state is `done`.',
    '请等待其状态变为 done。',
  ),
  CAPTURE_NOT_FOUND: row(404, 'There is no such capture', '没有此次采集', 'Check the id.', '请核对编号。'),
  CAPTURE_GONE: row(
    410,
    'The sample was destroyed',
    '采集数据已销毁',
    'Samples go when the agreement is sealed, cancelled or expired.',
    '协议用印、取消或到期后数据即销毁。',
  ),
  TOO_MANY_CAPTURES: row(
    429,
    'Too many captures at once',
    '同时进行的采集过多',
    'Finish or cancel one first.',
    '请先完成或取消一个采集。',
  ),
  CONSENT_REQUIRED: row(
    403,
    'The party’s separate consent is missing',
    '缺少当事人单独同意',
    'Record the consent, or let the party sign, stamp or sign on paper instead.',
    '请先取得并记录单独同意；也可改为签名、盖章或纸质签署。',
  ),
  GUARDIAN_CONSENT_REQUIRED: row(
    403,
    'A guardian must consent for a child under 14',
    '未满十四周岁须监护人同意',
    'Record the guardian’s consent.',
    '请记录监护人的同意。',
  ),
  CONSENT_MISMATCH: row(
    409,
    'The capture belongs to another party or agreement',
    '采集不属于该当事人或协议',
    'Capture again for this party.',
    '请为该当事人重新采集。',
  ),

  // --- agreements -------------------------------------------------------------------------------------------------------
  AGREEMENT_NOT_FOUND: row(404, 'There is no such agreement', '没有此协议', 'Check the id.', '请核对编号。'),
  AGREEMENT_INCOMPLETE: row(
    409,
    'Marks are missing',
    '协议尚未完成签署',
    'Complete the parties and mediator that `missing` names.',
    '请补齐 missing 所列各方。',
  ),
  AGREEMENT_SEALED: row(
    409,
    'The agreement is sealed',
    '协议已用印',
    'A sealed agreement is not changed; make a new one.',
    '已用印的协议不可更改，请另立协议。',
  ),
  AGREEMENT_BUSY: row(
    409,
    'The agreement is being sealed',
    '协议正在用印',
    'Wait for the sealing to end.',
    '请等待用印完成。',
  ),
  PARTY_NOT_FOUND: row(
    404,
    'There is no such party',
    '没有此当事人',
    'Use an id from the agreement’s parties or mediator.',
    '请使用协议中当事人或调解员的编号。',
  ),
  MARK_NOT_ALLOWED: row(
    422,
    'This kind of mark is not for this person',
    '此人不适用该签署方式',
    'The mediator signs with a signature or on paper.',
    '调解员须签名或在纸质文本上签署。',
  ),
  PAPER_ORIGINAL_REQUIRED: row(
    409,
    'This kind of agreement needs a paper original',
    '此类协议须有纸质原件',
    'Marriage, adoption and inheritance: set `paperOriginal` once the paper exists.',
    '婚姻、收养、继承类协议须先有纸质原件，再设置 paperOriginal。',
  ),
  PICTURE_NOT_PNG: row(
    422,
    'The picture is not a PNG',
    '图片不是 PNG',
    'Send a PNG picture; the seal’s own may be an SVG, too.',
    '请使用 PNG 图片；印章图片也可为 SVG。',
  ),
  PICTURE_SVG_UNSUPPORTED: row(
    422,
    'The SVG has something that is not drawn here',
    'SVG 含有不支持的内容',
    'Export it as plain shapes: text as outlines, no pictures, gradients, clips, filters or links; or use a PNG of 600 dpi.',
    '请导出为纯路径 SVG：文字转曲，不含位图、渐变、剪切、滤镜或外部链接；也可改用 600 dpi 的 PNG。',
  ),
  PICTURE_TOO_LARGE: row(413, 'The picture is too large', '图片过大', 'Send a smaller picture.', '请缩小图片。'),
  PICTURE_BLANK: row(
    422,
    'There is nothing to see in the picture',
    '图片是空白的',
    'Send a picture with the signature or seal on it.',
    '请提供带有签名或印章的图片。',
  ),
  PICTURE_RESOLUTION: row(
    422,
    'The picture is too coarse for its size',
    '图片分辨率不足',
    'At least 300 dpi at the size it is shown.',
    '按显示尺寸不得低于 300 dpi。',
  ),

  // --- PDF --------------------------------------------------------------------------------------------------------------
  PDF_UNREADABLE: row(422, 'The file is not a PDF that can be read', '文件不是可读的 PDF', ...OTHER_PDF),
  PDF_TRUNCATED: row(422, 'The PDF is cut off', 'PDF 不完整', ...OTHER_PDF),
  PDF_XREF_BROKEN: row(
    422,
    'The PDF’s table of contents of its own parts is broken',
    'PDF 的交叉引用已损坏',
    ...OTHER_PDF,
  ),
  PDF_AMBIGUOUS: row(
    422,
    'Readers would show this PDF in different ways',
    '不同阅读器对此 PDF 的显示不一致',
    ...OTHER_PDF,
  ),
  PDF_ENCRYPTED: row(
    422,
    'The PDF is encrypted so that it does not open without a password or key',
    'PDF 已加密，没有密码或密钥无法打开',
    'Save it without a password and upload that file.',
    '请去除密码后重新上传。',
  ),
  PDF_SHAPE_UNSUPPORTED: row(422, 'This form of PDF cannot be extended yet', '暂不支持此种 PDF 结构', ...OTHER_PDF),
  PDF_LIMIT: row(422, 'The PDF asks for more than is allowed', 'PDF 超出处理限度', ...OTHER_PDF),
  PDF_SIGNED_LOCKED: row(
    422,
    'An earlier signature forbids this change',
    '已有签名禁止此更改',
    'Seal into an empty signature field that it leaves open, or seal the version before it; whoever seals first names the seals to come in `expect`.',
    '请在该签名保留的空白签名域中用印，或使用该签名之前的版本；首个用印方应以 expect 预留后续印章的位置。',
  ),
  EARLIER_SIGNATURE_BROKEN: row(
    409,
    'An earlier signature on the document is broken',
    '文档上已有的签名已被破坏',
    'Get the document as it was signed, and seal that one.',
    '请取得当时签名的原始文件，再对其用印。',
  ),
  COUNTERSEAL_CONTENT_FORBIDDEN: row(
    409,
    'The document is sealed already; only a further seal may be added',
    '文档已用印，只能再加盖印章',
    'Let parties and mediator sign on paper (`paper`), and seal without marks on the pages.',
    '当事人和调解员请选择纸质签署（paper），用印时不再向页面添加印记。',
  ),
  SIGNATURE_ABSENT: row(422, 'The document carries no seal', '文档没有印章或签名', 'Seal it first.', '请先用印。'),
  SIGNATURE_BROKEN: row(
    422,
    'A seal on the document does not hold',
    '文档上的印章或签名已失效',
    'Ask for the document as it was sealed; see what `zhiyin verify` says of this one.',
    '请索取用印时的原始文件；可用 zhiyin verify 查看原因。',
  ),
  PDF_TIMEOUT: row(422, 'Reading the PDF took too long', '读取 PDF 超时', ...OTHER_PDF),
  PAGE_OUT_OF_RANGE: row(
    422,
    'There is no such page',
    '页码超出范围',
    'Use a page that the document has.',
    '请使用文档中存在的页码。',
  ),
  POSITION_OFF_PAGE: row(
    422,
    'The position is not on the page',
    '位置超出页面',
    'Keep the whole mark on the page.',
    '请使印记完整落在页面内。',
  ),
  KEYWORD_ABSENT: row(
    422,
    'The words are not in the document',
    '文档中没有该关键字',
    'Check the words, or place the mark by page and millimetres.',
    '请核对关键字，或按页码与毫米定位。',
  ),
  KEYWORD_AMBIGUOUS: row(
    422,
    'The words stand more than once in the document',
    '关键字出现多处',
    'Choose one of `candidates` with `occurrence`.',
    '请用 occurrence 从 candidates 中选择。',
  ),
  FIELD_NOT_FOUND: row(
    422,
    'There is no such empty signature field',
    '没有此空白签名域',
    'Use the name of an empty signature field.',
    '请使用空白签名域的名称。',
  ),
  FIELD_AMBIGUOUS: row(
    422,
    'Several empty signature fields could take the seal',
    '有多个空白签名域可以用印',
    'Choose one of `fields` as the placement’s `field`.',
    '请从 fields 中选择一个，写入 placement 的 field。',
  ),
  FIELD_NAME_TAKEN: row(
    409,
    'The document has a field of that name already',
    '文档中已有同名的域',
    'Give the seal that `detail` points to another name.',
    '请为 detail 所指的印章另取名称。',
  ),

  // --- the seal ---------------------------------------------------------------------------------------------------------
  SEAL_ABSENT: row(
    409,
    'No seal is configured',
    '未配置印章',
    'Set `seal.p12` in the configuration.',
    '请在配置项 seal.p12 中指定印章文件。',
  ),
  SEAL_LOCKED: row(409, 'The seal is locked', '印章未解锁', 'Unlock it with its passphrase.', '请输入口令解锁印章。'),
  SEAL_PASSPHRASE_WRONG: row(
    403,
    'The passphrase is wrong',
    '印章口令错误',
    'Type it again; mind capitals.',
    '请重新输入，注意大小写。',
  ),
  SEAL_FILE_INVALID: row(
    422,
    'The seal file is not a usable PKCS#12',
    '印章文件不是可用的 PKCS#12',
    'Ask the issuer for the file again.',
    '请向发证机构重新索取。',
  ),
  SEAL_KEY_UNSUPPORTED: row(
    422,
    'The seal’s key is of a kind not supported',
    '不支持的印章密钥类型',
    'Use an RSA key of 2048 bits or more.',
    '请使用 2048 位以上的 RSA 密钥。',
  ),
  SEAL_KEY_MISMATCH: row(
    422,
    'The certificate does not belong to the key',
    '证书与密钥不匹配',
    'Ask the issuer for the file again.',
    '请向发证机构重新索取。',
  ),
  SEAL_EXPIRED: row(
    409,
    'The seal’s certificate has expired',
    '印章证书已过期',
    'Have it renewed by the issuer.',
    '请向发证机构换发。',
  ),
  SEAL_NOT_YET_VALID: row(
    409,
    'The seal’s certificate is not valid yet',
    '印章证书尚未生效',
    'Check the PC’s clock.',
    '请检查电脑时间。',
  ),
  SEAL_USAGE: row(
    422,
    'The certificate is not for signing',
    '证书不得用于签名',
    'Ask the issuer for a certificate for signing.',
    '请向发证机构申请签名证书。',
  ),
  SEAL_FOREIGN: row(
    409,
    'The seal belongs to another committee',
    '印章属于其他委员会',
    'Use the committee’s own seal file.',
    '请使用本委员会的印章文件。',
  ),
  SEAL_GLYPH_MISSING: row(
    422,
    'The seal’s font lacks a character',
    '印章字体缺字',
    'Give the seal as a picture instead.',
    '请改用印章图片。',
  ),
  SEAL_LEVEL_UNSUPPORTED: row(
    422,
    'This signature level is not available',
    '未配置该签名级别所需的服务',
    'Set `timestamp.url`, for B-LT and B-LTA also `revocation.ocsp` or `revocation.crls`, in the configuration; or use B-B.',
    '请在配置中设置 timestamp.url；B-LT 与 B-LTA 还需 revocation.ocsp 或 revocation.crls。也可使用 B-B。',
  ),
  SEAL_REVOKED: row(
    409,
    'The seal’s certificate is revoked',
    '印章证书已被吊销',
    'Do not use this seal; ask the issuer for a new one.',
    '请停用此印章，并向发证机构申请新证书。',
  ),
  SEAL_SELF_CHECK: row(500, 'The sealed file failed its own check', '用印结果自检失败', ...ASK_AGAIN),
  SEAL_FAILED: row(500, 'Sealing failed', '用印失败', ...ASK_AGAIN),

  // --- timestamps and revocation ----------------------------------------------------------------------------------------
  TIMESTAMP_UNREACHABLE: row(
    503,
    'The timestamp authority cannot be reached',
    '无法连接时间戳服务',
    'Check the network and `timestamp.url`; what was sealed meanwhile is stamped once it can be.',
    '请检查网络与配置项 timestamp.url；期间已用印的文书将在恢复后补加时间戳。',
  ),
  TIMESTAMP_REFUSED: row(
    502,
    'The timestamp authority gave no timestamp',
    '时间戳服务拒绝签发时间戳',
    'Ask the authority about what `detail` says.',
    '请按 detail 所示原因联系时间戳服务。',
  ),
  TIMESTAMP_INVALID: row(
    502,
    'The timestamp authority’s answer is not what was asked for',
    '时间戳服务的应答与请求不符',
    'Check `timestamp.url`, or use another authority.',
    '请检查配置项 timestamp.url，或更换时间戳服务。',
  ),
  TIMESTAMP_UNTRUSTED: row(
    502,
    'The timestamp authority is not trusted',
    '时间戳服务不受信任',
    'Add the root of its certificate to `timestamp.roots`, or set the address of another authority.',
    '请把其根证书加入配置项 timestamp.roots，或更换时间戳服务。',
  ),
  TIMESTAMP_TOO_LARGE: row(
    502,
    'The timestamp does not fit',
    '时间戳超出预留空间',
    'Try again: more room is kept for the next one.',
    '请重试；下次将预留更多空间。',
  ),
  REVOCATION_UNREACHABLE: row(
    503,
    'Nobody can be asked whether a certificate is revoked',
    '无法查询证书吊销状态',
    'Check the network, `revocation.ocsp` and `revocation.crls`.',
    '请检查网络与配置项 revocation.ocsp、revocation.crls。',
  ),
  REVOCATION_UNKNOWN: row(
    502,
    'It is not known whether a certificate is revoked',
    '证书吊销状态不明',
    'Set a responder or list in `revocation` that speaks for every certificate of the chain that `detail` names.',
    '请在配置项 revocation 中设置覆盖 detail 所指证书链的查询服务或吊销列表。',
  ),

  // --- biometric records ------------------------------------------------------------------------------------------------
  RECORD_LENGTH: row(422, 'The biometric record’s length is wrong', '生物特征记录长度错误', ...CHECK_READER),
  RECORD_FORMAT: row(422, 'The biometric record is of another format', '生物特征记录格式不符', ...CHECK_READER),
  RECORD_INVALID: row(422, 'The biometric record breaks its standard', '生物特征记录不合标准', ...CHECK_READER),

  // --- certificates -----------------------------------------------------------------------------------------------------
  CERTIFICATE_INVALID: row(
    422,
    'The certificate cannot be read',
    '无法读取证书',
    'Use a PEM or DER certificate.',
    '请使用 PEM 或 DER 证书。',
  ),
  CRL_INVALID: row(
    422,
    'The list of revoked certificates cannot be used',
    '证书吊销列表无法使用',
    'Use the complete list of the certificate’s issuer, PEM or DER.',
    '请使用证书签发机构的完整吊销列表（PEM 或 DER）。',
  ),
  OCSP_INVALID: row(
    502,
    'The OCSP answer cannot be used',
    'OCSP 应答无法使用',
    'Check `revocation.ocsp`, or use a list of revoked certificates.',
    '请检查配置项 revocation.ocsp，或改用吊销列表。',
  ),
  OCSP_REFUSED: row(
    502,
    'The OCSP responder gave no answer',
    'OCSP 服务拒绝应答',
    'Ask the responder about what `detail` says, or use a list of revoked certificates.',
    '请按 detail 所示原因联系 OCSP 服务，或改用吊销列表。',
  ),
  CMS_INVALID: row(
    422,
    'The signature structure cannot be read',
    '无法读取签名结构',
    'Ask for the document as it was sealed.',
    '请索取用印时的原始文件。',
  ),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Further members of the problem, such as `missing` or `candidates`: plain JSON, nothing private. */
  readonly extras?: Readonly<Record<string, unknown>>;
}

/** A failure with a code of the table. `detail` is for people and says expected and got; branch on `code`, never on it. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly extras: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, detail = '', options: AppErrorOptions = {}) {
    super(
      detail === '' ? code : `${code}: ${detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.detail = detail;
    this.extras = options.extras ?? {};
  }
}

/** Whether `error` is an AppError, of one of `codes` where any are given. */
export function isAppError(error: unknown, ...codes: readonly ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}

/** RFC 9457 problem details with the Chinese twins of title and remedy. */
export interface Problem extends Readonly<Record<string, unknown>> {
  readonly type: string;
  readonly title: string;
  readonly titleZh: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remedy: string;
  readonly remedyZh: string;
}

export function problemOf(error: AppError): Problem {
  const { status, title, titleZh, remedy, remedyZh } = ERRORS[error.code];
  const type = `urn:zhiyin:problem:${error.code.toLowerCase().replaceAll('_', '-')}`;
  return { ...error.extras, type, title, titleZh, status, code: error.code, detail: error.detail, remedy, remedyZh };
}

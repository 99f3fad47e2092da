/** The words of the fixture agreements: invented and neutral, no real person, place or number. */

export interface Person {
  /** 甲, 乙, ...: what the agreement calls the party. */
  readonly mark: string;
  readonly description: string;
  readonly name: string;
}

const MARKS = Array.from('甲乙丙丁戊己');

export function parties(count: number): Person[] {
  return MARKS.slice(0, count).map((mark, i) => ({
    mark,
    name: `${mark}某`,
    description:
      `当事人${mark}：${mark}某，${i % 2 === 0 ? '男' : '女'}，${i % 2 === 0 ? '彝族' : '汉族'}，` +
      `${1970 + 3 * i}年1月1日生，身份证号 TEST-${'ABCDEF'[i]}-000${i + 1}，职业 务农，住址 示例镇示例村${i + 1}组。`,
  }));
}

export const TITLE = '人 民 调 解 协 议 书';
export const NUMBER = '编号：（2023）示某人调字第12号';
export const COMMITTEE = '示例市示例镇示例村人民调解委员会（印章）';
export const DATE = '2023年6月15日';
export const MEDIATOR_LABEL = '人民调解员（签名）：';
export const RECORDER_LABEL = '记录人（签名）：';

export function partyLabel({ mark }: Person): string {
  return `当事人${mark}（签名、盖章或按指印）：`;
}

const HEAD = [
  '一、纠纷主要事实、争议事项：2023年5月，甲、乙因田埂排水发生纠纷，乙修整自家稻田时加高田埂，致上方来水漫入甲的玉米地，约0.8亩玉米受淹减产。争议事项为减产损失的赔偿及排水沟的修复。经人民调解委员会调查核实，各方对上述事实无异议。责任：乙承担主要责任，甲承担次要责任。',
  '二、经调解，自愿达成如下协议：1. 乙一次性赔偿甲人民币叁仟贰佰元整（¥3,200.00）；2. 乙于2023年7月1日前修复排水沟；3. 双方再无其他争议。',
];

/** Passages that make an agreement longer; each document takes as many as it needs pages. */
const MIDDLE = [
  '三、履行方式、地点、时限：转账；示例村委会；2023年6月30日前。乙逾期不履行的，甲可以向人民调解委员会反映，由人民调解委员会督促履行。',
];
const LONGER = [
  '各方确认：本次调解由人民调解员依法告知了当事人的权利和义务，当事人表示清楚并自愿接受调解；调解过程中各方陈述自由，未受欺诈、胁迫，协议内容系真实意思表示，不违反法律、行政法规的强制性规定，不损害国家、集体和他人的合法权益。',
  '现场查验情况：人民调解员会同各方于2023年5月20日到场查看，量得受淹地块东西长约32米、南北宽约17米，排水沟自村道涵管起至河边止，其中塌方两处，共约9米，均有照片附卷。各方对查验结果签字认可，查验记录由人民调解委员会存档。',
  '赔偿数额的由来：玉米按示例镇农技站估算的亩产和当季收购价计算，扣除已经收获的部分，并考虑各方责任的大小和日后相处，经反复协商一致确定；修复排水沟所需的砂石、水泥由乙自备，用工由乙自行安排，甲提供通行便利。',
  '修复的要求：排水沟沟底宽不小于0.4米，深不小于0.5米，塌方段用块石护坡；完工后由各方与村民小组长共同查验，查验合格即为履行完毕。遇连续阴雨无法施工的，期限相应顺延，但最迟不晚于2023年7月20日。',
  '日后的约定：今后凡加高田埂、改动水口，应当事先告知相邻各户；雨季前各方共同清理各自地段的排水沟；发生争议先行协商，协商不成的，可以再次申请人民调解，也可以依法向人民法院提起诉讼。',
];
const TAIL = ['四、双方已知悉：可自本协议生效之日起三十日内共同向人民法院申请司法确认。'];

export function body(count: number, longer: number): string[] {
  const copies = ['', '', '三', '四', '五', '六', '七'][count] ?? '三';
  const more = Array.from({ length: longer }, (_, i) => `附记${i + 1}：${LONGER[i % LONGER.length] ?? ''}`);
  return [...HEAD, ...MIDDLE, ...more, ...TAIL, `本协议一式${copies}份，当事人各执一份，人民调解委员会留存一份。`];
}

/** What `examples/time-travel.ts` prints, on whatever store. Read next: `examples.test.ts`, `real/minio.test.ts`. */
export const TIME_TRAVEL =
  'the beginning of the log is gone: true\napples now: -120\napples in the morning: 800\n'
  + 'since then: {"value":800} became {"value":-120}\nset last by: shop\n'
  + 'the rule was broken first by: add {"by":-900} by till 7\n'

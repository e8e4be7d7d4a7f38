/**
 * What a check of `sirtaki doctor` comes to. Read next: `machine.ts`, `disk.ts`, `reach.ts`, `../commands/doctor.ts`.
 */

/** `ok`; `warn`: it works, and may hurt one day; `fail`: it does not work here. */
export type CheckLevel = 'ok' | 'warn' | 'fail'

/**
 * One thing that was looked at: `text` says in words what was found and, where it is not ok, what to do; `facts` are
 * for machines.
 */
export interface Check {
  readonly name: string
  readonly level: CheckLevel
  readonly text: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** Makes a check. */
export const check = (name: string, level: CheckLevel, text: string, facts: Check['facts'] = {}): Check => ({
  name,
  level,
  text,
  facts,
})

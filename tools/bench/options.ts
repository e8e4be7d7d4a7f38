/** The options of the bench. Read next: `main.ts`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { overloads } from './overload.ts'
import { rows } from './rows.ts'
import { specials } from './specials.ts'

/** What a run was asked for. `wanted` tells whether a row is. Times are in milliseconds. */
export interface Options {
  readonly json: boolean
  readonly peers: boolean
  /** Only to see that rows run: special rows at a hundredth of their sizes. */
  readonly smoke: boolean
  readonly rounds: number
  readonly ms: number
  readonly only: readonly string[]
  readonly chart: string | undefined
  readonly table: string | undefined
  readonly compare: string | undefined
  readonly openLoop: number | undefined
  readonly prof: string | undefined
  readonly version: string
  wanted(name: string): boolean
}

/** Rows of the overload test: they take minutes, so they run only where they are named. */
export const OVERLOAD = 'overload'

const names = (): string[] => [
  ...rows.map(({ name }) => name),
  ...specials.map(({ name }) => name),
  ...overloads.map(({ name }) => name),
]

/** Reads the command line; gives what is wrong with it in one line. */
export function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        smoke: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        rounds: { type: 'string', default: '5' },
        ms: { type: 'string', default: '1200' },
        chart: { type: 'string' },
        table: { type: 'string' },
        compare: { type: 'string' },
        'open-loop': { type: 'string' },
        prof: { type: 'string' },
      },
    })
    const number = (flag: string, text: string): number => {
      const value = Number(text)
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new Error(`--${flag} ${text}: expected a whole number from 1`)
      }
      return value
    }
    const only = values.only.flatMap((text) => text.split(','))
    const odd = only.find((one) => !names().some((name) => name.startsWith(one)))
    if (odd !== undefined) return `no row is called ${odd}: there are ${names().join(', ')}`
    const openLoop = values['open-loop']
    return {
      json: values.json,
      peers: values.peers,
      smoke: values.smoke,
      only,
      rounds: number('rounds', values.rounds),
      ms: number('ms', values.ms),
      chart: values.chart,
      table: values.table,
      compare: values.compare,
      prof: values.prof,
      openLoop: openLoop === undefined ? undefined : number('open-loop', openLoop),
      version: packageVersion(),
      wanted: (name) => (only.length === 0 ? !name.startsWith(OVERLOAD) : only.some((one) => name.startsWith(one))),
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

function packageVersion(): string {
  const text: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : ''
}

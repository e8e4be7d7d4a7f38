/** The options of a chaos run. Read next: `main.ts`. */
import { parseArgs } from 'node:util'
import { clientKinds, isKindName, kindNames, retentionKinds, type KindName } from './faults.ts'
import { isLoadName, loadNames, objectLoads, type LoadName } from './loads.ts'

/** How servers are connected: `auto` takes what the kinds of faults need and the machine can do. */
export type NetworkName = 'auto' | 'namespaces' | 'proxies'

/** What a run was asked for. `powerCuts` and `killAll` are bounded tests, which do nothing else. */
export interface Options {
  readonly minutes: number
  readonly seed: string
  /** `isChosen`: by whoever asked for the run, so that each has to be met. */
  readonly only: readonly KindName[]
  readonly isChosen: boolean
  readonly loads: readonly LoadName[]
  readonly folder: string | undefined
  readonly picture: string | undefined
  readonly json: string | undefined
  readonly rate: number
  /** Operations a second outside faults below which a run fails, since it says nothing. */
  readonly least: number
  readonly network: NetworkName
  /** Whether checkpoints, archive and trims go on meanwhile, with a MinIO that faults meet too. */
  readonly retention: boolean
  readonly powerCuts: number
  readonly killAll: number
  /** Processes beside it that do nothing but compute. */
  readonly busy: number
}

/** All that `--kill-all` does. */
const killAllOnly: readonly KindName[] = ['restart-all']
/** And its load, unless told: what is killed again and again has no time to play the objects of many rounds. */
const usualForKills: readonly LoadName[] = ['log']

const isNetworkName = (text: string): text is NetworkName =>
  text === 'auto' || text === 'namespaces' || text === 'proxies'

/** Reads the command line; gives what is wrong with it in one line. */
export function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        loads: { type: 'string', multiple: true, default: [] },
        dir: { type: 'string' },
        picture: { type: 'string' },
        json: { type: 'string' },
        rate: { type: 'string', default: '1000' },
        least: { type: 'string', default: '200' },
        network: { type: 'string', default: 'auto' },
        retention: { type: 'boolean', default: false },
        'power-cuts': { type: 'string', default: '0' },
        'kill-all': { type: 'string', default: '0' },
        busy: { type: 'string', default: '0' },
      },
    })
    const number = (flag: string, text: string, min: number): number => {
      const value = Number(text)
      if (!Number.isFinite(value) || value < min) throw new Error(`--${flag} ${text}: expected a number from ${min}`)
      return value
    }
    const only = values.only.flatMap((text) => text.split(','))
    const odd = only.find((one) => !isKindName(one))
    if (odd !== undefined) return `no kind of fault is called ${odd}: there are ${kindNames.join(', ')}`
    const asked = values.loads.flatMap((text) => text.split(','))
    const oddLoad = asked.find((one) => !isLoadName(one))
    if (oddLoad !== undefined) return `no load is called ${oddLoad}: there are ${loadNames.join(', ')}`
    if (!isNetworkName(values.network)) return `--network ${values.network}: expected auto, namespaces or proxies`
    const killAll = Math.floor(number('kill-all', values['kill-all'], 0))
    // What is killed again and again hardly serves in between: its operations a second say nothing.
    const loads = asked.length > 0 ? asked.filter(isLoadName) : killAll > 0 ? usualForKills : loadNames
    const hasObjects = loads.some((load) => objectLoads.includes(load))
    const usual = kindNames.filter(
      (kind) => (hasObjects || !clientKinds.includes(kind)) && (values.retention || !retentionKinds.includes(kind)),
    )
    const [wanted, least] =
      killAll > 0
        ? [killAllOnly, 0]
        : [only.length > 0 ? only.filter(isKindName) : usual, number('least', values.least, 1)]
    if (!values.retention && wanted.some((kind) => retentionKinds.includes(kind))) {
      return `faults of what writes checkpoints need --retention`
    }
    if (!hasObjects && wanted.some((kind) => clientKinds.includes(kind))) {
      return `faults of clients need one of the loads ${objectLoads.join(', ')}`
    }
    return {
      minutes: number('minutes', values.minutes, 0.1),
      seed: values.seed ?? String(Date.now() % 1e6),
      only: wanted,
      isChosen: killAll > 0 || only.length > 0,
      loads,
      folder: values.dir,
      picture: values.picture,
      json: values.json,
      rate: number('rate', values.rate, 1),
      least,
      network: values.network,
      retention: values.retention,
      powerCuts: Math.floor(number('power-cuts', values['power-cuts'], 0)),
      killAll,
      busy: Math.floor(number('busy', values.busy, 0)),
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

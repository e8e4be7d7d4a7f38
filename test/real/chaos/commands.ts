/**
 * The command lines of a run, all of them: what another version of `sirtaki` spells otherwise is changed here and
 * nowhere else.
 *
 * Read next: `../../../tools/commands/`, `cluster.ts`.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as rest } from 'node:timers/promises'
import { array, assert, nullable, number, optional, string, type, type Infer } from 'superstruct'
import { exits } from '../../../tools/cli/failure.ts'
import type { Place } from './network.ts'

/** The program behind every command. */
export const MAIN = join(import.meta.dirname, '../../../tools/sirtaki.js')

/** The environment of every command: no flag comes from outside. */
export const cleanEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('SIRTAKI_')))

const COMMAND_MS = 30_000
const TRIES = 10
/** Exit codes after which a command may be given again. */
const AGAIN: readonly number[] = [exits.unreachable, exits.conflict]

const Member = type({ address: string() })
const Status = type({
  epoch: number(),
  tail: number(),
  sequencer: nullable(Member),
  units: array(type({ address: string(), prefix: optional(number()) })),
  spares: array(Member),
})

/** What `status` tells. */
export type Status = Infer<typeof Status>

/** The arguments of a unit. */
export const unitArgs = (place: Place, data: string): string[] => [
  '--json',
  'unit',
  '--data',
  data,
  '--listen',
  place.listen,
  '--advertise',
  place.advertise,
]

/** The commands of one cluster. */
export class Commands {
  readonly #units: readonly string[]

  /** `units` are where the cluster can be asked. */
  constructor(units: readonly string[]) {
    this.#units = units
  }

  get url(): string {
    return `tcp://${this.#units.join()}`
  }

  /** The arguments of a sequencer that takes the place as soon as there is no other. */
  sequencerArgs(place: Place): string[] {
    return [
      '--json',
      'sequencer',
      '--listen',
      place.listen,
      '--advertise',
      place.advertise,
      '--units',
      this.#units.join(),
      '--standby',
    ]
  }

  async init(chain: readonly string[]): Promise<void> {
    await ran(['init', '--units', chain.join()])
  }

  /** A member that does not answer makes `status` end badly, and it still tells what it knows. */
  async status(): Promise<Status> {
    const { value } = await repeated(['--cluster', this.url, '--json', 'status'], ({ out }) =>
      out === '' ? undefined : { value: parsed(out) },
    )
    assert(value, Status)
    return value
  }

  async moveSequencer(address: string): Promise<void> {
    await this.#reconfigure('move-sequencer', address)
  }

  /** A blank unit joins, as a spare or as the newcomer of the chain. */
  async add(address: string, as: 'spare' | 'newcomer'): Promise<void> {
    await this.#reconfigure('add', address, ...(as === 'spare' ? ['--spare'] : ['--no-wait']))
  }
  /** Sets when checkpoints are written and what is kept. */
  async setPolicy(flags: readonly string[]): Promise<void> {
    await repeated(['--cluster', this.url, '--timeout', '10000', 'checkpoint', 'policy', ...flags], ({ code, out }) =>
      code === 0 ? out : undefined,
    )
  }
  async replace(lost: string, by: string): Promise<void> {
    await this.#reconfigure('replace', lost, by, '--no-wait')
  }

  #reconfigure(...args: readonly string[]): Promise<string> {
    return repeated(['--cluster', this.url, '--timeout', '10000', 'reconfigure', '--yes', ...args], ({ code, out }) =>
      code === 0 ? out : undefined,
    )
  }
}

/** What a command has said when it has ended. */
interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const failed = (args: readonly string[], { code, err }: Ended): Error =>
  new Error(`sirtaki ${args.join(' ')} ended with ${code ?? 'no exit code'}: ${err.trim()}`)

const parsed = (text: string): unknown => JSON.parse(text)

/** Runs a command to its end. @throws Error with its own words when it ends badly. */
async function ran(args: readonly string[]): Promise<string> {
  const end = await ended(args)
  if (end.code !== 0) throw failed(args, end)
  return end.out
}

/**
 * Runs a command as an operator does: again where the cluster cannot be reached or another one was quicker.
 *
 * @throws Error as `ran`.
 */
async function repeated<T>(args: readonly string[], read: (end: Ended) => T | undefined): Promise<T> {
  for (let tries = 1; ; tries++) {
    const end = await ended(args)
    const value = read(end)
    if (value !== undefined) return value
    if (tries === TRIES || (end.code !== null && !AGAIN.includes(end.code))) throw failed(args, end)
    await rest(500)
  }
}

function ended(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: cleanEnvironment(),
    timeout: COMMAND_MS,
    killSignal: 'SIGKILL',
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (piece) => {
    out += String(piece)
  })
  child.stderr.on('data', (piece) => {
    err += String(piece)
  })
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, out, err })
    })
  })
}

/**
 * Extensions in a simulated run: registered, replaced, disabled, removed and called by all clients at once.
 *
 * Judged as it happens: E2 (what fails leaves nothing), E3 (an entry uses the same fuel on every view; equal digests
 * are judged by `SimSessions`), E5 (who answers is the version that was called), E6 (no event fails the op that it
 * follows), O7 (one leader), O8 (an item has one holder, and is acknowledged once), O9 (no add lost or doubled). At the
 * end: no item that was put is lost, and each lease has run out. Read next: `sim-programs.ts`, `sim-sessions.ts`,
 * `plan.ts` (`ExtensionMix`).
 */
import type { LogClient } from '../../log/client/client.ts'
import type { CallOptions } from '../../log/cluster/calls.ts'
import { isError } from '../../log/errors.ts'
import type { ObjectClient } from '../../objects/client.ts'
import { Counter } from '../../objects/counter/type.ts'
import type { Extension } from '../../objects/extensions/define-extension.ts'
import { packagedEngine, type EngineSource } from '../../objects/extensions/engine-source.ts'
import { registryOf } from '../../objects/extensions/open-extension.ts'
import { extensionsIn } from '../../objects/extensions/registry.ts'
import type { ObjectSession } from '../../objects/object-session.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import type { Calls } from './calls.ts'
import type { Checker } from './checker.ts'
import type { ExtensionMix } from './plan.ts'
import type { Prng } from './prng.ts'
import { mayRest, programs, removable, type Name, type Versions } from './sim-programs.ts'
import { wrong, type SessionHistory } from './sim-sessions.ts'

const pathOf = (name: Name): string => (name === 'taker' ? '/taken' : `/x/${name}`)

/** What all clients of a run know of extensions. */
export class ExtensionHistory {
  /** The fuel of each entry that used some. */
  readonly #fuel = new Map<number, number>()
  readonly sums = { tally: new Set<number>(), taken: new Set<number>() }
  readonly put = new Set<string>()
  readonly acked = new Set<string>()
  readonly finished = new Set<string>()
  nextItem = 1

  /** A view has played an entry. */
  fuel(position: number, fuel: number, checker: Checker): void {
    const known = this.#fuel.get(position) ?? fuel
    this.#fuel.set(position, fuel)
    if (known === fuel) return
    checker.fail('E3', `the entry at ${position} used ${known} fuel on one view, ${fuel} on another`)
  }
}

/** The registry of a simulated process: the engine takes its time until it is there. */
export function registryIn(log: LogClient, delayMs: number): AnyObjectType {
  let isHere = false
  const source: EngineSource = {
    get now() {
      return isHere ? packagedEngine.now : undefined
    },
    load: async () => {
      await log.cluster.pause(delayMs)
      isHere = true
      return packagedEngine.load()
    },
  }
  return extensionsIn(source)
}

/** What extensions of one client process are given. */
export interface SimExtensionsOptions {
  readonly objects: ObjectClient
  readonly log: LogClient
  readonly prng: Prng
  readonly checker: Checker
  readonly history: ExtensionHistory
  readonly sessions: SessionHistory
  readonly mix: ExtensionMix
  readonly calls: Calls
  readonly timeoutMs: number
  readonly thinkMs: number
  readonly name: string
  isAlive(): boolean
}

/** The extensions of one client process. */
export class SimExtensions {
  readonly #options: SimExtensionsOptions
  #isStopped = false

  constructor(options: SimExtensionsOptions) {
    this.#options = options
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Works until stopped. */
  async lane(name: string): Promise<void> {
    const { objects, prng, mix, timeoutMs, thinkMs } = this.#options
    const session = await objects.session({ name, timeoutMs })
    while (this.#goesOn) {
      await this.#pause(thinkMs)
      if (!this.#goesOn) return
      const goesOn = await this.#tried(async () => {
        if (prng.chance(mix.manages)) await this.#manage(session)
        else await this.#work(session)
      })
      if (!goesOn) return
    }
  }

  /** The end: nothing that was put is lost, and no lease is left. */
  async judge(): Promise<void> {
    const { objects, history, checker, log, timeoutMs } = this.#options
    const patient: CallOptions = { timeoutMs: 10_000 }
    const put = [...history.put]
    await objects.sync(patient)
    const there = objects.extensions()
    if (there.some(({ name }) => name === 'sim.mail')) {
      const mail = await objects.open(this.#registered(programs.mail) ?? programs.mail[0], pathOf('mail'), patient)
      const keys = [...mail.tables.records.range()].map(([key]) => key)
      const lost = put.find((item) => !history.acked.has(item) && !keys.some((key) => key.endsWith(`/${item}`)))
      if (lost !== undefined) checker.fail('O8', `the put of ${lost} by an extension was acknowledged, it is nowhere`)
    }
    if (!there.some(({ name }) => name === 'sim.lease')) return
    await asks(objects.own, 'enable', { name: 'sim.lease' }, patient)
    const lease = await objects.open(this.#registered(programs.lease) ?? programs.lease[0], pathOf('lease'), patient)
    for (const deadline = log.cluster.ports.clock.now() + timeoutMs * 4; ;) {
      const left = await lease.left({}, patient)
      if (left === 0) return
      const isLate = log.cluster.ports.clock.now() > deadline
      if (isLate) checker.fail('O13', `${JSON.stringify(left)} leases have not run out`)
      await log.cluster.pause(timeoutMs / 4)
    }
  }

  get #goesOn(): boolean {
    return !this.#isStopped && this.#options.isAlive()
  }

  #pause(ms: number): Promise<void> {
    return this.#options.log.cluster.pause(this.#options.prng.next() * ms)
  }

  /** Tells whether to go on. What the registry and programs refuse is counted. */
  async #tried(run: () => Promise<void>): Promise<boolean> {
    const { calls, checker } = this.#options
    try {
      await run()
      return true
    } catch (thrown) {
      const isWrong = [...wrong, 'EXTENSION_TRAP', 'NOT_IN_USES', 'NOT_A_WAIT', 'BAD_SOURCE']
      if (!isError(thrown) || isWrong.includes(thrown.code)) throw thrown
      if (thrown.code === 'STOPPED') checker.fail('O1', `a view stopped: ${thrown.message}`)
      calls.count(`extension.${thrown.code}`)
      const why = /rounds|failures/.exec(String(thrown.facts['reason']))
      if (why !== null) calls.count(`extension.${why[0]}`)
      return thrown.code !== 'CLOSED'
    }
  }

  #run<T>(what: string, call: (options: CallOptions) => Promise<T>): Promise<T> {
    const { calls, prng, timeoutMs } = this.#options
    return calls.run(what, { timeoutMs: prng.integer(5, timeoutMs * 2) }, call)
  }

  /** The version that is registered, as this view shows it. */
  #registered<O extends object>(versions: Versions<O>): Extension<O> | undefined {
    const [{ extension }] = versions
    const found = this.#options.objects.extensions().find(({ name }) => name === extension)
    return versions.find(({ version }) => version === found?.version)
  }

  async #manage(session: ObjectSession): Promise<void> {
    const { prng, mix, calls } = this.#options
    const roll = prng.next()
    const on = (op: 'remove' | 'enable', name: Name) =>
      this.#run(op, (options) => asks(session, op, { name: `sim.${name}` }, options))
    if (roll < mix.removes) {
      await on('remove', prng.pick(removable))
      calls.count('extension.removed')
    } else if (roll < mix.removes + 0.15) {
      const input = { name: `sim.${prng.pick(mayRest)}`, reason: 'somebody looks' }
      await this.#run('disable', (options) => asks(session, 'disable', input, options))
    } else if (roll < mix.removes + 0.5) await on('enable', prng.pick(mayRest))
    else await this.#register(session, prng.pick(mix.names))
  }

  async #register(session: ObjectSession, name: Name): Promise<void> {
    const { prng, calls } = this.#options
    const versions: Versions<object> = programs[name]
    const before = this.#registered(versions)
    const extension = prng.pick(versions)
    await this.#run('register', (options) => session.register(extension, { ...options, takes: prng.chance(0.7) }))
    calls.count(before === undefined || before === extension ? 'extension.registered' : 'extension.replaced')
  }

  async #work(session: ObjectSession): Promise<void> {
    const { prng, mix } = this.#options
    const name = prng.pick(mix.names)
    if (this.#registered<object>(programs[name]) === undefined && prng.chance(0.8)) return this.#register(session, name)
    switch (name) {
      case 'tally':
        return this.#tally(session)
      case 'mail':
        return this.#mail(session)
      case 'lead':
        return this.#lead(session)
      case 'lease': {
        const { handle } = await this.#open(session, name, programs.lease)
        await this.#run('lease', (options) => handle.take({ ms: prng.integer(0, this.#options.timeoutMs) }, options))
        return
      }
      case 'flaky':
        return this.#flaky(session)
      case 'count': {
        const { handle } = await this.#open(session, name, programs.count)
        await this.#run('look', (options) => handle.look({}, options))
        return
      }
      case 'cascade':
        return this.#cascade(session)
      case 'taker':
        return this.#taken(session)
      default:
        return name satisfies never
    }
  }

  /** Opens an extension, mostly as it is registered, sometimes in any version. */
  async #open<O extends object>(session: ObjectSession, name: Name, versions: Versions<O>) {
    const { prng } = this.#options
    const known = this.#registered(versions)
    const extension = known === undefined || prng.chance(0.1) ? prng.pick(versions) : known
    const handle = await this.#run('open', (options) => session.open(extension, pathOf(name), options))
    return { handle, version: extension.version }
  }

  /** E5: what answers is what was called. */
  #answered(name: Name, version: number, answer: unknown): void {
    if (answer === version) return
    this.#options.checker.fail('E5', `version ${version} of ${name} was called, and ${String(answer)} answered`)
  }

  async #tally(session: ObjectSession): Promise<void> {
    const { handle, version } = await this.#open(session, 'tally', programs.tally)
    const lowest = Math.max(0, ...this.#options.history.sums.tally)
    const { value, version: by } = fieldsOf(await this.#run('tally', (options) => handle.add({ by: 1 }, options)))
    this.#answered('tally', version, by)
    this.#summed('tally', Number(value), lowest)
  }

  #summed(what: 'tally' | 'taken', value: number, lowest: number): void {
    const { history, checker } = this.#options
    const sums = history.sums[what]
    if (sums.has(value)) checker.fail('O9', `two adds to ${what} were answered with ${value}`)
    if (value <= lowest) checker.fail('O1', `an add to ${what} after ${lowest} was known was answered with ${value}`)
    sums.add(value)
  }

  async #taken(session: ObjectSession): Promise<void> {
    const { history, prng, calls } = this.#options
    const extension = this.#registered(programs.taker)
    if (extension !== undefined && prng.chance(0.3)) {
      await this.#run('agree', (options) => session.agree(extension, { ...options, takes: prng.chance(0.8) }))
      calls.count('extension.taken')
    }
    const counter = await this.#run('open', (options) => session.open(Counter, pathOf('taker'), options))
    const lowest = Math.max(0, ...history.sums.taken)
    this.#summed('taken', await this.#run('taken', (options) => counter.add({ by: 1 }, options)), lowest)
  }

  async #mail(session: ObjectSession): Promise<void> {
    const { handle, version } = await this.#open(session, 'mail', programs.mail)
    const { prng, history, checker, calls } = this.#options
    if (prng.chance(0.5)) {
      const item = `i${history.nextItem++}`
      this.#answered('mail', version, await this.#run('put', (options) => handle.put({ item }, options)))
      history.put.add(item)
      return
    }
    const runtime = session.current()
    const { item } = fieldsOf(await this.#run('take', (options) => handle.take({}, options)))
    const value = String(item)
    this.#claim(`item ${value} of an extension`, 'O8', () => !history.acked.has(value) && runtime.isCountedOn)
    calls.count('extension.takes')
    await this.#pause(prng.pick([0, 5, this.#options.timeoutMs / 2]))
    if (session.current() !== runtime || prng.chance(0.2)) return
    history.acked.add(value)
    if ((await this.#run('ack', (options) => handle.ack({ item: value }, options))) !== true) return
    if (history.finished.has(value)) checker.fail('O8', `item ${value} of an extension was acknowledged twice`)
    history.finished.add(value)
  }

  #claim(what: string, rule: 'O7' | 'O8', holds: () => boolean): void {
    const { sessions, checker, name, isAlive } = this.#options
    const counts = (): boolean => isAlive() && holds()
    if (counts()) sessions.claim({ what, exclusive: true, by: name, counts }, rule, checker)
  }

  async #lead(session: ObjectSession): Promise<void> {
    const { handle } = await this.#open(session, 'lead', programs.lead)
    const { prng, calls } = this.#options
    const runtime = session.current()
    const { op } = fieldsOf(await this.#run('lead', (options) => handle.lead({}, options)))
    let leads = true
    this.#claim('the lead of an extension', 'O7', () => leads && runtime.isCountedOn)
    calls.count('extension.leads')
    await this.#pause(prng.pick([0, 5, this.#options.timeoutMs]))
    leads = false
    await this.#run('resign', (options) => handle.resign({ op: Number(op) }, options))
  }

  async #flaky(session: ObjectSession): Promise<void> {
    const { handle } = await this.#open(session, 'flaky', programs.flaky)
    const { prng, checker } = this.#options
    if (prng.chance(0.3)) {
      const left = await this.#run('peek', (options) => handle.peek({}, options))
      if (left !== 0) checker.fail('E2', `ops of an extension that failed left ${JSON.stringify(left)} records`)
      return
    }
    const op = prng.pick(['boom', 'spin', 'deep', 'wide', 'swollen'] as const)
    const answer = await this.#run(op, (options) => handle[op]({}, options))
    checker.fail('E2', `${op} of an extension was answered with ${JSON.stringify(answer)}`)
  }

  async #cascade(session: ObjectSession): Promise<void> {
    const { handle, version } = await this.#open(session, 'cascade', programs.cascade)
    const rounds = this.#options.prng.pick([2, 7, 20])
    this.#answered('cascade', version, await this.#run('poke', (options) => handle.poke({ rounds }, options)))
  }
}

/** Calls an op of the registry. */
const asks = (
  session: ObjectSession,
  op: 'enable' | 'disable' | 'remove',
  input: { readonly name: string; readonly reason: string } | { readonly name: string },
  options: CallOptions,
): Promise<unknown> => registryOf(session.port.view).call(session.current(), { op, input, options })

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** Has the engine, before a world with extensions begins: its time is not that of the world. */
export async function bringEngine(): Promise<void> {
  await packagedEngine.load()
}

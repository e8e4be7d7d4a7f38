/**
 * A whole simulated cluster under one plan: units, acceptors, sequencers, clients, drivers, and the nemesis.
 *
 * `runPlan` plays a plan from genesis over the load and its faults to the end, where everything heals and must converge
 * (L11). Read next: `plan.ts`, `checker.ts`, `sim-client.ts`.
 *
 * Long: every process, fault and check of the world is wired here once.
 */
import { LogClient } from '../../log/client/client.ts'
import { Cluster } from '../../log/cluster/cluster.ts'
import { init } from '../../log/epochs/genesis.ts'
import type { Intent } from '../../log/epochs/intent.ts'
import { acceptorCount } from '../../log/epochs/next-layout.ts'
import { reconfigure } from '../../log/epochs/reconfigure.ts'
import { asError, isError } from '../../log/errors.ts'
import type { Layout } from '../../log/layout.ts'
import { FEATURE_LEVEL, checkLayout, openSegment, placesOf, unitsOf, type UnitMember } from '../../log/layout.ts'
import type { Limits } from '../../log/limits.ts'
import type { Ports } from '../../log/ports.ts'
import { superviseUnit, type Rejoin } from '../../log/unit/rejoin.ts'
import { UnitServer } from '../../log/unit/server.ts'
import { Empty, Identity } from '../../log/wire/control.ts'
import { FLAG_ANSWER, FLAG_ERROR, FrameParser } from '../../log/wire/frame.ts'
import { kinds } from '../../log/wire/messages.ts'
import type { AnyObjectType } from '../../objects/runtime/object-type.ts'
import { SequencerServer } from '../../sequencer/server.ts'
import { checkLogHistory } from '../../testing/models.ts'
import { Calls } from './calls.ts'
import { Checker, Violation } from './checker.ts'
import { SimDisk } from './disk.ts'
import { Network } from './network.ts'
import { hasTrims, type Fault, type Plan, type Start } from './plan.ts'
import { Prng } from './prng.ts'
import { LOAD_STREAMS, SharedHistory, SimClient } from './sim-client.ts'
import { SimBlobs } from './sim-blobs.ts'
import { ExtensionHistory, SimExtensions, bringEngine, registryIn } from './sim-extensions.ts'
import { ObjectHistory, SimObjects } from './sim-objects.ts'
import { SessionHistory, SimSessions } from './sim-sessions.ts'
import { Simulator, type SimProcess } from './simulator.ts'

/** What a run came to. */
export interface RunResult {
  readonly violation: { readonly id: string; readonly message: string } | undefined
  readonly trace: number
  readonly events: number
  readonly virtualMs: number
  readonly acknowledged: number
  readonly calls: number
  readonly points: ReadonlyMap<string, number>
  readonly shared: SharedHistory
}

/** What a run is given: `drain` empties the microtask queue, `log` gets a line for every event worth one. */
export interface RunOptions {
  readonly drain: () => Promise<void>
  readonly log?: ((text: string) => void) | undefined
}

/** What the objects of a process are made of: what their chances are named by, types besides those of all. */
interface Made {
  readonly name: string
  readonly types: readonly AnyObjectType[]
}
/** A client process that was started. */
interface Started {
  readonly generation: number
  readonly log: LogClient
  readonly process: SimProcess
  readonly types: readonly AnyObjectType[]
}
interface SequencerSlot {
  readonly process: SimProcess
  readonly address: string
  readonly standby: boolean
  server: SequencerServer | undefined
}
interface UnitSlot {
  readonly process: SimProcess
  readonly address: string
  disk: SimDisk
  server: UnitServer | undefined
  rejoin: Rejoin | undefined
  disks: number
  dropped: boolean
}

/** Virtual time in which a healed cluster must converge. */
const CONVERGE_MS = 10_000
/** Within it everything that was killed is started again. */
const KILLED_MS = 500
/** So long after that an append must be acknowledged, with one epoch a time and so many more in all. */
const AGAIN_MS = 10_000
const MORE_EPOCHS = 2

/** Gives blank units a first layout as if they had come a long way already, and everything below had been trimmed. */
async function beginHigh(
  cluster: Cluster,
  chains: readonly (readonly string[])[],
  window: number,
  { epoch, tail }: Start,
): Promise<void> {
  const found = new Map(
    await Promise.all(
      chains
        .flat()
        .map(async (address) => [address, await cluster.peer(address).control('identify', {}, Identity)] as const),
    ),
  )
  const member = (address: string): UnitMember => ({
    identity: found.get(address)?.identity ?? '',
    boot: found.get(address)?.boot ?? '',
    address,
  })
  const acceptors = chains
    .flat()
    .slice(0, acceptorCount(found.size))
    .map((address) => ({ identity: found.get(address)?.acceptor ?? '', address }))
  const layout = checkLayout({
    cluster: cluster.ports.random.id(),
    epoch,
    acceptors,
    sequencer: null,
    tail,
    window,
    trim: tail,
    logTime: 0,
    featureLevel: FEATURE_LEVEL,
    segments: [{ from: tail, to: null, kind: 'chain', chains: chains.map((chain) => chain.map(member)) }],
    spares: [],
    absent: [],
    drops: [],
  })
  for (const address of found.keys()) await cluster.peer(address).control('install', { layout }, Empty)
}

const NO_BOUNDS = { timeouts: 0, signals: 0, ends: false }
/** How long after its deadline a call may settle. */
const SETTLES_MS = 50

/** Plays one plan. */
export async function runPlan(plan: Plan, options: RunOptions): Promise<RunResult> {
  if (plan.extensions !== undefined) await bringEngine()
  const run = new SimCluster(plan, options)
  let violation: RunResult['violation']
  try {
    await run.play()
  } catch (thrown) {
    const found = violationIn(thrown)
    violation =
      found !== undefined
        ? { id: found.id, message: found.message }
        : {
            id: errorId(thrown),
            message: `${asError(thrown).message}\n${thrown instanceof Error ? (thrown.stack ?? '') : ''}`,
          }
  }
  run.end()
  return {
    violation,
    trace: run.world.trace,
    events: run.world.events,
    virtualMs: run.world.now,
    acknowledged: run.checker.acknowledged,
    calls: run.calls,
    points: run.points,
    shared: run.shared,
  }
}

/** Most steps are short, few are a hundred times as long: what a runtime does beside them. */
function stepsOf(seed: string, load: number): () => number {
  const prng = new Prng(`${seed}/steps`)
  return () => 0.02 * load * 100 ** (prng.next() ** 8)
}

/** A violation may have passed through a part that made an error of its own of it. */
function violationIn(thrown: unknown): Violation | undefined {
  if (thrown instanceof Violation) return thrown
  return thrown instanceof Error && thrown.cause !== undefined ? violationIn(thrown.cause) : undefined
}

function errorId(thrown: unknown): string {
  const { code, facts } = asError(thrown)
  return code === 'INVARIANT' && typeof facts['invariant'] === 'string' ? facts['invariant'] : code
}

class SimCluster {
  readonly plan: Plan
  readonly world: Simulator
  readonly network: Network
  readonly checker = new Checker()
  readonly points = new Map<string, number>()
  readonly shared = new SharedHistory()
  readonly #options: RunOptions
  readonly #units: UnitSlot[] = []
  #sequencers: SequencerSlot[] = []
  #clients: SimClient[] = []
  readonly #history = new ObjectHistory()
  #objects: (SimObjects | undefined)[] = []
  readonly #sessionHistory = new SessionHistory()
  #sessions: (SimSessions | undefined)[] = []
  readonly #extensionHistory = new ExtensionHistory()
  #extensions: (SimExtensions | undefined)[] = []
  #blobs: SimBlobs | undefined
  #failure: unknown
  #healed = false
  #drivers = 0
  #grown = 0
  /** Processes that speak the messages of the version before. */
  readonly #old: Set<string>
  calls = 0

  constructor(plan: Plan, options: RunOptions) {
    this.plan = plan
    this.#options = options
    this.world = new Simulator(options.drain)
    this.checker.now = () => this.world.now
    this.checker.fillFloorMs = plan.limits.fillFloorMs
    this.checker.begin(plan.start)
    this.shared.begin(plan.start.tail)
    this.#old = new Set(plan.old)
    this.checker.onEpoch = (before, layout) => {
      this.#countNews(before, layout)
    }
    if (plan.cpu !== undefined) this.world.stepMs = stepsOf(plan.seed, plan.cpu.load)
    this.network = new Network(this.world, plan.seed, plan.network)
    this.network.onWrite = (from, bytes) => {
      if (from.diskFailed) this.#checkSilence(from, bytes)
    }
    if (plan.sessions !== undefined) this.#drift(plan.sessions.drift)
    if (plan.checkpoints !== undefined) {
      this.#blobs = new SimBlobs(this.world, new Prng(`${plan.seed}/blobs`), plan.checkpoints.blobs, {
        checker: this.checker,
        digestAt: (position) => this.#sessionHistory.digestAt(position),
      })
    }
    for (let i = 0; i < plan.chains * plan.unitsPerChain + plan.spares + plan.blanks; i++) {
      const process = this.world.process(`unit-${i}`)
      this.#units.push({
        process,
        address: `u${i}:1`,
        disk: this.#newDisk(process, i, 0),
        server: undefined,
        rejoin: undefined,
        disks: 1,
        dropped: false,
      })
    }
  }

  /** Clocks of clients and sequencers run at paces of their own. */
  #drift(most: number): void {
    const prng = new Prng(`${this.plan.seed}/drift`)
    const names = ['seq-0', 'seq-1', ...Array.from({ length: this.plan.clients }, (_, i) => `client-${i}`)]
    for (const name of names) this.world.process(name).rate = prng.pick([1 - most, 1, 1 + most])
  }

  async play(): Promise<void> {
    for (let i = 0; i < this.#units.length; i++) await this.#startUnit(i)
    await this.#genesis()
    await this.#startSequencer(0, false)
    await this.#until(
      () => this.#sequencers[0]?.server?.machine.epoch !== 0 && this.#sequencers[0]?.server !== undefined,
      5_000,
      'the first sequencer never became ready',
    )
    if (this.plan.standby) await this.#startStandby()
    await this.#addSpares()
    this.#log('ready')
    if (this.plan.start.tail + this.plan.start.row > 0 || this.plan.start.epoch > 1) this.#count('start.high')
    this.network.disturb()
    for (let i = 0; i < this.plan.clients; i++) this.#startClient(i, 0)
    const start = this.world.now
    for (const fault of this.plan.faults) {
      this.world.schedule(fault.at, undefined, () => {
        this.#inject(fault)
      })
    }
    await this.#run(start + this.plan.loadMs)
    if (this.plan.cpu !== undefined) await this.#killAgainAndAgain(this.plan.cpu.kills)
    await this.#heal()
    await this.#converge()
  }

  end(): void {
    for (const client of this.#clients) {
      this.calls += client.calls
      client.stop()
    }
  }

  // ---- running

  async #run(until: number, done: () => boolean = () => false): Promise<boolean> {
    const reached = await this.world.run(until, () => this.#failure !== undefined || done())
    if (this.#failure !== undefined) throw this.#failure
    return reached
  }

  async #until(done: () => boolean, ms: number, otherwise: string): Promise<void> {
    if (!(await this.#run(this.world.now + ms, done))) throw new Violation('L11', otherwise)
  }

  /** Waits for a flow inside the world. */
  async #flow<T>(promise: Promise<T>, ms: number, otherwise: string): Promise<T> {
    let result: { value: T } | undefined
    promise.then(
      (value) => {
        result = { value }
      },
      (thrown: unknown) => {
        this.#failure ??= thrown
      },
    )
    await this.#until(() => result !== undefined, ms, otherwise)
    if (result === undefined) throw new Violation('L11', otherwise)
    return result.value
  }

  #log(text: string): void {
    this.#options.log?.(`${this.world.now.toFixed(2).padStart(9)} ${text}`)
  }

  #ports(process: SimProcess): Ports {
    const prng = new Prng(`${this.plan.seed}/process/${process.name}/${process.generation}`)
    const { generation } = process
    return {
      clock: this.world.clockOf(process),
      random: { next: () => prng.next(), id: () => prng.id() },
      transport: this.network.transportOf(process),
      failpoint: (name, facts = {}) => {
        if (!process.alive || process.generation !== generation) return
        this.#count(name)
        if (name === 'guard.suspects' && Array.isArray(facts['absent']) && facts['absent'].length > 0) {
          this.#suspectedUnder = Number(facts['epoch'])
        }
        if (this.#options.log !== undefined) this.#log(`${process.name} ${name} ${JSON.stringify(facts).slice(0, 160)}`)
        try {
          // What a process tells of times is on its own clock, which may have jumped, or drifts.
          const { aheadMs, rate, suspendedMs } = process
          this.checker.event(
            name,
            typeof facts['askedAt'] === 'number'
              ? {
                  ...facts,
                  askedAt: process.worldTimeOf(facts['askedAt']),
                  jumped: aheadMs > 0 || rate !== 1 || suspendedMs > 0,
                }
              : facts,
          )
          if (name === 'view.fuel') {
            this.#extensionHistory.fuel(Number(facts['position']), Number(facts['fuel']), this.checker)
          }
          if (name.startsWith('session.')) this.#sessionHistory.noted(name, facts, this.checker)
          if (name === 'retention.trimmed') {
            this.shared.trims(Number(facts['before']))
            this.#blobs?.trimmed(Number(facts['before']))
          }
          if (name === 'retention.checkpointed') this.#blobs?.noted(Number(facts['n']))
        } catch (thrown) {
          this.#failure ??= thrown
        }
      },
    }
  }

  /** What a process was started with: one of the version before does not know the newer messages. */
  #limits(process: SimProcess): Limits {
    return this.#old.has(process.name) ? { ...this.plan.limits, wireVersionMax: 1 } : this.plan.limits
  }

  #count(name: string): void {
    this.points.set(name, (this.points.get(name) ?? 0) + 1)
  }

  /** What is rare in how one layout follows another. */
  #countNews(before: Layout, layout: Layout): void {
    const named = (one: Layout): string[] =>
      openSegment(one)
        .chains.flat()
        .map(({ identity }) => identity)
    if (layout.segments.length < before.segments.length) this.#count('epoch.merges')
    if (layout.segments.length > 2) this.#count('epoch.manySegments')
    if (layout.absent.length > before.absent.length) this.#count('epoch.leavesOut')
    if (before.spares.some(({ identity }) => named(layout).includes(identity))) this.#count('epoch.usesSpare')
    if (layout.acceptors.some(({ address }) => layout.absent.some((one) => one.address === address))) {
      this.#count('epoch.keepsSeat')
    }
    if (
      layout.sequencer !== null
      && this.#sequencers.some(({ server, standby }) => standby && server?.member.boot === layout.sequencer?.boot)
      && before.sequencer?.boot !== layout.sequencer.boot
    ) {
      this.#count('epoch.namesStandby')
    }
    if (openSegment(layout).chains.length !== openSegment(before).chains.length) this.#count('epoch.stripes')
    if (layout.drops.some(({ times }) => times > 1)) this.#count('epoch.flaps')
  }

  // ---- parts

  #newDisk(process: SimProcess, unit: number, replaced: number): SimDisk {
    const prng = new Prng(`${this.plan.seed}/disk/${unit}/${replaced}`)
    const disk = new SimDisk(this.world, process, prng, prng.id())
    disk.onDurable = (commit) => {
      try {
        this.checker.durable(disk.identity, commit)
      } catch (thrown) {
        this.#failure ??= thrown
      }
    }
    disk.beginAt(this.plan.start.row)
    return disk
  }

  async #startUnit(i: number): Promise<void> {
    const slot = this.#slot(i)
    const server = new UnitServer({
      ports: this.#ports(slot.process),
      limits: this.#limits(slot.process),
      store: slot.disk,
      register: slot.disk.register(),
      address: slot.address,
      name: slot.process.name,
    })
    slot.server = server
    this.checker.started(slot.disk.identity, server.unit.state.boot)
    server.onStopped(() => {
      this.#log(`${slot.process.name} stopped: ${server.stopped?.message}`)
      if (server.stopped?.code === 'INVARIANT') this.#failure ??= server.stopped
    })
    await server.listen()
    slot.rejoin = superviseUnit(server, (text) => {
      this.#log(`${slot.process.name}: ${text}`)
    })
  }

  async #genesis(): Promise<void> {
    const chains = Array.from({ length: this.plan.chains }, (_, c) =>
      Array.from({ length: this.plan.unitsPerChain }, (_u, u) => `u${c * this.plan.unitsPerChain + u}:1`),
    )
    const process = this.world.process('init')
    const { start, limits } = this.plan
    const run = (): Promise<unknown> => {
      const cluster = new Cluster({ ports: this.#ports(process), limits, name: 'init', addresses: [] })
      return start.tail > 0 || start.epoch > 1
        ? beginHigh(cluster, chains, limits.window, start)
        : init(cluster, { chains, window: limits.window })
    }
    if (this.plan.genesisCrash) {
      void run().catch(() => undefined)
      await this.#run(this.world.now + new Prng(`${this.plan.seed}/genesis`).between(0.1, 4))
      this.#kill(process, false)
      void this.#crashUnit(0, 5, false)
      await this.#run(this.world.now + 30)
      process.alive = true
      process.generation++
    }
    await this.#flow(this.#again(run), 5_000, 'genesis did not end')
  }

  async #again(run: () => Promise<unknown>): Promise<void> {
    for (let i = 0; ; i++) {
      // A genesis that was begun may have been finished by the units themselves meanwhile.
      try {
        await run()
        return
      } catch (thrown) {
        if (isError(thrown, 'NOT_BLANK') && this.plan.genesisCrash) return
        if (asError(thrown).next === 'stop' || i > 20) throw thrown
      }
    }
  }

  async #startSequencer(i: number, takeOver: boolean): Promise<void> {
    const { process, server } = await this.#listeningSequencer(i, false)
    void this.#keepTrying(process, () => server.start({ takeOver, timeoutMs: 2_000 }))
  }

  async #startStandby(i = this.#sequencers.length): Promise<void> {
    const { process, server } = await this.#listeningSequencer(i, true)
    void this.#keepTrying(process, () => server.standBy())
  }

  async #listeningSequencer(
    i: number,
    standby: boolean,
  ): Promise<SequencerSlot & { readonly server: SequencerServer }> {
    const process = this.world.process(`seq-${i}`)
    const address = `s${i}:1`
    const server = new SequencerServer({
      ports: this.#ports(process),
      limits: this.#limits(process),
      address,
      name: process.name,
      units: this.#units.map((unit) => unit.address),
      log: (text) => {
        this.#log(`${process.name}: ${text}`)
      },
    })
    const sequencer = { process, address, server, standby }
    this.#sequencers[i] = sequencer
    this.#watchSequencer(process, server)
    await server.listen()
    return sequencer
  }

  /** What stops a sequencer is its own mistake: no peer and no fault can bring it to that. */
  #watchSequencer(process: SimProcess, server: SequencerServer): void {
    server.onStopped((error) => {
      this.#log(`${process.name} stopped: ${error.message}`)
      if (process.alive && error.code === 'INVARIANT') this.#failure ??= error
    })
  }

  /** The spares of the plan, before anything goes wrong. */
  async #addSpares(): Promise<void> {
    const first = this.plan.chains * this.plan.unitsPerChain
    const spares = this.#units.slice(first, first + this.plan.spares).map((unit) => unit.address)
    if (spares.length > 0) {
      await this.#flow(
        this.#again(() => reconfigure(this.#operator(), { spares })),
        5_000,
        'spares could not be added',
      )
    }
  }

  #operator(): Cluster {
    const process = this.world.process(`operator-${this.#drivers++}`)
    return new Cluster({
      ports: this.#ports(process),
      limits: this.plan.limits,
      name: process.name,
      addresses: this.#units.map((unit) => unit.address),
    })
  }

  /** An operator who tries until it is done, or refused, or everything heals, or who dies at it. */
  #operate(intentOf: (layout: Layout) => Intent | undefined, killAfterMs?: number): void {
    const cluster = this.#operator()
    if (killAfterMs !== undefined) {
      this.world.schedule(killAfterMs, undefined, () => {
        this.#kill(this.world.process(cluster.name), false)
      })
    }
    const attempt = async (): Promise<void> => {
      while (!this.#healed) {
        await cluster.refresh().catch(() => undefined)
        const { layout } = cluster
        const intent = layout === undefined ? undefined : intentOf(layout)
        if (layout !== undefined && intent === undefined) return
        try {
          if (intent !== undefined) {
            await reconfigure(cluster, intent)
            return
          }
        } catch (thrown) {
          const error = asError(thrown)
          if (error.code === 'INVARIANT') {
            this.#failure ??= thrown
            return
          }
          this.#log(`operator: ${error.code} ${error.message}`)
          if (error.next === 'stop') return
        }
        await cluster.pause(30)
      }
    }
    this.#operating++
    void attempt()
      .catch((thrown: unknown) => {
        if (asError(thrown).code === 'INVARIANT') this.#failure ??= thrown
      })
      .finally(() => {
        this.#operating--
      })
  }

  /** Operators at work, and those that died at it. */
  #operating = 0
  /** The last epoch under which somebody set out to leave units out. */
  #suspectedUnder = 0

  /** As whoever runs the process does: a start that failed is tried again, unless another one is there. */
  async #keepTrying(process: SimProcess, start: () => Promise<unknown>): Promise<void> {
    const { generation } = process
    for (;;) {
      try {
        await start()
        return
      } catch (thrown) {
        if (process.generation !== generation) return
        if (asError(thrown).code === 'IN_USE') {
          this.#refused.add(process)
          return
        }
        if (asError(thrown).code === 'INVARIANT') {
          this.#failure ??= thrown
          return
        }
        await new Promise<void>((resolve) => {
          this.world.schedule(20, process, resolve)
        })
      }
    }
  }

  #startClient(i: number, generation: number): void {
    const process = this.world.process(`client-${i}`)
    const ports = this.#ports(process)
    const log = new LogClient({
      ports,
      limits: this.#limits(process),
      name: process.name,
      addresses: this.#units.map((unit) => unit.address),
    })
    const client = new SimClient(
      this.plan,
      new Prng(`${this.plan.seed}/load/${i}/${generation}`),
      log,
      this.checker,
      this.shared,
      this.#calls(process, `${i}/${generation}`),
      (thrown) => {
        if (process.alive) this.#failure ??= thrown
      },
    )
    this.calls += this.#clients[i]?.calls ?? 0
    this.#clients[i] = client
    client.start()
    const types = this.#typesOf(log)
    this.#startSessions(i, { generation, log, process, types })
    const prng = new Prng(`${this.plan.seed}/objects/${i}/${generation}`)
    this.#objects[i]?.stop()
    if (hasTrims(this.plan) || !prng.chance(this.plan.objects.share)) return
    const objects = this.#makeObjects(log, process, prng, { name: `objects/${i}/${generation}`, types })
    this.#objects[i] = objects
    const failed = (thrown: unknown): void => {
      if (process.alive) this.#failure ??= thrown
    }
    for (let lane = prng.integer(1, 3); lane > 0; lane--) {
      objects.lane(`${process.name}-${generation}-${lane}`).catch(failed)
    }
    for (let reader = this.plan.objects.readers; reader > 0; reader--) objects.reader().catch(failed)
  }

  /** Sessions that end within the run, in the seeds that have them. */
  #startSessions(i: number, { generation, log, process, types }: Started): void {
    this.#sessions[i]?.stop()
    this.#extensions[i]?.stop()
    const sessions = this.#makeSessions(log, process, { name: `sessions/${i}/${generation}`, types })
    const extensions = sessions && this.#makeExtensions(log, process, sessions, `extensions/${i}/${generation}`)
    this.#sessions[i] = sessions
    this.#extensions[i] = extensions
    const failed = (thrown: unknown): void => {
      if (process.alive && process.generation === born && !isError(thrown, 'CLOSED')) this.#failure ??= thrown
    }
    const born = process.generation
    for (let lane = this.plan.sessions?.lanes ?? 0; lane > 0; lane--) {
      sessions?.lane(`${process.name}-${generation}-s${lane}`).catch(failed)
    }
    sessions?.watch().catch(failed)
    sessions?.checkpoint().catch(failed)
    for (let lane = this.plan.extensions?.lanes ?? 0; lane > 0; lane--) {
      extensions?.lane(`${process.name}-${generation}-x${lane}`).catch(failed)
    }
  }

  /** What a process knows besides the types of all: the registry of extensions, whose engine it has not yet. */
  #typesOf(log: LogClient): readonly AnyObjectType[] {
    const { extensions } = this.plan
    return extensions === undefined ? [] : [registryIn(log, extensions.engineMs)]
  }

  #makeExtensions(
    log: LogClient,
    process: SimProcess,
    { objects }: SimSessions,
    name: string,
  ): SimExtensions | undefined {
    const { thinkMs, extensions: mix, sessions } = this.plan
    const { generation } = process
    if (mix === undefined || sessions === undefined) return undefined
    return new SimExtensions({
      objects,
      log,
      prng: new Prng(`${this.plan.seed}/${name}`),
      checker: this.checker,
      history: this.#extensionHistory,
      sessions: this.#sessionHistory,
      mix,
      calls: this.#calls(process, name, NO_BOUNDS),
      timeoutMs: sessions.timeoutMs,
      thinkMs,
      name: `${process.name}/${generation}`,
      isAlive: () => process.alive && process.generation === generation,
    })
  }

  #makeSessions(log: LogClient, process: SimProcess, { name, types }: Made): SimSessions | undefined {
    const { thinkMs, sessions: mix } = this.plan
    const { generation } = process
    if (mix === undefined) return undefined
    return new SimSessions(log, {
      prng: new Prng(`${this.plan.seed}/${name}`),
      checker: this.checker,
      history: this.#sessionHistory,
      mix,
      calls: this.#calls(process, name, NO_BOUNDS),
      thinkMs,
      from: this.plan.start.tail,
      name: `${process.name}/${generation}`,
      isAlive: () => process.alive && process.generation === generation,
      checkpoints: this.plan.checkpoints,
      types,
      store: this.#blobs?.of(process, (thrown) => {
        this.#failure ??= thrown
      }),
    })
  }

  #makeObjects(log: LogClient, process: SimProcess, prng: Prng, { name, types }: Made): SimObjects {
    const { thinkMs, objects: mix } = this.plan
    return new SimObjects(log, {
      prng,
      checker: this.checker,
      history: this.#history,
      thinkMs,
      mix,
      calls: this.#calls(process, name),
      from: this.plan.start.tail,
      types,
    })
  }

  /** The calls of a process must settle as long as it lives. */
  #calls(process: SimProcess, name: string, mix = this.plan.calls): Calls {
    const { requestMs } = this.plan.limits
    return new Calls(
      {
        after: (ms, run) => this.world.schedule(ms / process.rate, process, run),
        now: () => this.world.now * process.rate - process.suspendedMs,
        count: (point) => {
          this.#count(point)
        },
        late: (message) => {
          this.#failure ??= new Violation('L11', `${process.name}: ${message}`)
        },
      },
      new Prng(`${this.plan.seed}/calls/${name}`),
      mix,
      { usualMs: requestMs, slackMs: SETTLES_MS },
    )
  }

  #slot(i: number): UnitSlot {
    const slot = this.#units[i]
    if (slot === undefined) throw new Error(`no unit ${i}`)
    return slot
  }

  // ---- faults

  #inject(fault: Fault): void {
    if (this.#healed) return
    this.#log(`fault ${JSON.stringify(fault)}`)
    this.#count(`fault.${fault.kind}`)
    switch (fault.kind) {
      case 'crash':
        void this.#crashUnit(fault.unit, fault.downMs, fault.halfOpen)
        return
      case 'crashAll':
        for (let i = 0; i < this.#units.length; i++) void this.#crashUnit(i, fault.downMs + i, false)
        return
      case 'pause': {
        const process = this.world.process(fault.process)
        process.pausedUntil = Math.max(process.pausedUntil, this.world.now + fault.ms)
        return
      }
      case 'partition':
        this.network.block(fault.a, fault.b, fault.ms)
        if (!fault.oneWay) this.network.block(fault.b, fault.a, fault.ms)
        return
      case 'reset':
        this.network.reset(fault.a, fault.b)
        return
      case 'slowDisk': {
        const { disk } = this.#slot(fault.unit)
        disk.syncMs = fault.syncMs
        this.world.schedule(fault.ms, undefined, () => {
          disk.syncMs = 0.1
        })
        return
      }
      case 'failDisk':
        this.#slot(fault.unit).disk.failNext = true
        this.world.schedule(20, undefined, () => {
          void this.#crashUnit(fault.unit, fault.downMs, false)
        })
        return
      case 'replaceDisk':
        this.#replaceDisk(fault.unit, fault.downMs)
        return
      case 'loseRegister':
        this.#loseRegister(fault.unit, fault.downMs, fault.afterMs)
        return
      case 'sequencer':
        this.#restartSequencer(fault.downMs)
        return
      case 'moveSequencer':
        this.#makeIsland(fault.island)
        void this.#startSequencer(this.#sequencers.length, true)
        return
      case 'reconfigure':
        this.#drive(fault.killAfterMs)
        return
      case 'client':
        this.#crashClient(fault.client)
        return
      case 'leave':
        this.#leave(fault.unit, fault.downMs)
        return
      case 'grow':
        this.#grow(fault.asSpare, fault.killAfterMs)
        return
      case 'shrink':
        this.#shrink(fault.unit)
        return
      case 'stripe':
        this.#stripe(fault.chains, fault.killAfterMs)
        return
      case 'flipBit':
        this.#flipBits(fault.unit, fault.times, fault.young === true)
        return
      case 'deaf':
        for (const { name } of this.world.processes.values()) {
          this.network.block(name, `client-${fault.client}`, fault.ms)
        }
        return
      case 'rechain':
        this.#rechain(fault.killAfterMs)
        return
      case 'misread':
        this.#slot(fault.unit).disk.misreadNext = true
        return
      case 'fullDisk': {
        const { disk } = this.#slot(fault.unit)
        disk.full = true
        this.world.schedule(fault.ms, undefined, () => {
          disk.full = false
        })
        return
      }
      case 'suspend': {
        const process = this.world.process(fault.process)
        const until = Math.max(process.pausedUntil, this.world.now + fault.ms)
        const from = Math.max(process.pausedUntil, this.world.now)
        process.suspend(from, (until - from) * process.rate)
        process.pausedUntil = until
        return
      }
      case 'cutOff': {
        const others = fault.from === 'units' ? this.#units : this.#sequencers
        for (const { process } of others) {
          this.network.block(`client-${fault.client}`, process.name, fault.ms)
          if (!fault.oneWay) this.network.block(process.name, `client-${fault.client}`, fault.ms)
        }
        return
      }
      case 'clockJump':
        this.world.process(fault.process).aheadMs += fault.ms
        return
      case 'sequencerGone':
        this.#killSequencer()
        return
      case 'swap':
        this.#swap(fault.unit)
        return
      case 'loseWrites':
        this.#loseWrites(fault.unit, fault.rows, fault.downMs)
        return
      case 'upgrade':
        this.#upgrade(fault.process, fault.downMs)
    }
  }

  #kill(process: SimProcess, halfOpen: boolean): void {
    process.alive = false
    process.generation++
    process.pausedUntil = 0
    this.network.gone(process, halfOpen)
  }

  /**
   * All servers are killed at once and started again, one soon after the other: the epoch that names them comes soon.
   */
  async #killEverything(): Promise<number> {
    const prng = new Prng(`${this.plan.seed}/kill/${this.world.now}`)
    const first = this.checker.newest?.epoch ?? 0
    const starts: Promise<void>[] = []
    const downMs = (): number => prng.between(20, 20 + KILLED_MS)
    for (let i = 0; i < this.#units.length; i++) starts.push(this.#crashUnit(i, downMs(), false))
    for (let i = 0; i < this.#sequencers.length; i++) starts.push(this.#restart(i, downMs()))
    await this.#flow(Promise.all(starts), KILLED_MS * 100, 'what was killed does not start')
    const { acknowledged } = this.checker
    const from = this.world.now
    const isBack = (): boolean => this.checker.acknowledged > acknowledged
    await this.#until(isBack, CONVERGE_MS * 10, 'no append goes through after everything was killed')
    const epochs = (this.checker.newest?.epoch ?? 0) - first
    const tookMs = this.world.now - from
    const told = `everything was killed, and the next append came after ${tookMs.toFixed(0)} ms and ${epochs} epochs`
    this.#log(told)
    this.#count('cpu.killed')
    if (tookMs > AGAIN_MS) throw new Violation('L11', told)
    await this.#run(this.world.now + prng.between(100, 1_000))
    return epochs
  }

  /** Drivers that let each other finish need one epoch each time, seldom another one. */
  async #killAgainAndAgain(kills: number): Promise<void> {
    let epochs = 0
    for (let left = kills; left > 0; left--) epochs += await this.#killEverything()
    if (epochs > kills + MORE_EPOCHS) {
      throw new Violation(
        'L11',
        `everything was killed ${kills} times, and it took ${epochs} epochs until appends went on`,
      )
    }
  }

  async #crashUnit(i: number, downMs: number, halfOpen: boolean): Promise<void> {
    const slot = this.#slot(i)
    if (!slot.process.alive || slot.dropped) return
    this.#kill(slot.process, halfOpen)
    slot.rejoin?.close()
    await new Promise<void>((resolve) => {
      this.world.schedule(downMs, undefined, resolve)
    })
    slot.process.alive = true
    await this.#startUnit(i)
  }

  /** A client is left alone with the sequencer that it knows, which may not hear either that another one is named. */
  #makeIsland(island: { readonly client: number; readonly ms: number } | undefined): void {
    if (island === undefined) return
    this.#cutOff(`client-${island.client}`, island.ms)
    const boot = this.checker.newest?.sequencer?.boot
    const named = this.#sequencers.find(({ server }) => server?.member.boot === boot)
    if (named !== undefined && new Prng(`${this.plan.seed}/island/${this.#sequencers.length}`).chance(0.5)) {
      this.#cutOff(named.process.name, island.ms)
    }
  }

  /** A process loses sight of all units, a client not of the sequencer that it knows (P53). */
  #cutOff(client: string, ms: number): void {
    for (const { process } of this.#units) {
      this.network.block(client, process.name, ms)
      this.network.block(process.name, client, ms)
    }
  }

  /** An acceptor loses its register while a driver is at work: else there is little that it could have forgotten. */
  #loseRegister(i: number, downMs: number, afterMs: number): void {
    this.#drive(undefined)
    this.world.schedule(afterMs, undefined, () => {
      // An epoch that an operator is opening may have fewer acceptors, or just this one.
      if (this.#operating > 0 || !this.#mayLoseVote(i)) return
      void this.#crashUnit(i, downMs, false)
      this.#slot(i).disk.loseRegister()
    })
  }

  /** The disk of a unit is replaced by a blank one under the same address, and an operator leaves the old one out. */
  #replaceDisk(i: number, downMs: number): void {
    const slot = this.#slot(i)
    // A layout that is being agreed on may count on just this disk: lost then, it leaves a chain without a whole copy
    // (sirtaki recover).
    if (!slot.process.alive || slot.dropped || this.#operating > 0 || !this.#mayLose(i)) return
    const old = slot.disk
    this.checker.lost(old.identity)
    slot.disk = this.#newDisk(slot.process, i, slot.disks++)
    void this.#crashUnit(i, downMs, false).then(() => {
      this.#dropUnit(old.identity, slot.address)
    })
  }

  /** The old disk is left out, and the blank one joins in its place. */
  #dropUnit(identity: string, address: string): void {
    this.#operate((layout) => {
      if (unitsOf(layout).some((unit) => unit.address === address && unit.identity !== identity)) return undefined
      const named = [...unitsOf(layout), ...layout.absent, ...layout.spares].some((unit) => unit.identity === identity)
      return { ...(named ? { drop: [identity] } : {}), join: [{ address }] }
    })
  }

  /**
   * A disk forgets the last it had synced, while its process is down. The others of its chain know what was decided.
   */
  #loseWrites(i: number, rows: number, downMs: number): void {
    const slot = this.#slot(i)
    const { identity } = slot.disk
    const others = this.#othersOf(identity)
    if (
      !slot.process.alive
      || others.length === 0
      || others.some((units) => !units.some((unit) => this.#servesNow(unit)))
    ) {
      return
    }
    void this.#crashUnit(i, downMs, false)
    if (slot.disk.loseLast(rows) > 0) this.#count('disk.lostWrites')
    const serverOf = (unit: UnitMember): UnitServer | undefined =>
      this.#units.find(({ disk }) => disk.identity === unit.identity)?.server
    const states = others.flat().map((unit) => serverOf(unit)?.unit.state)
    this.checker.dropped(identity, slot.disk.headers, (position) => states.some((state) => state?.isDecided(position)))
  }

  /** Bits flip where another unit has every value: what only one has and loses is lost by right. */
  #flipBits(i: number, times: number, young: boolean): void {
    const { disk } = this.#slot(i)
    const others = this.#othersOf(disk.identity)
    if (others.length === 0 || others.some((units) => units.length === 0)) return
    // The only copy of an entry may become the decision before anybody reads it: nobody could mend that.
    const isElsewhere = (position: number): boolean =>
      [...this.checker.units].some(
        ([identity, { lost, held }]) => identity !== disk.identity && !lost && held.get(position)?.kind === 'data',
      )
    const mayFlip = (position: number): boolean =>
      this.checker.decided.has(position) || (young && isElsewhere(position))
    for (let left = times; left > 0; left--) {
      const row: number[] = []
      disk.flipBit((position) => {
        row.push(position)
        return mayFlip(position) && (this.#flipped.get(position) ?? disk.identity) === disk.identity
      })
      if (row.some((position) => !this.checker.decided.has(position))) this.#count('disk.damagedYoung')
      // What is damaged on one disk stays whole on every other one: nobody could mend it.
      for (const position of row) {
        this.checker.unit(disk.identity).damaged.add(position)
        if (!this.#flipped.has(position)) this.#flipped.set(position, disk.identity)
      }
    }
  }

  /** The other units of each of its places. */
  #othersOf(identity: string): UnitMember[][] {
    const { newest } = this.checker
    if (newest === undefined) return []
    return placesOf(newest, identity).map(
      ({ from, index }) =>
        newest.segments
          .find((segment) => segment.from === from)
          ?.chains[index]?.filter((unit) => unit.identity !== identity) ?? [],
    )
  }

  #servesNow({ identity, boot }: UnitMember): boolean {
    return this.#units.some(
      ({ disk, process, server }) =>
        disk.identity === identity
        && process.alive
        && server?.stopped === undefined
        && server?.unit.state.boot === boot
        && server.unit.state.role === 'serving',
    )
  }

  /** A process ends and comes back in the newer version. */
  #upgrade(name: string, downMs: number): void {
    this.#old.delete(name)
    const unit = this.#units.findIndex(({ process }) => process.name === name)
    const client = this.#clients.findIndex((_, i) => name === `client-${i}`)
    const sequencer = this.#sequencers.findIndex(({ process }) => process.name === name)
    if (unit >= 0) void this.#crashUnit(unit, downMs, false)
    else if (client >= 0) this.#crashClient(client)
    else if (sequencer >= 0) void this.#restart(sequencer, downMs)
  }

  /** A unit is told to end, and says so before it does. */
  #leave(i: number, downMs: number): void {
    const slot = this.#slot(i)
    if (!slot.process.alive || slot.dropped || slot.server === undefined) return
    slot.server.sayLeaving()
    this.world.schedule(this.plan.limits.probeMs * 3, slot.process, () => {
      void this.#crashUnit(i, downMs, false)
    })
  }

  /** A blank unit joins a chain, or waits as a spare. */
  #grow(asSpare: boolean, killAfterMs: number | undefined): void {
    const first = this.plan.chains * this.plan.unitsPerChain + this.plan.spares
    const at = this.#grown++ % Math.max(1, this.plan.blanks)
    const { address } = this.#slot(first + at)
    this.#operate(
      (layout) =>
        unitsOf(layout).some((unit) => unit.address === address)
          ? undefined
          : asSpare
            ? { spares: [address] }
            : { join: [{ address }] },
      killAfterMs,
    )
  }

  /** A unit is taken out for good, if its chain has another. */
  #shrink(i: number): void {
    const { identity } = this.#slot(i).disk
    this.#operate((layout) =>
      openSegment(layout).chains.some((chain) => chain.length > 1 && chain.some((unit) => unit.identity === identity))
        ? { drop: [identity] }
        : undefined,
    )
  }

  /** A blank unit takes the place of a living one, which goes when its part of the closed segments is copied. */
  #swap(i: number): void {
    const { identity } = this.#slot(i).disk
    const { address } = this.#slot(this.#units.length - 1)
    this.#operate((layout) => {
      const chain = openSegment(layout).chains.findIndex((units) => units.some((unit) => unit.identity === identity))
      // A living one: who replaces a dead unit may take the last good copy of what is damaged elsewhere.
      return chain < 0 || !this.#slot(i).process.alive || unitsOf(layout).some((unit) => unit.address === address)
        ? undefined
        : { drop: [identity], join: [{ address, chain }] }
    })
  }

  /** The units of the open segment, and blank ones that answer, are laid out in so many chains. */
  #stripe(count: number, killAfterMs: number | undefined): void {
    let wanted: string | undefined
    this.#operate((layout) => {
      const units = openSegment(layout)
        .chains.flat()
        .map(({ address }) => address)
      if (units.length < count || openSegment(layout).chains.length === count) return undefined
      const chains = Array.from({ length: count }, (_, c) => units.filter((_unit, i) => i % count === c))
      if (wanted === JSON.stringify(chains)) return undefined
      wanted = JSON.stringify(chains)
      return { chains }
    }, killAfterMs)
  }

  /** The same units in as many chains of the same lengths, but in another order: the first of a chain decides. */
  #rechain(killAfterMs: number | undefined): void {
    const prng = new Prng(`${this.plan.seed}/rechain/${this.#drivers}`)
    let wanted: readonly (readonly string[])[] | undefined
    this.#operate((layout) => {
      const { chains } = openSegment(layout)
      if (
        wanted !== undefined
        && JSON.stringify(wanted) === JSON.stringify(chains.map((chain) => chain.map(({ address }) => address)))
      ) {
        return undefined
      }
      const units = chains
        .flat()
        .map(({ address }) => ({ address, at: prng.next() }))
        .sort((a, b) => a.at - b.at)
      wanted = chains.map((chain) => units.splice(0, chain.length).map(({ address }) => address))
      return { chains: wanted }
    }, killAfterMs)
  }

  /** The sequencer dies for good: who stands by takes over. */
  #killSequencer(): void {
    if (!this.#sequencers.some(({ standby, process }) => standby && process.alive)) return
    const newest = this.checker.newest?.sequencer?.boot
    const slot = this.#sequencers.find(
      ({ process, server, standby }) => process.alive && !standby && server?.member.boot === newest,
    )
    if (slot !== undefined) this.#kill(slot.process, false)
  }

  readonly #flipped = new Map<number, string>()
  /** Sequencers that were refused because another one lived. */
  readonly #refused = new Set<SimProcess>()

  #restartSequencer(downMs: number): void {
    void this.#restart(
      this.#sequencers.findLastIndex(({ standby }) => !standby),
      downMs,
    )
  }

  async #restart(i: number, downMs: number): Promise<void> {
    const slot = this.#sequencers[i]
    if (slot === undefined || !slot.process.alive) return
    this.#kill(slot.process, false)
    this.#refused.delete(slot.process)
    await new Promise<void>((resolve) => {
      this.world.schedule(downMs, undefined, resolve)
    })
    slot.process.alive = true
    await (slot.standby ? this.#startStandby(i) : this.#startSequencer(i, false))
  }

  #drive(killAfterMs: number | undefined): void {
    const process = this.world.process(`driver-${this.#drivers++}`)
    const cluster = new Cluster({
      ports: this.#ports(process),
      limits: this.plan.limits,
      name: process.name,
      addresses: this.#units.map((unit) => unit.address),
    })
    const sequencer = this.#sequencers.findLast(({ standby }) => !standby)?.server
    // A driver that wants a new epoch although nothing has changed: it says that the sequencer has moved to where it
    // is.
    const spare = this.#sequencers.at(0)?.server
    void reconfigure(cluster, { sequencer: (killAfterMs === undefined ? sequencer : spare)?.member }).catch(
      (thrown: unknown) => {
        if (asError(thrown).code === 'INVARIANT' && process.alive) this.#failure ??= thrown
      },
    )
    if (killAfterMs !== undefined) {
      this.world.schedule(killAfterMs, undefined, () => {
        this.#kill(process, false)
      })
    }
  }

  #crashClient(i: number): void {
    const process = this.world.process(`client-${i}`)
    if (!process.alive) return
    this.#clients[i]?.stop()
    this.#kill(process, false)
    process.alive = true
    this.#startClient(i, process.generation)
  }

  /** L10: after its disk failed, no acknowledgement leaves a process. */
  #checkSilence(from: SimProcess, bytes: Uint8Array): void {
    new FrameParser(1 << 26).push(bytes, (frame) => {
      const acknowledges =
        frame.kind === kinds.store
        || frame.kind === kinds.settle
        || frame.kind === kinds.force
        || frame.kind === kinds.seal
        || frame.kind === kinds.install
      if (acknowledges && (frame.flags & (FLAG_ANSWER | FLAG_ERROR)) === FLAG_ANSWER) {
        this.#failure ??= new Violation('L10', `${from.name} acknowledged after its disk had failed`)
      }
    })
  }

  // ---- the end

  async #heal(): Promise<void> {
    this.#healed = true
    this.#log('heal')
    this.network.heal()
    // A driver that lives on would name the sequencer of its fault, which may be long dead, and depose the one that
    // serves.
    for (const [name, process] of this.world.processes) {
      if ((name.startsWith('driver-') || name.startsWith('operator-')) && process.alive) this.#kill(process, false)
    }
    const dead = this.plan.deadAtEnd
    if (dead !== undefined && this.#mayDie(dead)) {
      this.#log(`unit-${dead} never comes back`)
      this.points.set('end.deadUnit', 1)
      this.#slot(dead).dropped = true
      if (this.#slot(dead).process.alive) this.#kill(this.#slot(dead).process, true)
    }
    for (const [i, slot] of this.#units.entries()) {
      slot.disk.syncMs = 0.1
      slot.disk.full = false
      if (slot.disk.failNext || slot.server?.stopped !== undefined) void this.#crashUnit(i, 1, false)
    }
    await this.#run(this.world.now + 250)
    for (const client of this.#clients) client.stop()
    for (const objects of this.#objects) objects?.stop()
    for (const sessions of this.#sessions) sessions?.stop()
    for (const extensions of this.#extensions) extensions?.stop()
  }

  /** A unit may be lost at the end where everything is on another one, and a majority of acceptors is left. */
  #mayDie(i: number): boolean {
    const { newest } = this.checker
    if (
      newest === undefined
      || this.#units.some(({ process, dropped }) => !process.alive || dropped)
      || unitsOf(newest).some((unit) => this.checker.unit(unit.identity).lost)
    ) {
      return false
    }
    return this.#mayLose(i) && this.#mayLoseVote(i)
  }

  /**
   * Whether a majority of acceptors is there without the one of a unit: who has lost its register is another one, which
   * no layout names yet.
   */
  #mayLoseVote(i: number): boolean {
    const { newest, agreed } = this.checker
    const there = new Set(this.#units.flatMap(({ server }, at) => (at === i ? [] : (server?.acceptor.identity ?? []))))
    return [newest, agreed].every(
      (layout) =>
        layout !== undefined
        && layout.acceptors.filter(({ identity }) => there.has(identity)).length * 2 > layout.acceptors.length,
    )
  }

  /**
   * Whether everything on the disk of a unit is on another one too, which nobody sets out to leave out, and a majority
   * of acceptors is left without it.
   */
  #mayLose(i: number): boolean {
    const { newest, agreed } = this.checker
    if (this.#suspectedUnder === newest?.epoch) return false
    const {
      disk: { identity },
      address,
    } = this.#slot(i)
    return [newest, agreed].every((layout) => {
      if (layout === undefined) return false
      const here = layout.acceptors.filter((one) => one.address === address).length
      return (
        layout.segments.every((segment) =>
          segment.chains.every((chain) => chain.length > 1 || chain[0]?.identity !== identity),
        ) && (layout.acceptors.length - here) * 2 > layout.acceptors.length
      )
    })
  }

  /** Who was refused because another one lives, or was deposed, has ended: somebody starts one where all have. */
  #ensureSequencer(): void {
    const haveAllEnded = this.#sequencers.every(
      ({ server, process, standby }) =>
        !process.alive || this.#refused.has(process) || (server?.deposed === true && !standby),
    )
    if (haveAllEnded) void this.#startSequencer(this.#sequencers.length, true)
  }

  /** The healed cluster must take appends again, decide everything it granted and agree with itself. */
  async #converge(): Promise<void> {
    this.#ensureSequencer()
    const process = this.world.process('judge')
    const log = new LogClient({
      ports: this.#ports(process),
      limits: this.plan.limits,
      name: 'judge',
      addresses: this.#units.map((unit) => unit.address),
    })
    const judge = new SimClient(
      this.plan,
      new Prng(`${this.plan.seed}/judge`),
      log,
      this.checker,
      this.shared,
      this.#calls(process, 'judge', NO_BOUNDS),
      (thrown) => {
        this.#failure ??= thrown
      },
    )
    await this.#flow(
      this.#untilWorks(() => {
        this.#ensureSequencer()
        return judge.append()
      }),
      CONVERGE_MS,
      'no append goes through after everything has healed',
    )
    const { tail } = await this.#flow(
      this.#untilWorks(() => log.tail()),
      CONVERGE_MS,
      'the tail cannot be read after everything has healed',
    )
    const settled = (): boolean =>
      this.#units.every(({ server }) => {
        const state = server?.unit.state
        const member =
          this.checker.newest !== undefined
          && unitsOf(this.checker.newest).some((unit) => unit.identity === state?.identity)
        return !member || (state !== undefined && state.decidedTo >= tail)
      })
    await this.#until(
      settled,
      CONVERGE_MS,
      `positions below the tail ${tail} stay undecided: `
        + this.#units.map(({ server }) => server?.unit.state.prefix).join(' '),
    )
    if (!this.#units.some(({ dropped }) => dropped)) {
      await this.#until(
        () => this.#isWhole(),
        CONVERGE_MS,
        'closed segments are not merged, or units stay left out, though everybody is back',
      )
    }
    if (!hasTrims(this.plan)) {
      for (let stream = 0; stream < this.plan.streams; stream++) await this.#checkStream(log, LOAD_STREAMS + stream)
    }
    const made: Made = { name: 'judge', types: this.#typesOf(log) }
    if (!hasTrims(this.plan)) {
      await this.#flow(
        this.#untilWorks(() => this.#makeObjects(log, process, new Prng('judge'), made).judge()),
        CONVERGE_MS,
        'the counter cannot be read after everything has healed',
      )
    }
    const sessions = this.#makeSessions(log, process, made)
    if (sessions !== undefined) {
      await this.#flow(
        this.#untilWorks(() => sessions.judge()),
        CONVERGE_MS * 2,
        'the sessions cannot be judged after everything has healed',
      )
      const extensions = this.#makeExtensions(log, process, sessions, 'judge/extensions')
      await this.#flow(
        this.#untilWorks(() => extensions?.judge() ?? Promise.resolve()),
        CONVERGE_MS * 2,
        'the extensions cannot be judged after everything has healed',
      )
    }
    this.checker.atEnd(tail)
    this.#judgeHistory()
  }

  /**
   * One segment, and nobody left out whose disk is still there and who has ever been told of the cluster: who joined
   * and went before that waits for the operator.
   */
  #isWhole(): boolean {
    const { newest } = this.checker
    const isBlank = (identity: string): boolean =>
      this.#units.some(
        ({ disk, server }) =>
          disk.identity === identity && server !== undefined && server.unit.state.layout === undefined,
      )
    return (
      newest !== undefined
      && newest.segments.length === 1
      && newest.absent.every(({ identity }) => this.checker.unit(identity).lost || isBlank(identity))
    )
  }

  #judgeHistory(): void {
    const { operations, dropped } = this.shared
    const verdict = checkLogHistory(operations.filter((operation) => !dropped.has(operation)))
    if (verdict.kind === 'violation') this.checker.fail(verdict.rule, verdict.message)
  }

  async #untilWorks<T>(run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run()
      } catch (thrown) {
        if (asError(thrown).next === 'stop') throw thrown
      }
    }
  }

  async #checkStream(log: LogClient, stream: number): Promise<void> {
    // Calls that were under way when their clients stopped may still end: only what was acknowledged before the read
    // counts.
    const acked = [...this.shared.acked]
    const entries = await this.#flow(
      this.#untilWorks(() => log.readStream({ stream, from: this.plan.start.tail, timeoutMs: CONVERGE_MS })),
      CONVERGE_MS,
      `stream ${stream} cannot be read after everything has healed`,
    )
    const positions = new Set(entries.map((entry) => entry.position))
    const missing = acked.find((one) => one.streams.includes(stream) && !positions.has(one.position))
    if (missing !== undefined) {
      this.checker.fail('Q4', `stream ${stream} lacks the acknowledged position ${missing.position} at the end`)
    }
    const times = entries.map((entry) => entry.logTime)
    if (times.some((time, i) => time < (times[i - 1] ?? 0))) {
      this.checker.fail('Q3', `log time goes back on stream ${stream}: ${times.join(' ')}`)
    }
  }
}

/**
 * What one seed draws: the shape of the cluster, the load, and an explicit list of faults that can be shrunk.
 *
 * Read next: `sim-cluster.ts`, `shrink.ts`.
 *
 * Long: everything that a seed decides is drawn here, in one order.
 */
import type { Limits } from '../../log/limits.ts'
import { limits as usual } from '../../log/limits.ts'
import type { CallMix } from './calls.ts'
import type { NetworkOptions } from './network.ts'
import { Prng } from './prng.ts'
import { names, type Name } from './sim-programs.ts'
import type { BlobMix } from './sim-blobs.ts'

/** One fault, at a virtual time in milliseconds. */
export type Fault =
  | {
      readonly kind: 'crash'
      readonly at: number
      readonly unit: number
      readonly downMs: number
      readonly halfOpen: boolean
    }
  | { readonly kind: 'crashAll'; readonly at: number; readonly downMs: number }
  | { readonly kind: 'pause'; readonly at: number; readonly process: string; readonly ms: number }
  | {
      readonly kind: 'partition'
      readonly at: number
      readonly a: string
      readonly b: string
      readonly oneWay: boolean
      readonly ms: number
    }
  | { readonly kind: 'reset'; readonly at: number; readonly a: string; readonly b: string }
  | {
      readonly kind: 'slowDisk'
      readonly at: number
      readonly unit: number
      readonly syncMs: number
      readonly ms: number
    }
  | { readonly kind: 'failDisk'; readonly at: number; readonly unit: number; readonly downMs: number }
  | { readonly kind: 'replaceDisk'; readonly at: number; readonly unit: number; readonly downMs: number }
  | {
      readonly kind: 'loseRegister'
      readonly at: number
      readonly unit: number
      readonly downMs: number
      readonly afterMs: number
    }
  | { readonly kind: 'sequencer'; readonly at: number; readonly downMs: number }
  | {
      readonly kind: 'moveSequencer'
      readonly at: number
      readonly island: { readonly client: number; readonly ms: number } | undefined
    }
  | { readonly kind: 'reconfigure'; readonly at: number; readonly killAfterMs: number | undefined }
  | { readonly kind: 'client'; readonly at: number; readonly client: number }
  | { readonly kind: 'leave'; readonly at: number; readonly unit: number; readonly downMs: number }
  | { readonly kind: 'grow'; readonly at: number; readonly asSpare: boolean; readonly killAfterMs: number | undefined }
  | { readonly kind: 'shrink'; readonly at: number; readonly unit: number }
  | { readonly kind: 'stripe'; readonly at: number; readonly chains: number; readonly killAfterMs: number | undefined }
  /** `young`: also what is not decided yet. */
  | {
      readonly kind: 'flipBit'
      readonly at: number
      readonly unit: number
      readonly times: number
      readonly young?: boolean
    }
  | { readonly kind: 'deaf'; readonly at: number; readonly client: number; readonly ms: number }
  | { readonly kind: 'rechain'; readonly at: number; readonly killAfterMs: number | undefined }
  | { readonly kind: 'misread'; readonly at: number; readonly unit: number }
  | { readonly kind: 'fullDisk'; readonly at: number; readonly unit: number; readonly ms: number }
  | { readonly kind: 'clockJump'; readonly at: number; readonly process: string; readonly ms: number }
  | { readonly kind: 'sequencerGone'; readonly at: number }
  | { readonly kind: 'swap'; readonly at: number; readonly unit: number }
  | {
      readonly kind: 'loseWrites'
      readonly at: number
      readonly unit: number
      readonly rows: number
      readonly downMs: number
    }
  | { readonly kind: 'upgrade'; readonly at: number; readonly process: string; readonly downMs: number }
  /** The machine of a process sleeps: its monotonic clock stands still, its uptime goes on. */
  | { readonly kind: 'suspend'; readonly at: number; readonly process: string; readonly ms: number }
  /** A client reaches the sequencers and no unit, or the units and no sequencer. */
  | {
      readonly kind: 'cutOff'
      readonly at: number
      readonly client: number
      readonly from: 'sequencers' | 'units'
      readonly oneWay: boolean
      readonly ms: number
    }

/** What the objects of a run are asked for. Chances from 0 to 1; `readers`: how many lanes of each client read only. */
export interface ObjectMix {
  readonly adds: number
  readonly appends: number
  readonly failing: number
  readonly atLeast: number
  readonly lateTypes: boolean
  readonly readers: number
  /** How many of the clients use objects at all. */
  readonly share: number
}

/** Sessions that live and die within a run, with what they own: locks, queue items, and what only transactions move. */
export interface SessionMix {
  readonly timeoutMs: number
  /** Lanes of each client that use coordination objects. */
  readonly lanes: number
  /** Chances of the kinds of work: the rest are transactions. */
  readonly locks: number
  readonly queue: number
  /** Clocks of processes run up to so much fast or slow. */
  readonly drift: number
  /** Sessions handed from one client to another. */
  readonly resumes: boolean
}

/** Extensions that are registered, replaced, disabled, removed and called. */
export interface ExtensionMix {
  readonly lanes: number
  /** Which ones. */
  readonly names: readonly Name[]
  /** Of all that a lane does, what it does to the registry; of that, how much are removals. */
  readonly manages: number
  readonly removes: number
  /** How long a process waits for the engine. */
  readonly engineMs: number
}

/** Checkpoints by a policy, with trims behind them. */
export interface CheckpointMix {
  readonly everyEntries: number
  readonly everyMs: number
  /** States above so many bytes stand in parts of their own. */
  readonly inlineBytes: number
  readonly graceMs: number
  /** Chance of each client to write them. */
  readonly share: number
  /** How old a range of the archive becomes, where the log is archived. */
  readonly rangeMs: number | undefined
  readonly blobs: BlobMix
}

/** Everything that one run is made of. */
export interface Plan {
  readonly seed: string
  readonly chains: number
  readonly unitsPerChain: number
  readonly clients: number
  /** Blank units beside: spares from the start, and others that may be added. */
  readonly spares: number
  readonly blanks: number
  /** Whether a second sequencer stands by. */
  readonly standby: boolean
  /** A unit that never comes back at the end: the others must go on without it. */
  readonly deadAtEnd: number | undefined
  readonly limits: Limits
  readonly network: NetworkOptions
  readonly loadMs: number
  readonly thinkMs: number
  readonly streams: number
  readonly withTrim: boolean
  readonly genesisCrash: boolean
  readonly faults: readonly Fault[]
  /** Processes of the version before: they speak its messages only, until an `upgrade` starts them anew. */
  readonly old: readonly string[]
  /** What bounds calls; `ends`: whether streams are read up to a position. */
  readonly calls: CallMix & { readonly ends: boolean }
  readonly objects: ObjectMix
  readonly sessions: SessionMix | undefined
  readonly checkpoints: CheckpointMix | undefined
  readonly extensions: ExtensionMix | undefined
  /** Whether streams are followed by consumers that take their time, besides by players. */
  readonly subscribers: boolean
  /** One CPU for all, on which steps take their time. */
  readonly cpu: Cpu | undefined
  readonly start: Start
}

/** A busy machine: its steps take `load` times as long as on a quiet one; everything is killed so often on it. */
export interface Cpu {
  readonly load: number
  readonly kills: number
}

/** Where a cluster begins: its first epoch and position, and the first row of its disks. */
export interface Start {
  readonly epoch: number
  readonly tail: number
  readonly row: number
}

/** Whether the beginning of the log goes while it is played: then streams are not judged from their start. */
export const hasTrims = ({ withTrim, checkpoints }: Plan): boolean => withTrim || checkpoints !== undefined

/** Draws the plan of a seed. */
export function drawPlan(seed: string): Plan {
  const prng = new Prng(`${seed}/plan`)
  const chains = prng.pick([1, 1, 1, 2, 2, 3])
  const unitsPerChain = prng.pick([1, 2, 3, 3])
  const clients = prng.integer(1, 4)
  const loadMs = prng.integer(100, 550)
  const window = prng.pick([4, 8, 16, 32])
  const limits: Limits = {
    ...usual,
    window,
    fillFloorMs: prng.pick([5, 15]),
    probeMs: 40,
    slowUnitMs: 20,
    slowForMs: 60,
    slowFactor: 5,
    coolOffMs: 50,
    requestMs: prng.pick([150, 300]),
    retryMinMs: 3,
    retryMaxMs: 60,
    stuckMs: 80,
    markIdleMs: prng.pick([0.5, 1, 10]),
    streamTailsMax: prng.pick([1, 2, 1_000]),
    resolveRangeMax: prng.pick([3, 1_000]),
    batchEntriesMax: prng.pick([1, 8, 64]),
    // Copies that take long: else segments are merged before anything happens to them.
    copyBytesPerSecond: prng.pick([usual.copyBytesPerSecond, 100_000, 20_000]),
  }
  const network: NetworkOptions = {
    delayMs: 0.1,
    jitterMs: prng.pick([0.2, 2]),
    slowChance: prng.pick([0, 0.02, 0.1]),
    slowMs: prng.pick([20, 200]),
    splitChance: prng.pick([0, 0.1]),
  }
  const shape = {
    chains,
    unitsPerChain,
    clients,
    loadMs,
    spares: prng.pick([0, 0, 1, 2]),
    blanks: prng.pick([0, 0, 1, 2]),
    standby: prng.chance(0.4),
  }
  const deadAtEnd =
    unitsPerChain * chains >= 3 && unitsPerChain > 1 && prng.chance(0.2)
      ? prng.integer(0, chains * unitsPerChain)
      : undefined
  const rest = {
    thinkMs: prng.pick([5, 20, 60]),
    streams: prng.integer(1, 4),
    withTrim: prng.chance(0.3),
    genesisCrash: prng.chance(0.1),
    faults: drawFaults(prng, shape),
  }
  const plan: Plan = {
    seed,
    ...shape,
    deadAtEnd: rest.faults.some(({ kind }) => kind === 'flipBit') ? undefined : deadAtEnd,
    limits,
    network,
    ...rest,
    old: [],
    cpu: undefined,
    calls: drawCalls(seed),
    objects: drawObjects(seed),
    sessions: undefined,
    checkpoints: undefined,
    extensions: undefined,
    subscribers: false,
    start: { epoch: 1, tail: 0, row: 0 },
  }
  const shaped = drawBounds(drawStart(plan))
  const whole = drawCpu(drawUpgrade(drawSwap(drawLoss(drawDamage(drawIsland(drawDeaf(drawRechain(shaped))))))))
  return drawExtensions(drawCheckpoints(drawSessions(whole)))
}

/** In some of the seeds with sessions these register programs, and call them. */
function drawExtensions(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/extensions`)
  if (plan.sessions === undefined || !prng.chance(0.4)) return plan
  const some = names.filter(() => prng.chance(0.5))
  return {
    ...plan,
    extensions: {
      lanes: prng.integer(1, 4),
      names: some.length === 0 ? names : some,
      manages: prng.pick([0.1, 0.3]),
      removes: prng.pick([0, 0.2]),
      engineMs: prng.pick([0, 5, 50, 500]),
    },
  }
}

/** In some of the seeds with sessions checkpoints are written, and the log is trimmed behind them. */
function drawCheckpoints(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/checkpoints`)
  if (plan.sessions === undefined || !prng.chance(0.35)) return plan
  const loadMs = plan.loadMs + prng.pick([500, 1_500, 2_500])
  // Somebody is away for so long that the log goes on without him.
  const away = Array.from({ length: prng.integer(1, 4) }, (): Fault => {
    const [at, ms, client] = [prng.integer(20, loadMs), prng.integer(300, 1_500), prng.integer(0, plan.clients)]
    return prng.chance(0.5)
      ? { kind: 'pause', at, process: `client-${client}`, ms }
      : { kind: 'cutOff', at, client, from: 'units', oneWay: false, ms }
  })
  return {
    ...plan,
    loadMs,
    faults: [...plan.faults, ...away].sort((x, y) => x.at - y.at),
    limits: { ...plan.limits, blobTryMs: 30, blobMs: 300, blobRetryMinMs: 2, blobRetryMaxMs: 20 },
    checkpoints: {
      everyEntries: prng.pick([5, 10, 40]),
      everyMs: prng.pick([100, 100, 300]),
      inlineBytes: prng.pick([0, 500, 1 << 20]),
      graceMs: prng.pick([0, 50, 200]),
      share: prng.pick([0.6, 1]),
      blobs: {
        delayMs: prng.pick([1, 5, 20]),
        lost: prng.pick([0, 0.02, 0.1]),
        down: prng.chance(0.4) ? { at: prng.integer(0, loadMs), ms: prng.integer(50, 500) } : undefined,
        rot: prng.pick([0, 0, 0.2]),
      },
      rangeMs: prng.chance(0.4) ? prng.pick([20, 100]) : undefined,
    },
  }
}

/**
 * In a third of the seeds sessions are short and clocks drift, so that they end for one reason or another; and clients
 * are held up, suspended, or cut off from one kind of server only.
 */
function drawSessions(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/sessions`)
  if (plan.cpu !== undefined || plan.withTrim || plan.old.length > 0 || !prng.chance(0.4)) return plan
  const timeoutMs = prng.pick([100, 200, 400])
  const sessions: SessionMix = {
    timeoutMs,
    lanes: prng.integer(1, 4),
    locks: prng.pick([0, 0.4, 0.7, 1]),
    queue: prng.pick([0.2, 0.5, 1]),
    drift: prng.pick([0, 0.05, 0.1]),
    resumes: prng.chance(0.3),
  }
  const loadMs = plan.loadMs + timeoutMs * prng.pick([0, 2, 4])
  const processes = ['seq-0', ...Array.from({ length: plan.clients }, (_, i) => `client-${i}`)]
  const faults = Array.from({ length: prng.integer(0, 5) }, (): Fault => {
    const at = prng.integer(20, loadMs)
    const ms = prng.integer(timeoutMs / 4, timeoutMs * 2)
    const client = prng.integer(0, plan.clients)
    switch (prng.pick(['pause', 'suspend', 'cutOff', 'cutOff', 'client'] as const)) {
      case 'pause':
        return { kind: 'pause', at, process: prng.pick(processes), ms }
      case 'suspend':
        return { kind: 'suspend', at, process: prng.pick(processes), ms }
      case 'client':
        return { kind: 'client', at, client }
      default:
        return { kind: 'cutOff', at, client, from: prng.pick(['sequencers', 'units']), oneWay: prng.chance(0.4), ms }
    }
  })
  return {
    ...plan,
    loadMs,
    sessions,
    limits: { ...plan.limits, sessionTimeoutMinMs: 10, attendMs: 5, proofMs: prng.pick([40, 80]) },
    faults: [...plan.faults, ...faults].sort((x, y) => x.at - y.at),
  }
}

/** In a third of the seeds some calls have a deadline or a signal of their own. */
function drawCalls(seed: string): Plan['calls'] {
  const prng = new Prng(`${seed}/calls`)
  const some = prng.chance(0.35)
  return {
    timeouts: some ? prng.pick([0, 0.1, 0.3]) : 0,
    signals: some ? prng.pick([0, 0.1, 0.3]) : 0,
    ends: prng.chance(0.5),
  }
}

/** A counter everywhere, and in most seeds objects whose ops do not commute. */
function drawObjects(seed: string): ObjectMix {
  const prng = new Prng(`${seed}/objects`)
  const adds = prng.pick([1, 0.5, 0.3, 0.3])
  return {
    adds,
    appends: (1 - adds) * prng.pick([0.3, 0.8, 1]),
    failing: prng.pick([0, 0.1, 0.4]),
    atLeast: prng.pick([0, 0.3]),
    lateTypes: prng.chance(0.3),
    readers: prng.pick([0, 0, 1, 2]),
    share: prng.pick([0.3, 0.5, 1]),
  }
}

/** Some clusters are old: their positions, epochs and rows are high, or just below the border of a chunk. */
function drawStart(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/start`)
  if (!prng.chance(0.2)) return plan
  const below = prng.integer(0, 40)
  const start: Start = {
    tail: prng.pick([
      0,
      4_096 - below,
      4_096 * prng.integer(2, 5_000) - below,
      2 ** 24 - below,
      2 ** 32 - below,
      2 ** 40 - below,
    ]),
    // An epoch has 32 bits in an entry: one a second for 136 years.
    epoch: prng.pick([1, 1_000_001, 2 ** 31 - 2, 2 ** 32 - 10_000]),
    row: prng.pick([0, 4_096 - below, 2 ** 24 - below, 2 ** 32 - below]),
  }
  return { ...plan, start, genesisCrash: false }
}

/** In some seeds the members of chains change places, and the order in which they decide. */
function drawRechain(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/rechain`)
  if (plan.chains * plan.unitsPerChain < 2 || !prng.chance(0.25)) return plan
  const rechains = Array.from({ length: prng.integer(1, 3) }, (): Fault => ({
    kind: 'rechain',
    at: prng.integer(20, plan.loadMs),
    killAfterMs: dies(prng),
  }))
  return { ...plan, faults: [...plan.faults, ...rechains].sort((x, y) => x.at - y.at) }
}

/** In some seeds a client is left alone with a sequencer that another one follows. */
function drawIsland(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/island`)
  if (!prng.chance(0.1)) return plan
  const island = { client: prng.integer(0, plan.clients), ms: prng.integer(80, 300) }
  const faults: Fault[] = [...plan.faults, { kind: 'moveSequencer', at: prng.integer(20, plan.loadMs), island }]
  return {
    ...plan,
    faults: faults.sort((x, y) => x.at - y.at),
    objects: { ...plan.objects, readers: Math.max(1, plan.objects.readers), share: 1 },
  }
}

/**
 * In some seeds a client hears nothing for some time, though it is heard: then everything comes at once, in any order.
 */
function drawDeaf(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/deaf`)
  if (!prng.chance(0.2)) return plan
  const client = prng.integer(0, plan.clients)
  const deaf = Array.from({ length: prng.integer(1, 5) }, (): Fault => ({
    kind: 'deaf',
    at: prng.integer(20, plan.loadMs),
    client,
    ms: prng.integer(5, 100),
  }))
  return { ...plan, faults: [...plan.faults, ...deaf].sort((x, y) => x.at - y.at) }
}

/** In some of the seeds with decaying disks what is not decided yet decays as well. */
function drawDamage(plan: Plan): Plan {
  if (!new Prng(`${plan.seed}/young`).chance(0.5)) return plan
  return {
    ...plan,
    faults: plan.faults.map((fault): Fault => (fault.kind === 'flipBit' ? { ...fault, young: true } : fault)),
  }
}

/** In some seeds the bounds of bytes and of subscribers are as small as the entries of the load. */
function drawBounds(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/bounds`)
  if (!prng.chance(0.4)) return { ...plan, subscribers: prng.chance(0.3) }
  const limits: Limits = {
    ...plan.limits,
    stepBytesMax: prng.pick([usual.stepBytesMax, 500, 4_000]),
    pushBytesMax: prng.pick([usual.pushBytesMax, 100, 1_000]),
    pushLagBytesMax: prng.pick([usual.pushLagBytesMax, 0, 200]),
    subscriberEntriesMax: prng.pick([usual.subscriberEntriesMax, 2, 10]),
    subscriberBytesMax: prng.pick([usual.subscriberBytesMax, 50]),
    clientBytesMax: prng.pick([usual.clientBytesMax, 1_000]),
    clientEntriesMax: prng.pick([usual.clientEntriesMax, 3]),
    // A frame must hold a layout of several segments.
    ...(prng.chance(0.5) ? { entryBytesMax: 8 << 10, frameBytesMax: 64 << 10 } : {}),
  }
  return { ...plan, limits, subscribers: prng.chance(0.5) }
}

/** In some seeds a living unit is replaced by a blank one: until that has copied, it serves what is closed. */
function drawSwap(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/swap`)
  if (plan.blanks === 0 || !prng.chance(0.25) || plan.faults.some(({ kind }) => kind === 'loseWrites')) return plan
  const swap: Fault = {
    kind: 'swap',
    at: prng.integer(20, plan.loadMs),
    unit: prng.integer(0, plan.chains * plan.unitsPerChain),
  }
  return { ...plan, faults: [...plan.faults, swap].sort((x, y) => x.at - y.at) }
}

/** What takes no unit away, neither for good nor for as long as it takes to be suspected. */
const harmless: ReadonlySet<Fault['kind']> = new Set([
  'reset',
  'client',
  'sequencer',
  'reconfigure',
  'grow',
  'misread',
  'sequencerGone',
  'deaf',
])

/**
 * Some seeds have a disk that drops what it had synced. Only its peers can notice that, so nothing else may take them
 * away: what such a disk and another fault do together loses data by right.
 */
function drawLoss(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/loss`)
  if (plan.unitsPerChain < 2 || !prng.chance(0.08)) return plan
  const loss: Fault = {
    kind: 'loseWrites',
    at: prng.integer(30, plan.loadMs),
    unit: prng.integer(0, plan.chains * plan.unitsPerChain),
    rows: prng.integer(1, 12),
    downMs: prng.integer(1, 60),
  }
  // Writers that die just before leave holes: what stands above them is decided one by one.
  const deathAt = (): number => Math.max(1, loss.at - prng.integer(0, 20))
  const dies = (): Fault => ({ kind: 'client', at: deathAt(), client: prng.integer(0, plan.clients) })
  const deaths = Array.from({ length: prng.integer(0, 5) }, dies)
  const faults = [...plan.faults.filter(({ kind }) => harmless.has(kind)), ...deaths, loss].sort((x, y) => x.at - y.at)
  return { ...plan, faults, deadAtEnd: undefined, network: { ...plan.network, slowChance: 0, jitterMs: 0.2 } }
}

/** Some seeds begin with processes of the version before, some of which are upgraded while everything runs. */
function drawUpgrade(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/upgrade`)
  if (!prng.chance(0.15)) return plan
  const units = plan.chains * plan.unitsPerChain + plan.spares + plan.blanks
  const all = [
    ...Array.from({ length: units }, (_, i) => `unit-${i}`),
    'seq-0',
    ...(plan.standby ? ['seq-1'] : []),
    ...Array.from({ length: plan.clients }, (_, i) => `client-${i}`),
  ]
  const old = all.filter(() => prng.chance(0.6))
  const upgrades = old
    .filter(() => prng.chance(0.5))
    .map((process): Fault => ({
      kind: 'upgrade',
      at: prng.integer(20, plan.loadMs),
      process,
      downMs: prng.integer(1, 40),
    }))
  // Where a disk has dropped what it had synced, no unit may be away.
  const mayStop = (fault: Fault): boolean =>
    fault.kind === 'upgrade'
    && (!fault.process.startsWith('unit-') || !plan.faults.some(({ kind }) => kind === 'loseWrites'))
  return { ...plan, old, faults: [...plan.faults, ...upgrades.filter(mayStop)].sort((x, y) => x.at - y.at) }
}

/**
 * Some seeds have a machine on which steps take their time, and everything is killed on it. Times are those of a real
 * cluster: what a bound of so many milliseconds means depends on how long a step takes.
 */
function drawCpu(plan: Plan): Plan {
  const prng = new Prng(`${plan.seed}/cpu`)
  if (!prng.chance(CPU_CHANCE)) return plan
  const { window, streamTailsMax, copyBytesPerSecond } = plan.limits
  const limits: Limits = { ...usual, window, streamTailsMax, copyBytesPerSecond }
  const network: NetworkOptions = { ...plan.network, jitterMs: 0.2, slowChance: 0 }
  return {
    ...plan,
    limits,
    network,
    chains: 1,
    unitsPerChain: 3,
    spares: prng.integer(0, 2),
    blanks: 0,
    standby: true,
    thinkMs: 60,
    deadAtEnd: undefined,
    genesisCrash: false,
    faults: [],
    cpu: { load: prng.pick([4, 8, 15, 15]), kills: prng.integer(1, 4) },
  }
}

/** Few of them: each is worth many others in events. */
const CPU_CHANCE = 0.02

/** Some who drive an epoch die on the way. */
const dies = (prng: Prng): number | undefined => (prng.chance(0.4) ? prng.integer(1, 30) : undefined)

/** Mostly a nuisance, sometimes so slow that the others have to go on without it. */
const slowSyncMs = (x: number): number => Math.round(x < 0.7 ? 2 + x * 80 : 60 + (x - 0.7) * 600)

function drawFaults(
  prng: Prng,
  {
    chains,
    unitsPerChain,
    clients,
    loadMs,
    spares,
    blanks,
    standby,
  }: Pick<Plan, 'chains' | 'unitsPerChain' | 'clients' | 'loadMs' | 'spares' | 'blanks' | 'standby'>,
): Fault[] {
  const units = chains * unitsPerChain
  const all = units + spares + blanks
  const processes = [
    ...Array.from({ length: units }, (_, i) => `unit-${i}`),
    'seq-0',
    ...Array.from({ length: clients }, (_, i) => `client-${i}`),
  ]
  // A swarm: each seed has its own mix of kinds, and some none at all.
  const kinds = (
    [
      'crash',
      'crash',
      'crashAll',
      'pause',
      'partition',
      'partition',
      'reset',
      'slowDisk',
      'failDisk',
      'replaceDisk',
      'loseRegister',
      'sequencer',
      'moveSequencer',
      'reconfigure',
      'reconfigure',
      'client',
      'leave',
      'grow',
      'shrink',
      'stripe',
      'flipBit',
      'misread',
      'fullDisk',
      'clockJump',
      'sequencerGone',
    ] as const
  ).filter(() => prng.chance(0.4))
  if (kinds.length === 0) return []
  let replaced = 0
  const faults = Array.from({ length: prng.integer(0, 8) }, (): Fault | undefined => {
    const at = prng.integer(20, loadMs)
    const unit = prng.integer(0, prng.chance(0.8) ? units : all)
    const downMs = prng.integer(1, prng.chance(0.7) ? 200 : 600)
    const [a, b] = [prng.pick(processes), prng.pick(processes)]
    switch (prng.pick(kinds)) {
      case 'crash':
        return { kind: 'crash', at, unit, downMs, halfOpen: prng.chance(0.3) }
      case 'crashAll':
        return { kind: 'crashAll', at, downMs }
      case 'pause':
        return { kind: 'pause', at, process: a, ms: prng.integer(5, 400) }
      case 'partition':
        return { kind: 'partition', at, a, b, oneWay: prng.chance(0.5), ms: prng.integer(20, 500) }
      case 'reset':
        return { kind: 'reset', at, a, b }
      case 'slowDisk':
        return { kind: 'slowDisk', at, unit, syncMs: slowSyncMs(prng.next()), ms: prng.integer(50, 900) }
      case 'failDisk':
        return { kind: 'failDisk', at, unit, downMs }
      // One of three acceptors may be lost, a single one may not: with fewer than three units a lost disk ends a
      // cluster.
      case 'replaceDisk':
        return unitsPerChain > 1 && units >= 3 && replaced++ === 0
          ? { kind: 'replaceDisk', at, unit, downMs }
          : undefined
      // The disk stays, the acceptor's file is gone: like a lost disk for the acceptors, nothing for the unit.
      case 'loseRegister':
        return units >= 3 && replaced++ === 0
          ? { kind: 'loseRegister', at, unit, downMs, afterMs: prng.between(0, 3) }
          : undefined
      case 'sequencer':
        return { kind: 'sequencer', at, downMs }
      case 'moveSequencer':
        return {
          kind: 'moveSequencer',
          at,
          island: prng.chance(0.5) ? { client: prng.integer(0, clients), ms: prng.integer(20, 300) } : undefined,
        }
      case 'reconfigure':
        return { kind: 'reconfigure', at, killAfterMs: prng.chance(0.5) ? prng.integer(1, 30) : undefined }
      case 'client':
        return { kind: 'client', at, client: prng.integer(0, clients) }
      case 'leave':
        return { kind: 'leave', at, unit, downMs }
      case 'grow':
        return blanks > 0 ? { kind: 'grow', at, asSpare: prng.chance(0.3), killAfterMs: dies(prng) } : undefined
      case 'shrink':
        return { kind: 'shrink', at, unit }
      case 'stripe':
        return { kind: 'stripe', at, chains: prng.integer(1, 4), killAfterMs: dies(prng) }
      // A damaged value has to be on another unit too, also at the end.
      case 'flipBit':
        return unitsPerChain > 1 && !kinds.includes('shrink') && !kinds.includes('replaceDisk')
          ? { kind: 'flipBit', at, unit, times: prng.integer(1, 4) }
          : undefined
      case 'misread':
        return { kind: 'misread', at, unit }
      case 'fullDisk':
        return { kind: 'fullDisk', at, unit, ms: prng.integer(20, 300) }
      case 'clockJump':
        return { kind: 'clockJump', at, process: a, ms: prng.pick([50, 500, 100_000]) }
      case 'sequencerGone':
        return standby ? { kind: 'sequencerGone', at } : undefined
      default:
        return undefined
    }
  })
  return faults.filter((fault) => fault !== undefined).sort((x, y) => x.at - y.at)
}

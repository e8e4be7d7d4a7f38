/**
 * Two revisions side by side: each runs its own bench, a round of one after a round of the other, and rows that moved
 * by more than the rounds spread are told.
 *
 * The other revision is checked out beside this one for the time of the run and uses this one's dependencies.
 * Read next: `main.ts`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { middleOf } from './measure.ts'
import type { Options } from './options.ts'

/** Rates of one row, round by round. */
interface Rates {
  readonly before: number[]
  readonly after: number[]
}

/**
 * Where two sets of rounds lie to each other: the change of the median as a share, and whether it is more than their
 * spread.
 */
export function movement({ before, after }: Rates): { readonly change: number; readonly moved: boolean } {
  const spread = (values: readonly number[]): number =>
    middleOf(values.map((value) => Math.abs(value - middleOf(values))))
  const from = middleOf(before)
  const change = from === 0 ? 0 : middleOf(after) / from - 1
  // Three median deviations are about two standard deviations of rounds that are normally distributed.
  return {
    change,
    moved: Math.abs(change) > 0.03 && Math.abs(middleOf(after) - from) > 3 * Math.max(spread(before), spread(after)),
  }
}

function git(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.trim()}`)
  return stdout.trim()
}

/** One round of a tree's own bench; rows it does not know are not its rows. */
function roundOf(tree: string, { only, ms }: Options, row: string | undefined): Promise<Map<string, number>> {
  const start = join(tree, 'tools/bench/start.ts')
  const args = [
    existsSync(start) ? start : join(tree, 'tools/bench/main.ts'),
    '--json',
    '--rounds',
    '1',
    '--ms',
    String(ms),
    ...(row === undefined ? only : [row]).flatMap((name) => ['--only', name]),
  ]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: tree, stdio: ['ignore', 'pipe', 'ignore'] })
    let out = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
    })
    child.once('error', reject)
    child.once('close', () => {
      resolve(new Map(out.split('\n').flatMap(rateOf)))
    })
  })
}

function rateOf(line: string): (readonly [string, number])[] {
  if (!line.startsWith('{')) return []
  const parsed: unknown = JSON.parse(line)
  const isRate =
    typeof parsed === 'object'
    && parsed !== null
    && 'name' in parsed
    && 'system' in parsed
    && parsed.system === 'sirtaki'
    && 'perSecond' in parsed
  return isRate ? [[String(parsed.name), Number(parsed.perSecond)]] : []
}

/** Compares this tree with a revision. False when nothing could be compared. @throws Error for an unknown revision. */
export async function compare(
  options: Options,
  write: (text: string) => void,
  progress: (text: string) => void,
): Promise<boolean> {
  const root = git(['rev-parse', '--show-toplevel'])
  const revision = git(['rev-parse', '--verify', `${options.compare}^{commit}`])
  const folder = mkdtempSync(join(tmpdir(), 'sirtaki-compare-'))
  const other = join(folder, 'tree')
  git(['worktree', 'add', '--detach', other, revision])
  try {
    symlinkSync(join(root, 'node_modules'), join(other, 'node_modules'))
    const rates = new Map<string, Rates>()
    for (let round = 0; round < options.rounds; round++) {
      for (const [side, tree] of [
        ['before', other],
        ['after', root],
      ] as const) {
        progress(`round ${round + 1} of ${options.rounds}, ${side === 'before' ? revision.slice(0, 8) : 'this tree'}`)
        for (const row of options.only.length === 0 ? [undefined] : options.only) {
          for (const [name, rate] of await roundOf(tree, options, row)) {
            const known = rates.get(name) ?? { before: [], after: [] }
            known[side].push(rate)
            rates.set(name, known)
          }
        }
      }
    }
    progress('')
    return tell(rates, options, write)
  } finally {
    git(['worktree', 'remove', '--force', other])
    rmSync(folder, { recursive: true, force: true })
  }
}

function tell(rates: ReadonlyMap<string, Rates>, { json }: Options, write: (text: string) => void): boolean {
  const both = [...rates].filter(([, { before, after }]) => before.length > 0 && after.length > 0)
  for (const [name, one] of both) {
    const { change, moved } = movement(one)
    if (json) write(JSON.stringify({ name, ...one, change, moved }))
    else {
      write(
        `${name.padEnd(24)} ${change >= 0 ? '+' : ''}${(100 * change).toFixed(1)} %  `
          + (moved ? (change > 0 ? 'faster' : 'SLOWER') : 'within noise'),
      )
    }
  }
  if (both.length === 0) write('no row was measured on both revisions')
  return both.length > 0
}

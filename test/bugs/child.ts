/**
 * Plays seeds one after the other until one fails, for `main.ts`: `node child.ts FROM COUNT ID,ID`. The bug is
 * planted by `--import ./plant.ts`. Ends with one line of JSON.
 *
 * Read next: `../harness/sim-cluster.ts`.
 */
import { drawPlan } from '../harness/plan.ts'
import { runPlan } from '../harness/sim-cluster.ts'
import { drain } from '../sim/drain.ts'
import { bugs } from './catalogue.ts'

const [from = '1', count = '1', ids = ''] = process.argv.slice(2)
const wanted = ids.split(',')
const faults = bugs.find((bug) => bug.name === process.env['SIRTAKI_BUG'])?.faults
const others: string[] = []
const first = Number(from)
let found: { seed: number; id: string; message: string } | undefined
let seed = first
for (; seed < first + Number(count) && found === undefined; seed++) {
  const plan = drawPlan(String(seed))
  if (faults !== undefined && !plan.faults.some((fault) => faults.includes(fault.kind))) continue
  const { violation } = await runPlan(plan, { drain })
  if (violation === undefined) continue
  if (wanted.includes(violation.id)) found = { seed, id: violation.id, message: violation.message.split('\n')[0] ?? '' }
  else if (others.length < 5) others.push(`seed ${seed} breaks ${violation.id}: ${violation.message.split('\n')[0]}`)
}
process.stdout.write(`${JSON.stringify({ found, others, seeds: seed - first })}\n`, () => process.exit(0))

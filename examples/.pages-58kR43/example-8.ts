import { connect } from '../../index.ts'

const client = await connect('memory:')
const term = await client.elect('/leader', { data: 'http://a:80', timeoutMs: 5_000 })
for await (const leader of client.observe('/leader')) {  // now, and each time when it is another one; undefined: none
  console.log(leader?.data, leader?.token === term.token, leader?.session)
  break
}
await term.proclaim('http://a:81')                       // another value for observers
await term.resign()                                      // the next one leads in this same entry
await client.close()

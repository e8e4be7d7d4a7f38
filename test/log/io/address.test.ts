/**
 * Addresses: what is understood, and what is said about the rest.
 *
 * Read next: `../../../log/io/address.ts`.
 */
import test from 'ava'
import { SirtakiError } from '../../../log/errors.ts'
import { parseAddress } from '../../../log/io/address.ts'

test('hosts, brackets and paths are understood', (t) => {
  t.deepEqual(parseAddress('127.0.0.1:7100'), { kind: 'tcp', host: '127.0.0.1', port: 7100 })
  t.deepEqual(parseAddress('unit-a.internal:0'), { kind: 'tcp', host: 'unit-a.internal', port: 0 })
  t.deepEqual(parseAddress('[::1]:65535'), { kind: 'tcp', host: '::1', port: 65535 })
  t.deepEqual(parseAddress('[fe80::1%eth0]:80'), { kind: 'tcp', host: 'fe80::1%eth0', port: 80 })
  t.deepEqual(parseAddress('unix:/run/a:b.sock'), { kind: 'unix', path: '/run/a:b.sock' })
  t.deepEqual(parseAddress(`unix:${'a'.repeat(107)}`), { kind: 'unix', path: 'a'.repeat(107) })
})

const refuses = test.macro((t, address: string, advice: RegExp) => {
  t.throws(() => parseAddress(address), { instanceOf: SirtakiError, code: 'BAD_ADDRESS', message: advice })
})

test('an empty address is refused', refuses, '', /no port/)
test('an address without a port is refused', refuses, 'localhost', /no port: write host:port/)
test('an empty port is refused', refuses, 'localhost:', /nothing is no port/)
test('a port that is no number is refused', refuses, 'localhost:http', /"http" is no port/)
test('a port out of range is refused', refuses, 'localhost:65536', /up to 65535/)
test('a negative port is refused', refuses, 'localhost:-1', /is no port/)
test('an empty host is refused', refuses, ':7100', /no host/)
test('a host with a blank is refused', refuses, 'local host:7100', /is no host/)
test('a scheme is refused', refuses, 'tcp://localhost:7100', /scheme/)
test('IPv6 without brackets is refused', refuses, '::1:7100', /brackets/)
test('brackets around a name are refused', refuses, '[localhost]:7100', /is no host/)
test('an empty path is refused', refuses, 'unix:', /no path/)
test('a path that the system would cut off is refused', refuses, `unix:${'ä'.repeat(54)}`, /108 bytes/)

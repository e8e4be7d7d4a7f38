/**
 * Which file systems are those of a network, as far as Linux tells.
 *
 * Read next: `host-folder.ts`.
 */

/** The numbers that statfs gives for them (statfs(2), linux/magic.h). */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x564c, 'NCP'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x01021997, '9P'],
  [0xc36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
])
const FUSE = 0x65735546
/** Those of FUSE that reach other machines; the others are a matter of this one. */
const NETWORK_FUSE = /^fuse\.(sshfs|rclone|s3fs|gcsfuse|glusterfs|ceph|davfs|curlftpfs|smbnetfs|juicefs)$/

/**
 * Gives the name of the network file system that `path` is on, `undefined` for any other.
 *
 * `type` is what statfs says; `mounts` gives the text of /proc/self/mountinfo, which is read for FUSE only.
 */
export function networkFileSystem(type: number, path: string, mounts: () => string): string | undefined {
  // The number is 32 bits wide, and some systems extend its sign.
  const unsigned = (type % 2 ** 32) + (type < 0 ? 2 ** 32 : 0)
  if (unsigned !== FUSE) return NETWORK_TYPES.get(unsigned)
  const name = typeAt(path, mounts())
  return name !== undefined && NETWORK_FUSE.test(name) ? name : undefined
}

/** The type of the innermost mount that holds the path. */
function typeAt(path: string, mounts: string): string | undefined {
  let best: { readonly point: string; readonly type: string } | undefined
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const point = (before.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    const type = after.split(' ')[0] ?? ''
    const holds = point !== '' && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`))
    // Of two mounts at one place the later one is on top.
    if (holds && point.length >= (best?.point.length ?? 0)) best = { point, type }
  }
  return best?.type
}

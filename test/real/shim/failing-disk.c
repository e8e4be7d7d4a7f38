/*
 * Makes calls to the disk fail, for LD_PRELOAD. Only files below SHIM_FOLDER count, and only these calls:
 *
 *     pread pwrite read write fsync fdatasync ftruncate rename      (the -64 forms are the same)
 *
 *     SHIM_FOLDER    an absolute path without links
 *     SHIM_CALL      which call fails; none if unset
 *     SHIM_AT        the n-th of them, from 1
 *     SHIM_ERRNO     with EIO, or ENOSPC
 *     SHIM_STAYS     set: every later one of that call fails too
 *     SHIM_FSYNC_MS  how long every fsync and fdatasync takes longer
 *     SHIM_COUNTS    a file: how many of each call there were, in the order above, one u64 each, in the machine's byte order
 *     SHIM_RUN       when it changes, the counts begin again at 0
 *
 * The environment is read at each call, so that one process can try one fault after the other. A sync of SHIM_FOLDER
 * itself counts like one of a file in it. Read next: failing-disk.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum call { PREAD, PWRITE, READ, WRITE, FSYNC, FDATASYNC, FTRUNCATE, RENAME, CALLS };
static const char *const names[CALLS] = { "pread", "pwrite", "read", "write", "fsync", "fdatasync", "ftruncate", "rename" };

static uint64_t unshared[CALLS];
static uint64_t *counts = unshared;
static char run[64];

__attribute__((constructor)) static void open_counts(void) {
  const char *path = getenv("SHIM_COUNTS");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof unshared) != 0) { perror("SHIM_COUNTS"); abort(); }
  void *shared = mmap(NULL, sizeof unshared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) { perror("SHIM_COUNTS"); abort(); }
  close(fd);
  counts = shared;
}

static int is_below(const char *path) {
  const char *folder = getenv("SHIM_FOLDER");
  if (folder == NULL) return 0;
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Counts a call on `path`; tells whether it fails, with errno set. */
static int fails_at(enum call call, const char *path) {
  if (!is_below(path)) return 0;
  const char *now = getenv("SHIM_RUN");
  if (now != NULL && strncmp(now, run, sizeof run - 1) != 0) {
    strncpy(run, now, sizeof run - 1);
    memset(counts, 0, sizeof unshared);
  }
  uint64_t n = ++counts[call];
  const char *delay = getenv("SHIM_FSYNC_MS");
  if (delay != NULL && (call == FSYNC || call == FDATASYNC)) {
    long ms = atol(delay);
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&pause, NULL);
  }
  const char *name = getenv("SHIM_CALL");
  const char *at = getenv("SHIM_AT");
  if (name == NULL || at == NULL || strcmp(name, names[call]) != 0) return 0;
  uint64_t wanted = strtoull(at, NULL, 10);
  if (n != wanted && (n < wanted || getenv("SHIM_STAYS") == NULL)) return 0;
  const char *error = getenv("SHIM_ERRNO");
  errno = error != NULL && strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
  return 1;
}

static int fails(enum call call, int fd) {
  char link[64], path[PATH_MAX];
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = kept;
  if (length < 0) return 0;
  path[length] = 0;
  return fails_at(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void *to, size_t count, off_t at) { return fails(PREAD, fd) ? -1 : REAL(pread)(fd, to, count, at); }
ssize_t pread64(int fd, void *to, size_t count, off64_t at) { return fails(PREAD, fd) ? -1 : REAL(pread64)(fd, to, count, at); }
ssize_t pwrite(int fd, const void *from, size_t count, off_t at) { return fails(PWRITE, fd) ? -1 : REAL(pwrite)(fd, from, count, at); }
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) { return fails(PWRITE, fd) ? -1 : REAL(pwrite64)(fd, from, count, at); }
ssize_t read(int fd, void *to, size_t count) { return fails(READ, fd) ? -1 : REAL(read)(fd, to, count); }
ssize_t write(int fd, const void *from, size_t count) { return fails(WRITE, fd) ? -1 : REAL(write)(fd, from, count); }
int fsync(int fd) { return fails(FSYNC, fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(FDATASYNC, fd) ? -1 : REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t length) { return fails(FTRUNCATE, fd) ? -1 : REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) { return fails(FTRUNCATE, fd) ? -1 : REAL(ftruncate64)(fd, length); }
int rename(const char *from, const char *to) { return fails_at(RENAME, to) ? -1 : REAL(rename)(from, to); }

/*
 * Cuts the power of mounted ext4 file systems: `cut FOLDER...`. From the ioctl on nothing reaches the device any more, the
 * journal neither; what is on the device stays. Read next: disk.ts.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2

int main(int count, char **folders) {
  for (int i = 1; i < count; i++) {
    uint32_t how = NO_LOG_FLUSH;
    int fd = open(folders[i], O_RDONLY);
    if (fd < 0 || ioctl(fd, EXT4_IOC_SHUTDOWN, &how) != 0) { perror(folders[i]); return 1; }
    close(fd);
  }
  return 0;
}
